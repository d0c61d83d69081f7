import type { Run, RunDetails } from "@segbatch/client";
import { useMemo, useState } from "react";
import { Answered, NoRun } from "../components/feedback";
import { Change, Figure, Scrollable, Section, SegmentLink, SegmentLinks, Size, Status } from "../components/parts";
import { TimeChart } from "../components/time-chart";
import { usePage } from "../context";
import { count, duration, signed, time } from "../format";
import type { Names } from "../in-words";
import { runLink } from "../route";
import { t } from "../texts";
import { useAnswer } from "../use-answer";
import { useTitle } from "../use-title";

const PAGE = 30;

export function RunsPageView() {
  const { client } = usePage();
  const [older, setOlder] = useState<{ runs: Run[]; cursor: string | null } | null>(null);
  const first = useAnswer("runs", (options) => client.listRuns({ limit: PAGE, ...options }));
  const more = async (cursor: string) => {
    const page = await client.listRuns({ limit: PAGE, cursor });
    setOlder((before) => ({ runs: [...(before?.runs ?? []), ...page.runs], cursor: page.next_cursor }));
  };
  return (
    <>
      <div className="heading">
        <div>
          <h1 tabIndex={-1}>{t.runs}</h1>
          <p className="lead">{t.run.lead}</p>
        </div>
      </div>
      <Answered answer={first}>
        {(page) => {
          const runs = [...page.runs, ...(older?.runs ?? [])];
          const cursor = older ? older.cursor : page.next_cursor;
          if (!runs.length) return <NoRun />;
          return (
            <>
              <Durations runs={runs} />
              <RunTable runs={runs} />
              {cursor && (
                <p>
                  <button type="button" onClick={() => void more(cursor)}>
                    {t.run.more}
                  </button>
                </p>
              )}
            </>
          );
        }}
      </Answered>
    </>
  );
}

function Durations({ runs }: { runs: Run[] }) {
  const oldestFirst = useMemo(() => [...runs].reverse(), [runs]);
  const times = useMemo(() => oldestFirst.map((run) => run.as_of), [oldestFirst]);
  const lines = useMemo(
    () => [
      {
        label: t.columns.duration,
        values: oldestFirst.map((run) => run.duration_seconds),
        color: "--accent",
        bars: true,
      },
    ],
    [oldestFirst],
  );
  if (runs.length < 2) return null;
  return (
    <Section title={t.columns.duration}>
      <TimeChart label={t.run.durationChart(runs.length)} times={times} lines={lines} height={140} format={duration} />
    </Section>
  );
}

