import { createRoot } from "react-dom/client";
import { openSource } from "./data/source";
import { Root } from "./root";
import "./styles.css";

const data = document.getElementById("segbatch-data")?.textContent ?? "";
const root = createRoot(document.getElementById("root") as HTMLElement);
root.render(<Root source={await openSource(data, window.fetch.bind(window))} />);
