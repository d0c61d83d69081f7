import { type ReactNode, useId, useState } from "react";
import type { SegmentStatus } from "../data/types";
import { count, signed } from "../format";
import type { Names } from "../in-words";
import { segmentLink } from "../route";
import { t } from "../texts";

export function Status({ status }: { status: SegmentStatus | "partial" }) {
  const text = status === "partial" ? t.runStatus.partial : t.status[status];
  return <span className={`status status-${status}`}>{text}</span>;
}

export function Tags({ tags }: { tags: readonly string[] }) {
  if (!tags.length) return null;
  return (
    <ul className="tags" aria-label={t.segment.tags}>
      {tags.map((tag) => (
        <li key={tag}>
          <bdi>{tag}</bdi>
        </li>
      ))}
    </ul>
  );
}

/** How many entered and left; a first run has no previous one to compare with. */
export function Change({ entered, left }: { entered: number | null; left: number | null }) {
  if (entered === null || left === null) return <span className="muted">{t.noValue}</span>;
  if (!entered && !left) return <span className="muted">0</span>;
  return (
    <span className="change">
      <span className={entered ? "entered" : "muted"} title={t.entered(entered)}>
        {signed(entered)}
      </span>
      <span className={left ? "left" : "muted"} title={t.left(left)}>
        {signed(-left)}
      </span>
    </span>
  );
}

export function Figure({ label, children, note }: { label: string; children: ReactNode; note?: ReactNode }) {
  return (
    <div className="figure">
      <dt>{label}</dt>
      <dd>
        <span className="figure-value">{children}</span>
        {note && <span className="muted">{note}</span>}
      </dd>
    </div>
  );
}

export function Section({ title, children, lead }: { title: string; children: ReactNode; lead?: ReactNode }) {
  const id = useId();
  return (
    <section aria-labelledby={id}>
      <h2 id={id}>{title}</h2>
      {lead && <p className="lead">{lead}</p>}
      {children}
    </section>
  );
}

interface SegmentLinkProps {
  id: string;
  /** Null or undefined if it is not known. */
  name: string | null | undefined;
  className?: string;
}

/** A link to a segment by its name; the id is shown when the pointer rests on it. */
export function SegmentLink({ id, name, className }: SegmentLinkProps) {
  return (
    <a className={className} href={segmentLink(id)} title={id}>
      <bdi>{name ?? id}</bdi>
    </a>
  );
}

export function SegmentLinks({ ids, names }: { ids: readonly string[]; names: Names }) {
  return (
    <ul className="links">
      {ids.map((id) => (
        <li key={id}>
          <SegmentLink id={id} name={names[id]} />
        </li>
      ))}
    </ul>
  );
}

/** A value of a contact. */
export function Value({ value }: { value: unknown }) {
  if (value === null || value === undefined) return <span className="muted">{t.noValue}</span>;
  return typeof value === "object" ? <code>{JSON.stringify(value)}</code> : <bdi>{String(value)}</bdi>;
}

interface ScrollableProps {
  label: string;
  className: string;
  children: ReactNode;
}

/** A long or wide part of a page, which the keyboard can scroll too. */
export function Scrollable({ label, className, children }: ScrollableProps) {
  return (
    // biome-ignore lint/a11y/useSemanticElements: a group and not a region, of which a page would have too many
    // biome-ignore lint/a11y/noNoninteractiveTabindex: only what has the focus can be scrolled by the keyboard
    <div role="group" className={className} tabIndex={0} aria-label={label}>
      {children}
    </div>
  );
}

export function Code({ text, label }: { text: string; label: string }) {
  const [copied, setCopied] = useState(false);
  const copy = () => navigator.clipboard.writeText(text).then(() => setCopied(true));
  return (
    <div className="code">
      {navigator.clipboard && (
        <button type="button" className="quiet" onClick={() => void copy()}>
          {copied ? t.segment.copied : t.segment.copy}
        </button>
      )}
      <Scrollable className="text" label={label}>
        <pre>
          <code>{text}</code>
        </pre>
      </Scrollable>
    </div>
  );
}

export function Bar({ share, label }: { share: number; label: string }) {
  return (
    <span className="bar" role="img" aria-label={label}>
      <span style={{ width: `${Math.max(0, Math.min(1, share)) * 100}%` }} />
    </span>
  );
}

export function Sparkline({ sizes }: { sizes: readonly (number | null)[] }) {
  const known = sizes.filter((size): size is number => size !== null);
  const [first, last] = [known[0], known.at(-1)];
  if (first === undefined || last === undefined || known.length < 2) return <span className="muted">{t.noValue}</span>;
  const [low, high] = [Math.min(...known), Math.max(...known)];
  const x = (index: number) => 1 + (index / (sizes.length - 1)) * 98;
  const y = (size: number) => (high === low ? 12 : 22 - ((size - low) / (high - low)) * 20);
  const lines = linesOf(sizes).map((points) => points.map(([i, size]) => `${x(i).toFixed(1)},${y(size).toFixed(1)}`));
  return (
    <svg className="sparkline" viewBox="0 0 100 24" preserveAspectRatio="none" role="img">
      <title>{t.sparkline(first, last, known.length)}</title>
      {lines.map((points) => (
        <polyline key={points[0]} points={points.join(" ")} />
      ))}
    </svg>
  );
}

/** The points of a line, divided where a run lacks the segment. */
function linesOf(sizes: readonly (number | null)[]): [number, number][][] {
  const lines: [number, number][][] = [[]];
  for (const [index, size] of sizes.entries()) {
    if (size === null) lines.push([]);
    else lines.at(-1)?.push([index, size]);
  }
  return lines.filter((line) => line.length);
}

export function Size({ value }: { value: number }) {
  return <span className="number">{count(value)}</span>;
}
