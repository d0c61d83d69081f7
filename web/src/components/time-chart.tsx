import { useEffect, useRef, useState } from "react";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { compact, day } from "../format";

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

/** Numbers over time. The canvas is one picture for a screen reader; a table next to it has the numbers. */
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
    const data: uPlot.AlignedData = [times.map((time) => Date.parse(time) / 1000), ...lines.map((line) => line.values)];
    const plot = new uPlot(optionsOf(element, lines, height, format), data, element);
    const observer = new ResizeObserver(() => plot.setSize({ width: element.clientWidth, height }));
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
  return {
    width: element.clientWidth || 600,
    height,
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "UTC"),
    cursor: { y: false, points: { size: 7 }, drag: { x: false, y: false } },
    padding: [8, 22, 0, 0],
    legend: { live: true, markers: { width: 0 } },
    axes: [
      { ...axis, grid: { show: false }, space: 70, size: 30, values: (_, ticks) => ticks.map(dayOf) },
      { ...axis, size: 56, incrs: format === compact ? WHOLE : undefined, values: (_, ticks) => ticks.map(format) },
    ],
    series: [
      { value: (_, seconds) => (seconds == null ? "" : dayOf(seconds)) },
      ...lines.map((line) => seriesOf(line, color(line.color), format)),
    ],
    scales: {
      x: { range: (_, first, last) => widened(first, last, lines) },
      y: {
        range: (_, low, high) =>
          rangeOf(
            low,
            high,
            lines.some((line) => line.bars),
          ),
      },
    },
  };
}

/** Distances between the ticks of a count: no contact is divided. */
const WHOLE = Array.from({ length: 12 }, (_, power) => [1, 2, 5].map((step) => step * 10 ** power)).flat();

const dayOf = (seconds: number) => day(new Date(seconds * 1000).toISOString());

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
  const count = lines[0]?.values.length ?? 0;
  const room = lines.some((line) => line.bars) && count > 1 ? (last - first) / (count - 1) / 2 : 0;
  return [first - room, last + room];
}

/** Room above and below a line; bars begin at zero. */
function rangeOf(low: number | null, high: number | null, fromZero: boolean): [number, number] {
  if (low === null || high === null) return [0, 1];
  if (fromZero) return [Math.min(0, low * 1.1), Math.max(high * 1.1, 1)];
  const room = Math.max((high - low) * 0.15, high * 0.02, 1);
  return [Math.max(0, Math.floor(low - room)), Math.ceil(high + room)];
}
