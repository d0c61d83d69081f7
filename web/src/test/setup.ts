import "@testing-library/jest-dom/vitest";
import { cleanup, configure } from "@testing-library/react";
import { afterEach, beforeEach, expect, vi } from "vitest";

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

const reported = vi.spyOn(console, "error");

beforeEach(() => {
  reported.mockClear();
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

afterEach(() => {
  cleanup();
  // What React finds wrong, such as elements that cannot be in each other. jsdom reports what it does not have.
  const found = reported.mock.calls.map(([first]) => String(first)).filter((text) => !text.includes("Not implemented"));
  expect(found).toEqual([]);
});
