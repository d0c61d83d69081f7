import type { ContactSegment } from "@segbatch/client";
import { SegmentLink } from "../components/parts";
import { usePage } from "../context";
import type { SegmentRow } from "../data/types";
import { t } from "../texts";
import { useAnswer } from "../use-answer";

const MOST_SHOWN = 20;

/** The saved segments that the last run does not have; undefined rows are not loaded yet. A report knows nothing of them. */
export function useSavedLater(rows: SegmentRow[] | undefined): ContactSegment[] {
  const { client, report } = usePage();
  const isAsked = !report && rows !== undefined;
  const saved = useAnswer(isAsked ? "saved" : null, (options) => client.listSegments(options));
  return rows && saved.value ? createdLater(saved.value, rows) : [];
}

interface Props {
  later: ContactSegment[];
  /** No run is published yet. */
  isFirst: boolean;
}

export function SavedLater({ later, isFirst }: Props) {
  if (!later.length) return null;
  const title = isFirst ? t.notYetRun(later.length) : t.createdLater(later.length);
  return (
    <section className="attention attention-disabled" aria-label={title}>
      <div>
        <strong>{title}</strong>
        <ul>
          {later.slice(0, MOST_SHOWN).map(({ id, name }) => (
            <li key={id}>
              <SegmentLink id={id} name={name} />
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
