import type { Explanation, RunSegment } from "@segbatch/client";
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
import { HistoryTable } from "./segment-history";
import { MembersSection } from "./segment-members";
import { OverlapSection } from "./segment-overlap";
import { FunnelSection, RulesSection } from "./segment-rules";

const NOT_RUN = new Set(["not-found", "nothing-published", "not-in-report"]);

export function SegmentPageView({ id }: { id: string }) {
  const { client } = usePage();
  const details = useAnswer(id, (options) => client.getRunSegment("current", id, { history: 30, ...options }));
  const explanation = useAnswer(id, (options) => client.explainSegment(id, options));
  const isNotRun = details.error !== undefined && NOT_RUN.has(details.error.code ?? "");
  if (details.error && (!isNotRun || explanation.error)) {
    return (
      <>
        <Head id={id} details={undefined} />
        <Problem error={details.error} onRetry={details.retry} />
      </>
    );
  }
  return (
    <>
      <Head id={id} details={details.value} />
      {isNotRun && <p className="attention">{t.segment.notRun}</p>}
      {details.loading && !details.value && <Loading slow={details.slow} />}
      {details.value && <Evaluated details={details.value} />}
      <RulesSection explanation={explanation} definition={details.value?.definition} />
      <FunnelSection id={id} known={explanation.value} />
      {details.value && <OverlapSection id={id} />}
      {details.value && <MembersSection id={id} size={details.value.member_count} />}
      {details.value && <HistoryTable runs={details.value.runs} />}
      <References details={details.value} explanation={explanation.value} />
    </>
  );
}

function Head({ id, details }: { id: string; details: RunSegment | undefined }) {
  const { canEdit } = usePage();
  const facts = [
    details?.project_id ? `${t.segment.project} ${details.project_id}` : "",
    details?.owner ? `${t.segment.owner} ${details.owner}` : "",
  ].filter(Boolean);
  return (
    <div className="heading">
      <div>
        <h1 tabIndex={-1}>{details?.name ?? id}</h1>
        <div className="below">
          <span className="id">{id}</span>
          {facts.map((fact) => (
            <span key={fact}>{fact}</span>
          ))}
          <Tags tags={details?.tags ?? []} />
        </div>
        <Description definition={details?.definition} />
      </div>
      {canEdit && (
        <a className="button primary" href={linkTo(["segments", id, "edit"])}>
          {t.segment.edit}
        </a>
      )}
    </div>
  );
}

function Description({ definition }: { definition: unknown }) {
  const text = (definition as { description?: unknown } | null | undefined)?.description;
  return typeof text === "string" ? <p className="lead">{text}</p> : null;
}

function Evaluated({ details }: { details: RunSegment }) {
  const isFirst = details.entered === null || details.left === null;
  return (
    <>
      {details.status !== "ok" && (
        <div className={`attention attention-${details.status}`}>
          <Status status={details.status} />
          <div>
            {t.statusHelp[details.status]}
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
  const { names, named_by } = from;
  return (
    <Section title={t.segment.references}>
      {!names.length && !named_by.length && <p className="muted">{t.segment.noReferences}</p>}
      {names.length > 0 && (
        <>
          <h3>{t.segment.names}</h3>
          <SegmentLinks ids={names} />
        </>
      )}
      {named_by.length > 0 && (
        <>
          <h3>{t.segment.namedBy}</h3>
          <SegmentLinks ids={named_by} />
        </>
      )}
    </Section>
  );
}
