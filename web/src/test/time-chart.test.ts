import { describe, expect, test } from "vitest";
import { labelsOf, rangeOf, ticksOf } from "../components/time-chart";

const HOUR = 3_600_000;
const FIRST = Date.UTC(2025, 10, 1, 2);
const timesOf = (...hours: number[]) => hours.map((hour) => new Date(FIRST + hour * HOUR).toISOString());
const daily = (runs: number) => labelsOf(timesOf(...Array.from({ length: runs }, (_, run) => run * 24)));

describe("the labels of a chart", () => {
  test("are at the runs, and no day has two", () => {
    expect(ticksOf(daily(4), 333)).toEqual([0, 1, 2, 3]);
    expect(daily(2)).toEqual(["1 Nov", "2 Nov"]);
  });

  test("on a phone are fewer, and the last run has one", () => {
    const shown = ticksOf(daily(30), 250 / 29);
    expect(shown.length).toBeGreaterThan(2);
    expect(shown.length).toBeLessThan(5);
    expect(shown.at(-1)).toBe(29);
  });

  test("of runs on one day have the time, and more room", () => {
    const labels = labelsOf(timesOf(...Array.from({ length: 24 }, (_, hour) => hour)));
    expect(labels.at(-1)).toBe("2 Nov, 01:00");
    const shown = ticksOf(labels, 600 / 23);
    const pixels = shown.slice(1).map((run, index) => (run - (shown[index] ?? 0)) * (600 / 23));
    expect(Math.min(...pixels)).toBeGreaterThan(80);
    expect(shown.length).toBeGreaterThan(3);
  });

  test("of a repeated run are shown once, and have no time", () => {
    const labels = labelsOf(timesOf(0, 24, 24, 48));
    expect(labels).toEqual(["1 Nov", "2 Nov", "2 Nov", "3 Nov"]);
    expect(ticksOf(labels, 300)).toEqual([0, 2, 3]);
  });
});

test.each([
  [590, 600, [0, 660]],
  [0, 0, [0, 1]],
  [-20, 40, [-22, 44]],
  [null, null, [0, 1]],
])("the axis of values from %j to %j includes zero", (low, high, range) => {
  expect(rangeOf(low, high).map(Math.round)).toEqual(range);
});
