import type { ApiError, ContactSegment } from "@segbatch/client";
import { usePage } from "../context";
import type { SegmentRow } from "../data/types";
import { segmentLink } from "../route";
import { t } from "../texts";
import { useAnswer } from "../use-answer";

const MOST_SHOWN = 20;

interface Props {
  /** The segments of the last run; undefined while they are loading. */
  rows: SegmentRow[] | undefined;
  error: ApiError | undefined;
}

/** Saved segments that the last run does not have. A report knows nothing of them. */
export function SavedLater({ rows, error }: Props) {
  const { client, report } = usePage();
  const evaluated = error?.code === "nothing-published" ? [] : rows;
  const isAsked = !report && evaluated !== undefined;
  const saved = useAnswer(isAsked ? "saved" : null, (options) => client.listSegments(options));
  if (!evaluated || !saved.value) return null;
  const later = createdLater(saved.value, evaluated);
  if (!later.length) return null;
  return (
    <section className="attention attention-disabled" aria-label={t.createdLater(later.length)}>
      <div>
        <strong>{t.createdLater(later.length)}</strong>
        <ul>
          {later.slice(0, MOST_SHOWN).map(({ id, name }) => (
            <li key={id}>
              <a href={segmentLink(id)}>{name}</a>
            </li>
          ))}
        </ul>
        {later.length > MOST_SHOWN && <p>{t.andMore(later.length - MOST_SHOWN)}</p>}
      </div>
    </section>
  );
}

/** The saved segments without a result, by name. */
export function createdLater(saved: ContactSegment[], rows: SegmentRow[]): ContactSegment[] {
  const evaluated = new Set(rows.map(({ id }) => id));
  return saved.filter(({ id }) => !evaluated.has(id)).sort((one, other) => one.name.localeCompare(other.name));
}
