import type { ContactSegment, RunDetails, RunSegmentsPage, SegmentsClient } from "@segbatch/client";
import { createColumnHelper } from "@tanstack/react-table";
import { useMemo } from "react";
import { DataTable } from "../components/data-table";
import { Answered, NoRun } from "../components/feedback";
import { Change, Size, Sparkline, Status, Tags } from "../components/parts";
import { usePage } from "../context";
import type { SegmentRow, SegmentStatus } from "../data/types";
import { isolated, time } from "../format";
import { linkTo, replaceHash, segmentLink } from "../route";
import { t } from "../texts";
import { useAnswer } from "../use-answer";
import { SavedLater, useSavedLater } from "./saved-later";

const HISTORY = 30;
const NONE: SegmentRow[] = [];
const RANK: Record<SegmentStatus, number> = { failed: 0, held: 1, ok: 2, disabled: 3 };

/** All segments of the current run; the API gives them in pages. */
export async function loadRows(client: SegmentsClient, signal: AbortSignal): Promise<RunSegmentsPage> {
  let page = await client.listRunSegments("current", { history: HISTORY, limit: 1000, signal });
  const segments = [...page.segments];
  while (page.next_cursor) {
    const options = { history: HISTORY, limit: 1000, cursor: page.next_cursor, signal };
    page = await client.listRunSegments("current", options);
    segments.push(...page.segments);
  }
  return { ...page, segments };
}

export function SegmentsPageView({ query }: { query: URLSearchParams }) {
  const { client, canEdit } = usePage();
  const rows = useAnswer("rows", ({ signal }) => loadRows(client, signal));
  const run = useAnswer("run", (options) => client.getRun("current", options));
  const isFirst = rows.error?.code === "nothing-published";
  const later = useSavedLater(isFirst ? NONE : rows.value?.segments);
  const shared = { later, isFirst, query };
  return (
    <>
      <div className="heading">
        <div>
          <h1 tabIndex={-1}>{t.segments}</h1>
          {run.value && <p className="lead">{t.segmentsLead(run.value.contact_count, time(run.value.as_of))}</p>}
        </div>
        {canEdit && (
          <a className="button primary" href={linkTo(["new"])}>
            {t.newSegment}
          </a>
        )}
      </div>
      <Attention run={run.value} />
      {isFirst ? (
        <FilteredSegments rows={NONE} runs={0} {...shared} />
      ) : (
        <Answered answer={rows}>
          {(page) => <FilteredSegments rows={page.segments} runs={page.history.length} {...shared} />}
        </Answered>
      )}
    </>
  );
}

function Attention({ run }: { run: RunDetails | undefined }) {
  if (!run?.segments_failed && !run?.segments_held) return null;
  return <p className="attention">{t.attention(run.segments_failed, run.segments_held)}</p>;
}

interface FilteredProps {
  rows: SegmentRow[];
  /** How many runs the sizes of the rows are of. */
  runs: number;
  later: ContactSegment[];
  isFirst: boolean;
  query: URLSearchParams;
}

function FilteredSegments({ rows, runs, later, isFirst, query }: FilteredProps) {
  const { q = "", status = "", owner = "", tag = "" } = Object.fromEntries(query) as Record<string, string>;
  const set = (name: string, value: string) =>
    replaceHash(linkTo(["segments"], { ...Object.fromEntries(query), [name]: value }));
  const shown = useMemo(
    () => rows.filter((row) => matches(row, { q, status, owner, tag })).sort(byAttention),
    [rows, q, status, owner, tag],
  );
  const isFiltered = [q, status, owner, tag].some(Boolean);
  const laterShown = later.filter((segment) => matches(segment, { q, status, owner, tag }));
  const options = useMemo(() => optionsOf(rows, later), [rows, later]);
  if (!rows.length && !later.length) {
    return isFirst ? (
      <NoRun />
    ) : (
      <div className="empty">
        <h2>{t.noSegments}</h2>
        <p>{t.noSegmentsHelp}</p>
      </div>
    );
  }
  return (
    <>
      {/* biome-ignore lint/a11y/useSemanticElements: React does not know the element search as a form */}
      <form className="filters" role="search" aria-label={t.filters.label} onSubmit={(event) => event.preventDefault()}>
        <label className="grow">
          {t.filters.search}
          <input
            type="search"
            value={q}
            placeholder={t.filters.searchHint}
            onChange={(event) => set("q", event.target.value)}
          />
        </label>
        <Select label={t.filters.status} value={status} options={options.status} onChange={(to) => set("status", to)} />
        <Select label={t.filters.owner} value={owner} options={options.owner} onChange={(to) => set("owner", to)} />
        <Select label={t.filters.tag} value={tag} options={options.tag} onChange={(to) => set("tag", to)} />
        <p className="shown" role="status">
          {t.filters.shown(shown.length + laterShown.length, rows.length + later.length)}
        </p>
      </form>
      <SavedLater later={laterShown} isFirst={isFirst} />
      {shown.length > 0 ? (
        <SegmentTable rows={shown} runs={runs} />
      ) : isFirst && laterShown.length > 0 ? (
        <NoRun />
      ) : laterShown.length > 0 && !isFiltered ? null : (
        <div className="empty">
          <p>{laterShown.length ? t.filters.onlyLater : t.filters.none}</p>
          <button type="button" onClick={() => replaceHash(linkTo(["segments"]))}>
            {t.filters.clear}
          </button>
        </div>
      )}
    </>
  );
}

