import type { Explanation, RunSegment, SavedSegment } from "@segbatch/client";
import { useMemo } from "react";
import { Loading, Problem } from "../components/feedback";
import { Figure, Section, SegmentLinks, Status, Tags } from "../components/parts";
import { type Line, TimeChart } from "../components/time-chart";
import { usePage } from "../context";
import type { SegmentRun } from "../data/types";
import { count, day, signed } from "../format";
import { linkTo } from "../route";
import { t } from "../texts";
import { useAnswer } from "../use-answer";
import { useTitle } from "../use-title";
import { HistoryTable } from "./segment-history";
import { MembersSection } from "./segment-members";
import { OverlapSection } from "./segment-overlap";
import { FunnelSection, RulesSection } from "./segment-rules";
import { Deleted, DeletedRules, SavedLater } from "./segment-saved";

const NOT_RUN = new Set(["not-found", "nothing-published", "not-in-report"]);

export function SegmentPageView({ id }: { id: string }) {
  const { client, report } = usePage();
  const details = useAnswer(id, (options) => client.getRunSegment("current", id, { history: 30, ...options }));
  const saved = useAnswer(report ? null : id, (options) => client.getSegment(id, options));
  const explanation = useAnswer(id, (options) => client.explainSegment(id, options));
  const isNotRun = details.error !== undefined && NOT_RUN.has(details.error.code ?? "");
  const hasNoRun = details.error?.code === "nothing-published";
  const isDeleted = saved.error?.code === "not-found";
  if (details.error && (!isNotRun || explanation.error)) {
    return (
      <>
        <Head id={id} shown={saved.value} />
        <Problem error={details.error} onRetry={details.retry} />
      </>
    );
  }
  return (
    <>
      <Head id={id} shown={shownOf(details.value, saved.value)} isDeleted={isDeleted} />
      {isNotRun && <p className="attention">{hasNoRun ? t.segment.noRun : t.segment.notRun}</p>}
      {saved.value && <SavedLater saved={saved.value} details={details.value} />}
      {isDeleted && details.value && <Deleted details={details.value} />}
      {details.loading && !details.value && <Loading slow={details.slow} />}
      {details.value && <Evaluated details={details.value} />}
      {isDeleted && details.value ? (
        <DeletedRules details={details.value} />
      ) : (
        <>
          <RulesSection explanation={explanation} definition={definitionOf(saved.value) ?? details.value?.definition} />
          <FunnelSection id={id} known={explanation.value} />
        </>
      )}
      {details.value && <OverlapSection id={id} />}
      {details.value && <MembersSection id={id} size={details.value.member_count} />}
      {details.value && <HistoryTable runs={details.value.runs} />}
      <References details={details.value} explanation={explanation.value} />
    </>
  );
}

interface Shown {
  name?: string | null;
  project_id?: string | null;
  owner?: string | null;
  tags?: readonly string[] | null;
  description?: unknown;
}

/** The facts of the heading: as saved, or else as in the run. */
function shownOf(details: RunSegment | undefined, saved: SavedSegment | undefined): Shown | undefined {
  if (saved || !details) return saved;
  const { description } = (details.definition ?? {}) as { description?: unknown };
  return { ...details, description };
}

/** A saved segment without the version that the server gave with it. */
function definitionOf(saved: SavedSegment | undefined): object | undefined {
  if (!saved) return undefined;
  const { etag: _, ...definition } = saved;
  return definition;
}

interface HeadProps {
  id: string;
  shown: Shown | undefined;
  isDeleted?: boolean;
}

function Head({ id, shown, isDeleted = false }: HeadProps) {
  const { canEdit } = usePage();
  useTitle(shown?.name);
  const facts = [
    [t.segment.project, shown?.project_id],
    [t.segment.owner, shown?.owner],
  ] as const;
  return (
    <div className="heading">
      <div>
        <h1 tabIndex={-1} dir="auto">
          {shown?.name ?? id}
        </h1>
        <div className="below">
          <span className="id">{id}</span>
          {facts.map(
            ([label, value]) =>
              value && (
                <span key={label}>
                  {label} <bdi>{value}</bdi>
                </span>
              ),
          )}
          <Tags tags={shown?.tags ?? []} />
        </div>
        {typeof shown?.description === "string" && <p className="lead">{shown.description}</p>}
      </div>
      {canEdit && !isDeleted && (
        <a className="button primary" href={linkTo(["segments", id, "edit"])}>
          {t.segment.edit}
        </a>
      )}
    </div>
  );
}

function Evaluated({ details }: { details: RunSegment }) {
  const isFirst = details.entered === null || details.left === null;
  return (
    <>
      {details.status !== "ok" && (
        <div className={`attention attention-${details.status}`}>
          <Status status={details.status} />
          <div>
            {t.statusHelp[details.status](details.member_count)}
            {details.message?.split("\n").map((line) => (
              <p key={line}>
                <code>{line}</code>
              </p>
            ))}
          </div>
        </div>
      )}
      <dl className="figures">
        <Figure label={t.segment.size}>{count(details.member_count)}</Figure>
        <Figure label={t.segment.entered} note={isFirst ? t.segment.firstRun : t.segment.since}>
          {isFirst ? t.noValue : <span className="entered">{signed(details.entered ?? 0)}</span>}
        </Figure>
        <Figure label={t.segment.left} note={isFirst ? t.segment.firstRun : t.segment.since}>
          {isFirst ? t.noValue : <span className="left">{signed(-(details.left ?? 0))}</span>}
        </Figure>
      </dl>
      <Charts runs={details.runs} />
    </>
  );
}

function Charts({ runs }: { runs: SegmentRun[] }) {
  const times = useMemo(() => runs.map((run) => run.as_of), [runs]);
  const size = useMemo<Line[]>(
    () => [{ label: t.segment.size, values: runs.map((run) => run.member_count), color: "--accent" }],
    [runs],
  );
  const changes = useMemo<Line[]>(
    () => [
      { label: t.segment.entered, values: runs.map((run) => run.entered), color: "--entered", bars: true },
      { label: t.segment.left, values: runs.map((run) => run.left && -run.left), color: "--left", bars: true },
    ],
    [runs],
  );
  const [first, last] = [runs[0], runs.at(-1)];
  if (!first || !last || runs.length < 2) return <p className="muted">{t.segment.oneRun}</p>;
  const sizes = runs.map((run) => run.member_count);
  const label = t.segment.historyChart(
    runs.length,
    day(first.as_of),
    day(last.as_of),
    Math.min(...sizes),
    Math.max(...sizes),
  );
  return (
    <div className="charts">
      <Section title={t.segment.history}>
        <TimeChart label={label} times={times} lines={size} />
      </Section>
      <Section title={t.segment.changes}>
        <TimeChart label={t.segment.changesChart} times={times} lines={changes} />
      </Section>
    </div>
  );
}

interface ReferencesProps {
  details: RunSegment | undefined;
  explanation: Explanation | undefined;
}

function References({ details, explanation }: ReferencesProps) {
  const from = explanation ?? details;
  if (!from) return null;
  const { names, named_by, segment_names } = from;
  return (
    <Section title={t.segment.references}>
      {!names.length && !named_by.length && <p className="muted">{t.segment.noReferences}</p>}
      {names.length > 0 && (
        <>
          <h3>{t.segment.names}</h3>
          <SegmentLinks ids={names} names={segment_names} />
        </>
      )}
      {named_by.length > 0 && (
        <>
          <h3>{t.segment.namedBy}</h3>
          <SegmentLinks ids={named_by} names={segment_names} />
        </>
      )}
    </Section>
  );
}
