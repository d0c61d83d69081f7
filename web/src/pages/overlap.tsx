import type { Overlap } from "@segbatch/client";
import { useMemo } from "react";
import { Answered } from "../components/feedback";
import { Scrollable, Section, SegmentLink } from "../components/parts";
import { usePage } from "../context";
import { count, percent } from "../format";
import { linkTo, replaceHash } from "../route";
import { t } from "../texts";
import { useAnswer } from "../use-answer";

const MOST = 40;
const SIZES = [10, 20, 40];
/** Percent of the accent color in a cell that shares everything; the text stays readable on it. */
const STRONGEST = 45;

export function OverlapPageView({ query }: { query: URLSearchParams }) {
  const { client } = usePage();
  const answer = useAnswer("overlap", (options) => client.getOverlap("current", { top: MOST, ...options }));
  const top = Number(query.get("top")) || 20;
  return (
    <>
      <div className="heading">
        <div>
          <h1 tabIndex={-1}>{t.overlap}</h1>
          <p className="lead">{t.overlapPage.lead}</p>
        </div>
      </div>
      <Answered answer={answer}>
        {(overlap) => (
          <>
            <form className="filters" onSubmit={(event) => event.preventDefault()}>
              <label>
                {t.overlapPage.top}
                <select value={top} onChange={(event) => replaceHash(linkTo(["overlap"], { top: event.target.value }))}>
                  {SIZES.map((size) => (
                    <option key={size} value={size}>
                      {t.overlapPage.largest(size)}
                    </option>
                  ))}
                </select>
              </label>
            </form>
            <Matrix overlap={overlap} top={top} />
            <div className="charts">
              <Duplicates overlap={overlap} />
              <Inside overlap={overlap} />
            </div>
          </>
        )}
      </Answered>
    </>
  );
}

function Matrix({ overlap, top }: { overlap: Overlap; top: number }) {
  const order = useMemo(
    () =>
      overlap.segments
        .map((segment, index) => ({ ...segment, index, title: segment.name ?? segment.id }))
        .filter((segment) => segment.member_count > 0)
        .sort((one, other) => other.member_count - one.member_count)
        .slice(0, top),
    [overlap, top],
  );
  if (!order.length) return <p className="empty">{t.overlapPage.none}</p>;
  return (
    <Scrollable className="table-frame matrix-frame" label={t.overlapPage.matrix}>
      <table className="matrix" aria-label={t.overlapPage.matrix}>
        <thead>
          <tr>
            <th scope="col">{t.columns.segment}</th>
            <th scope="col" className="number">
              {t.columns.size}
            </th>
            {order.map((column, number) => (
              <th key={column.id} scope="col" title={column.title} className="number">
                <span aria-hidden="true">{number + 1}</span>
                <bdi className="hidden">{column.title}</bdi>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {order.map((row, number) => (
            <tr key={row.id}>
              <th scope="row">
                <span className="ordinal" aria-hidden="true">
                  {number + 1}
                </span>
                <SegmentLink id={row.id} name={row.name} />
              </th>
              <td className="number">{count(row.member_count)}</td>
              {order.map((column) => {
                const shared = overlap.counts[row.index]?.[column.index] ?? 0;
                const share = shared / row.member_count;
                return row.id === column.id ? (
                  <td key={column.id} className="number self" aria-label={t.noValue} />
                ) : (
                  <td
                    key={column.id}
                    className="number cell"
                    title={t.overlapPage.cell(percent(share), row.title, column.title, shared)}
                    style={{ "--share": `${Math.round(share * STRONGEST)}%` } as React.CSSProperties}
                  >
                    {shared ? percentOf(share) : ""}
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </Scrollable>
  );
}

/** A whole number of percent; "<1" and ">99" for what would round to nothing or everything. */
function percentOf(share: number): string {
  if (share < 0.01) return "<1";
  return share < 1 && share > 0.99 ? ">99" : String(Math.round(share * 100));
}

function Duplicates({ overlap }: { overlap: Overlap }) {
  const pairs = [...overlap.near_duplicates].sort((one, other) => other.jaccard - one.jaccard);
  return (
    <Section title={t.overlapPage.duplicates} lead={t.overlapPage.duplicatesLead}>
      {pairs.length === 0 ? (
        <p className="muted">{t.overlapPage.noDuplicates}</p>
      ) : (
        <ul className="pairs">
          {pairs.map(({ a, b, jaccard }) => (
            <li key={`${a} ${b}`}>
              <span>
                <SegmentLink id={a} name={overlap.segment_names[a]} /> ≈{" "}
                <SegmentLink id={b} name={overlap.segment_names[b]} />
              </span>
              <span className="number">{percent(jaccard)}</span>
            </li>
          ))}
        </ul>
      )}
    </Section>
  );
}

function Inside({ overlap }: { overlap: Overlap }) {
  return (
    <Section title={t.overlapPage.inside} lead={t.overlapPage.insideLead}>
      {overlap.inside.length === 0 ? (
        <p className="muted">{t.overlapPage.noInside}</p>
      ) : (
        <ul className="pairs">
          {overlap.inside.map(({ inner, outer }) => (
            <li key={`${inner} ${outer}`}>
              <span>
                <SegmentLink id={inner} name={overlap.segment_names[inner]} /> ⊂{" "}
                <SegmentLink id={outer} name={overlap.segment_names[outer]} />
              </span>
            </li>
          ))}
        </ul>
      )}
    </Section>
  );
}