function RunTable({ runs }: { runs: Run[] }) {
  return (
    <Scrollable className="table-frame" label={t.runs}>
      <table aria-label={t.runs}>
        <thead>
          <tr>
            <th scope="col">{t.columns.asOf}</th>
            <th scope="col">{t.columns.status}</th>
            <th scope="col" className="number wide">
              {t.columns.duration}
            </th>
            <th scope="col" className="number wide">
              {t.columns.contacts}
            </th>
            <th scope="col" className="number wide">
              {t.columns.segments}
            </th>
            <th scope="col" className="number wide">
              {t.columns.memberships}
            </th>
            <th scope="col" className="number">
              {t.columns.change}
            </th>
            <th scope="col" className="number wide">
              {t.columns.failedHeld}
            </th>
          </tr>
        </thead>
        <tbody>
          {runs.map((run) => (
            <tr key={run.id}>
              <th scope="row">
                <a href={runLink(run.id)}>{time(run.as_of)}</a>{" "}
                {run.is_current && <span className="badge">{t.current}</span>}
                <div className="below">
                  <span className="id">{run.id}</span>
                </div>
              </th>
              <td>
                <Status status={run.status} />
              </td>
              <td className="number wide">{duration(run.duration_seconds)}</td>
              <td className="number wide">{run.contact_count === null ? t.noValue : count(run.contact_count)}</td>
              <td className="number wide">{count(run.segment_count)}</td>
              <td className="number wide">{count(run.membership_count)}</td>
              <td className="number">
                <Change entered={run.entered} left={run.left} />
              </td>
              <td className="number wide">
                {run.segments_failed || run.segments_held ? (
                  `${count(run.segments_failed)}, ${count(run.segments_held)}`
                ) : (
                  <span className="muted">{t.noValue}</span>
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scrollable>
  );
}

export function RunPageView({ id }: { id: string }) {
  const { client } = usePage();
  const answer = useAnswer(id, (options) => client.getRun(id, options));
  useTitle(answer.value && t.run.title(time(answer.value.as_of)));
  return (
    <>
      <div className="heading">
        <div>
          <h1 tabIndex={-1}>{answer.value ? t.run.title(time(answer.value.as_of)) : id}</h1>
          <p className="below">
            <span className="id">{answer.value?.id ?? id}</span>
            {answer.value?.is_current && <span className="badge">{t.current}</span>}
          </p>
        </div>
      </div>
      <Answered answer={answer}>{(run) => <RunView run={run} />}</Answered>
    </>
  );
}

function RunView({ run }: { run: RunDetails }) {
  return (
    <>
      <dl className="figures">
        <Figure label={t.columns.status}>
          <Status status={run.status} />
        </Figure>
        <Figure label={t.run.took} note={`${t.run.started} ${time(run.started_at)}`}>
          {duration(run.duration_seconds)}
        </Figure>
        {run.contact_count !== null && <Figure label={t.columns.contacts}>{count(run.contact_count)}</Figure>}
        <Figure label={t.columns.segments}>{count(run.segment_count)}</Figure>
        <Figure label={t.columns.memberships}>{count(run.membership_count)}</Figure>
        {run.entered !== null && run.left !== null && (
          <Figure label={t.columns.change}>
            <Change entered={run.entered} left={run.left} />
          </Figure>
        )}
      </dl>
      {run.failed.length > 0 && (
        <Reasons
          title={t.run.failed}
          reasons={run.failed.map(({ id, message }) => [id, message])}
          names={run.segment_names}
        />
      )}
      {run.held.length > 0 && (
        <Reasons
          title={t.run.held}
          reasons={run.held.map(({ id, reason }) => [id, reason])}
          names={run.segment_names}
        />
      )}
      <Movers run={run} />
      <Differences run={run} />
    </>
  );
}

function Reasons({ title, reasons, names }: { title: string; reasons: [string, string][]; names: Names }) {
  return (
    <Section title={title}>
      <dl className="reasons">
        {reasons.map(([id, reason]) => (
          <div key={id}>
            <dt>
              <SegmentLink id={id} name={names[id]} />
            </dt>
            <dd>{reason}</dd>
          </div>
        ))}
      </dl>
    </Section>
  );
}

function Movers({ run }: { run: RunDetails }) {
  return (
    <Section title={t.run.movers}>
      {run.movers.length === 0 ? (
        <p className="muted">{t.run.noMovers}</p>
      ) : (
        <Scrollable className="table-frame" label={t.run.movers}>
          <table aria-label={t.run.movers}>
            <thead>
              <tr>
                <th scope="col">{t.columns.segment}</th>
                <th scope="col" className="number">
                  {t.columns.entered}
                </th>
                <th scope="col" className="number">
                  {t.columns.left}
                </th>
                <th scope="col" className="number">
                  {t.columns.size}
                </th>
              </tr>
            </thead>
            <tbody>
              {run.movers.map((mover) => (
                <tr key={mover.id}>
                  <th scope="row">
                    <SegmentLink id={mover.id} name={mover.name} />
                  </th>
                  <td className="number entered">{signed(mover.entered)}</td>
                  <td className="number left">{signed(-mover.left)}</td>
                  <td className="number">
                    <Size value={mover.member_count} />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </Scrollable>
      )}
    </Section>
  );
}

function Differences({ run }: { run: RunDetails }) {
  if (run.previous_run_id === null) return null;
  const parts = [
    [t.run.added, run.added],
    [t.run.removed, run.removed],
    [t.run.redefined, run.redefined],
  ] as const;
  return (
    <Section title={t.run.differences}>
      {parts.every(([, ids]) => ids.length === 0) && <p className="muted">{t.run.same}</p>}
      {parts.map(
        ([title, ids]) =>
          ids.length > 0 && (
            <div key={title}>
              <h3>{title}</h3>
              <SegmentLinks ids={ids} names={run.segment_names} />
            </div>
          ),
      )}
      <p>
        {t.run.previous}: <a href={runLink(run.previous_run_id)}>{run.previous_run_id}</a>
      </p>
    </Section>
  );
}