interface Filters {
  q: string;
  status: string;
  owner: string;
  tag: string;
}

/** What the filters look at. A saved segment without a result has no status. */
interface Filtered {
  id: string;
  name: string | null;
  tags?: readonly string[] | null;
  owner?: string | null;
  status?: string;
}

export function matches(row: Filtered, { q, status, owner, tag }: Filters): boolean {
  const words = q.toLowerCase().split(/\s+/).filter(Boolean);
  const text = [row.name ?? "", row.id, ...(row.tags ?? [])].join("\n").toLowerCase();
  return (
    words.every((word) => text.includes(word)) &&
    (!status || row.status === status) &&
    (!owner || row.owner === owner) &&
    (!tag || (row.tags ?? []).includes(tag))
  );
}

/** Failed and held segments first, then the largest. */
export function byAttention(one: SegmentRow, other: SegmentRow): number {
  return RANK[one.status] - RANK[other.status] || other.member_count - one.member_count || (one.id < other.id ? -1 : 1);
}

type Option = [value: string, text: string];

function optionsOf(rows: SegmentRow[], later: ContactSegment[]): Record<"status" | "owner" | "tag", Option[]> {
  const all: Filtered[] = [...rows, ...later];
  const distinct = (values: (string | null | undefined)[]) =>
    [...new Set(values.filter((value) => value != null))].sort((a, b) => a.localeCompare(b));
  return {
    status: distinct(rows.map((row) => row.status)).map((status) => [status, t.status[status as SegmentStatus]]),
    owner: distinct(all.map((row) => row.owner)).map((owner) => [owner, isolated(owner)]),
    tag: distinct(all.flatMap((row) => row.tags ?? [])).map((tag) => [tag, isolated(tag)]),
  };
}

interface SelectProps {
  label: string;
  value: string;
  options: Option[];
  onChange: (value: string) => void;
}

function Select({ label, value, options, onChange }: SelectProps) {
  if (!value && options.length < 2) return null;
  return (
    <label>
      {label}
      <select value={value} onChange={(event) => onChange(event.target.value)}>
        <option value="">{t.filters.any}</option>
        {options.map(([option, text]) => (
          <option key={option} value={option}>
            {text}
          </option>
        ))}
      </select>
    </label>
  );
}

const helper = createColumnHelper<SegmentRow>();

function columnsFor(runs: number, rows: SegmentRow[]) {
  const columns = [
    helper.accessor((row) => row.name ?? row.id, {
      id: "name",
      header: t.columns.segment,
      cell: ({ row: { original } }) => <Name row={original} />,
    }),
    helper.accessor((row) => RANK[row.status], {
      id: "status",
      header: t.columns.status,
      cell: ({ row: { original } }) => <Status status={original.status} />,
      meta: { className: "wide" },
    }),
    helper.accessor((row) => row.owner ?? "", {
      id: "owner",
      header: t.columns.owner,
      cell: ({ row: { original } }) =>
        original.owner ? <bdi>{original.owner}</bdi> : <span className="muted">{t.noValue}</span>,
      meta: { className: "wide" },
    }),
    helper.accessor("member_count", {
      header: t.columns.size,
      cell: ({ getValue }) => <Size value={getValue()} />,
      meta: { className: "number" },
    }),
    helper.accessor((row) => (row.entered ?? 0) + (row.left ?? 0), {
      id: "change",
      header: t.columns.change,
      cell: ({ row: { original } }) => <Change entered={original.entered} left={original.left} />,
      meta: { className: "number" },
    }),
    helper.display({
      id: "trend",
      header: t.columns.trend(runs),
      cell: ({ row: { original } }) => <Sparkline sizes={original.sizes} />,
      meta: { className: "wide trend" },
    }),
  ];
  return columns.filter((column) => column.id !== "owner" || rows.some((row) => row.owner));
}

function SegmentTable({ rows, runs }: { rows: SegmentRow[]; runs: number }) {
  const columns = useMemo(() => columnsFor(runs, rows), [runs, rows]);
  return <DataTable label={t.segments} columns={columns} rows={rows} rowId={(row) => row.id} />;
}

function Name({ row }: { row: SegmentRow }) {
  return (
    <>
      <a className="name" href={segmentLink(row.id)}>
        <bdi>{row.name ?? row.id}</bdi>
      </a>
      <div className="below">
        {row.status !== "ok" && (
          <span className="narrow">
            <Status status={row.status} />
          </span>
        )}
        <span className="id">{row.id}</span>
        <Tags tags={row.tags} />
      </div>
    </>
  );
}
