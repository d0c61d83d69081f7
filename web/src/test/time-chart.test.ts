import { describe, expect, test } from "vitest";
import { rangeOf, ticksOf } from "../components/time-chart";

const DAY = 86_400;
const FIRST = Date.UTC(2025, 10, 1, 2) / 1000;
const days = (...numbers: number[]) => numbers.map((number) => FIRST + number * DAY);
/** Pixels per second of a chart of this width over some days. */
const scale = (width: number, over: number) => width / (over * DAY);

describe("the labels of a chart", () => {
  test("are at the runs, and no day has two", () => {
    expect(ticksOf(days(0, 1, 2, 3), scale(1000, 3))).toEqual(days(0, 1, 2, 3));
  });

  test("on a phone are fewer, and the last run has one", () => {
    const month = days(...Array.from({ length: 30 }, (_, number) => number));
    const shown = ticksOf(month, scale(250, 29));
    expect(shown.length).toBeGreaterThan(2);
    expect(shown.length).toBeLessThan(5);
    expect(shown.at(-1)).toBe(month.at(-1));
  });

  test("of runs on one day have the time, and more room", () => {
    const hours = Array.from({ length: 24 }, (_, hour) => FIRST + hour * 3600);
    const shown = ticksOf(hours, scale(600, 23 / 24));
    const pixels = shown.slice(1).map((at, index) => (at - (shown[index] ?? 0)) * scale(600, 23 / 24));
    expect(Math.min(...pixels)).toBeGreaterThan(80);
    expect(shown.length).toBeGreaterThan(3);
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
