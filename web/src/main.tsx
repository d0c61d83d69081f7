import { createRoot } from "react-dom/client";
import { App } from "./app";
import { PageProvider } from "./context";
import { openSource } from "./data/source";
import "./styles.css";

const data = document.getElementById("segbatch-data")?.textContent ?? "";
const root = createRoot(document.getElementById("root") as HTMLElement);
const source = await openSource(data, window.fetch.bind(window));
root.render(
  <PageProvider value={{ ...source, canEdit: false }}>
    <App />
  </PageProvider>,
);
