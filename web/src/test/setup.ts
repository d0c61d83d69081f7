import "@testing-library/jest-dom/vitest";
import { cleanup, configure } from "@testing-library/react";
import { afterEach, beforeEach, vi } from "vitest";

// jsdom draws no canvas.
vi.mock("uplot", () => {
  class Plot {
    static tzDate = (date: Date) => date;
    static paths = {};
    setSize() {}
    destroy() {}
  }
  return { default: Plot };
});

// A busy machine may take long; looking at styles for each role takes longest.
configure({ asyncUtilTimeout: 20_000, defaultHidden: true });

beforeEach(() => {
  vi.stubGlobal("matchMedia", () => ({ matches: false, addEventListener() {}, removeEventListener() {} }));
  vi.stubGlobal(
    "ResizeObserver",
    class {
      observe() {}
      disconnect() {}
    },
  );
  vi.stubGlobal("scrollTo", () => undefined);
  window.sessionStorage.clear();
  window.location.hash = "";
});

afterEach(cleanup);
