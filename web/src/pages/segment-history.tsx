import { Scrollable, Section, Size, Status } from "../components/parts";
import type { SegmentRun } from "../data/types";
import { signed, time } from "../format";
import { runLink } from "../route";
import { t } from "../texts";

/** The results of a segment, the newest first; a changed definition is marked. */
export function HistoryTable({ runs }: { runs: SegmentRun[] }) {
  const rows = runs.map((run, index) => ({ ...run, isRedefined: isRedefined(runs[index - 1], run) })).reverse();
  return (
    <Section title={t.segment.runs}>
      <Scrollable className="table-frame scroll" label={t.segment.results}>
        <table aria-label={t.segment.runs}>
          <thead>
            <tr>
              <th scope="col">{t.columns.asOf}</th>
              <th scope="col">{t.columns.status}</th>
              <th scope="col" className="number">
                {t.columns.size}
              </th>
              <th scope="col" className="number">
                {t.columns.entered}
              </th>
              <th scope="col" className="number">
                {t.columns.left}
              </th>
              <th scope="col" className="wide">
                {t.columns.definition}
              </th>
            </tr>
          </thead>
          <tbody>
            {rows.map((run) => (
              <tr key={run.run_id}>
                <th scope="row">
                  <a href={runLink(run.run_id)}>{time(run.as_of)}</a>
                  <div className="below">
                    <span className="id">{run.run_id}</span>
                  </div>
                </th>
                <td>
                  <Status status={run.status} />
                </td>
                <td className="number">
                  <Size value={run.member_count} />
                </td>
                <td className="number">{run.entered === null ? t.noValue : signed(run.entered)}</td>
                <td className="number">{run.left === null ? t.noValue : signed(-run.left)}</td>
                <td className="wide">
                  <code title={run.fingerprint ?? undefined}>{run.fingerprint?.slice(0, 8) ?? t.noValue}</code>{" "}
                  {run.isRedefined && <span className="status status-held">{t.segment.redefined}</span>}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scrollable>
    </Section>
  );
}

function isRedefined(before: SegmentRun | undefined, run: SegmentRun): boolean {
  return before !== undefined && before.fingerprint !== run.fingerprint;
}
