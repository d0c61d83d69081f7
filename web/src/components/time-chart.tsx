import { useEffect, useRef, useState } from "react";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { compact, day, dayAndTime } from "../format";
import { t } from "../texts";

export interface Line {
  label: string;
  values: (number | null)[];
  /** The name of a CSS variable. */
  color: string;
  bars?: boolean;
}

interface Props {
  label: string;
  times: string[];
  lines: Line[];
  height?: number;
  format?: (value: number) => string;
}

const dark = () => window.matchMedia("(prefers-color-scheme: dark)");

/**
 * Numbers of runs, the oldest first, at equal distances: a repeated run has the time of the one before.
 *
 * The canvas is one picture for a screen reader; a table next to it has the numbers.
 */
export function TimeChart({ label, times, lines, height = 200, format = compact }: Props) {
  const place = useRef<HTMLDivElement>(null);
  const [scheme, setScheme] = useState(() => dark().matches);

  useEffect(() => {
    const query = dark();
    const onChange = () => setScheme(query.matches);
    query.addEventListener("change", onChange);
    return () => query.removeEventListener("change", onChange);
  }, []);

  // biome-ignore lint/correctness/useExhaustiveDependencies: the colors of a canvas follow the color scheme
  useEffect(() => {
    const element = place.current;
    if (!element) return;
    const data: uPlot.AlignedData = [times.map((_, index) => index), ...lines.map((line) => line.values)];
    const plot = new uPlot(optionsOf(element, labelsOf(times), lines, height, format), data, element);
    const observer = new ResizeObserver(() => plot.setSize({ width: widthOf(element), height }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      plot.destroy();
    };
  }, [times, lines, height, format, scheme]);

  return <div className="chart" ref={place} role="img" aria-label={label} />;
}

function optionsOf(
  element: HTMLElement,
  labels: string[],
  lines: Line[],
  height: number,
  format: (value: number) => string,
): uPlot.Options {
  const style = getComputedStyle(element);
  const color = (name: string) => style.getPropertyValue(name).trim();
  const axis: uPlot.Axis = {
    stroke: color("--muted"),
    grid: { stroke: color("--line"), width: 1 },
    ticks: { show: false },
    font: `12px ${style.fontFamily}`,
  };
  const right = halfOf(labels);
  return {
    width: widthOf(element),
    height,
    cursor: { y: false, points: { size: 7 }, drag: { x: false, y: false } },
    padding: [8, right, 0, 0],
    legend: { live: true, markers: { width: 0, fill: (_, index) => color(lines[index - 1]?.color ?? "--line") } },
    hooks: { ready: [showLast], setCursor: [showLast] },
    axes: [
      {
        ...axis,
        grid: { show: false },
        size: 30,
        splits: (plot, _, first, last) => ticksOf(labels, (plot.width - AXIS_WIDTH - right) / (last - first)),
        values: (_, ticks) => ticks.map((run) => labels[run] ?? ""),
      },
      {
        ...axis,
        size: AXIS_WIDTH,
        incrs: format === compact ? WHOLE : undefined,
        values: (_, ticks) => ticks.map(format),
      },
    ],
    series: [
      { label: t.columns.asOf, value: (_, run) => (run == null ? "" : (labels[run] ?? "")) },
      ...lines.map((line) => seriesOf(line, color(line.color), format)),
    ],
    scales: {
      x: { time: false, range: (_, first, last) => widened(first, last, lines) },
      y: { range: (_, low, high) => rangeOf(low, high) },
    },
  };
}

/** Without a pointer over the chart, as on a phone, the legend has the values of the last run. */
function showLast(plot: uPlot): void {
  if (plot.cursor.idx == null) plot.setLegend({ idx: plot.data[0].length - 1 }, false);
}

/** Distances between the ticks of a count: no contact is divided. */
const WHOLE = Array.from({ length: 12 }, (_, power) => [1, 2, 5].map((step) => step * 10 ** power)).flat();

/** The width inside the padding of an element. */
function widthOf(element: HTMLElement): number {
  const { paddingLeft, paddingRight } = getComputedStyle(element);
  return element.clientWidth - (Number.parseFloat(paddingLeft) || 0) - (Number.parseFloat(paddingRight) || 0) || 600;
}

const AXIS_WIDTH = 56;
/** The width of a letter of a label, and the space between labels, in pixels. */
const LETTER = 6.5;
const GAP = 24;

/** The labels of runs: the day, or also the time if several moments are of one day. */
export function labelsOf(times: readonly string[]): string[] {
  const moments = new Set(times.map((time) => Date.parse(time)));
  const days = new Set(times.map(day));
  return times.map(days.size === moments.size ? day : dayAndTime);
}

/** Half the width of the longest label, which the last one needs to the right of its run. */
function halfOf(labels: readonly string[]): number {
  return (Math.max(...labels.map((label) => label.length)) * LETTER) / 2 + 4;
}

/**
 * The runs that get a label: as many as there is room for, from the last one back, so that no label is there twice.
 *
 * @param scale Pixels from one run to the next.
 */
export function ticksOf(labels: readonly string[], scale: number): number[] {
  const room = Math.max(...labels.map((label) => label.length)) * LETTER + GAP;
  const ticks: number[] = [];
  for (let run = labels.length - 1; run >= 0; run--) {
    const next = ticks[0];
    if (next === undefined || ((next - run) * scale >= room && labels[next] !== labels[run])) ticks.unshift(run);
  }
  return ticks;
}

function seriesOf(line: Line, color: string, format: (value: number) => string): uPlot.Series {
  const bars = line.bars ? uPlot.paths.bars?.({ size: [0.6, 24] }) : undefined;
  return {
    label: line.label,
    stroke: color,
    width: line.bars ? 0 : 2,
    fill: line.bars ? color : `${color}1a`,
    points: { show: false },
    spanGaps: false,
    value: (_, value) => (value == null ? "" : format(Math.abs(value))),
    ...(bars ? { paths: bars } : {}),
  };
}

/** Half a bar more on each side, so that the first and the last one are whole. */
function widened(first: number, last: number, lines: Line[]): [number, number] {
  const room = lines.some((line) => line.bars) ? 0.5 : 0;
  return [first - room, last + room];
}

/** Areas and bars begin at zero, so that their heights can be compared. */
export function rangeOf(low: number | null, high: number | null): [number, number] {
  if (low === null || high === null) return [0, 1];
  return [Math.min(0, low * 1.1), Math.max(high * 1.1, 1)];
}
