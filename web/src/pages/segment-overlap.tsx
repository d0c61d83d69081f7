import type { Overlap, SegmentsClient } from "@segbatch/client";
import { Answered } from "../components/feedback";
import { Bar, Scrollable, Section, SegmentLink } from "../components/parts";
import { usePage } from "../context";
import { count, percent } from "../format";
import { t } from "../texts";
import { useAnswer } from "../use-answer";

const OTHERS = 40;

/** The overlap with the largest segments, with this one among them. */
async function loadOverlap(client: SegmentsClient, id: string, signal: AbortSignal): Promise<Overlap> {
  const largest = await client.getOverlap("current", { top: OTHERS, signal });
  if (largest.segments.some((segment) => segment.id === id)) return largest;
  const ids = [id, ...largest.segments.slice(0, OTHERS - 1).map((segment) => segment.id)];
  return client.getOverlap("current", { segments: ids, signal });
}

interface Shared {
  id: string;
  name: string | null;
  both: number;
  ofThis: number;
  ofOther: number;
  similarity: number;
}

/** The segments that share members with one, the most similar first. */
export function sharedWith(overlap: Overlap, id: string): Shared[] {
  const at = overlap.segments.findIndex((segment) => segment.id === id);
  const self = overlap.segments[at];
  const row = overlap.counts[at];
  if (!self || !row) return [];
  return overlap.segments
    .map((other, index) => {
      const both = row[index] ?? 0;
      return {
        id: other.id,
        name: other.name,
        both,
        ofThis: both / self.member_count,
        ofOther: both / other.member_count,
        similarity: both / (self.member_count + other.member_count - both),
      };
    })
    .filter((other) => other.id !== id && other.both > 0)
    .sort((one, other) => other.similarity - one.similarity)
    .slice(0, 10);
}

export function OverlapSection({ id }: { id: string }) {
  const { client } = usePage();
  const answer = useAnswer(id, ({ signal }) => loadOverlap(client, id, signal));
  return (
    <Section title={t.segment.overlap}>
      <Answered answer={answer}>
        {(overlap) => {
          const shared = sharedWith(overlap, id);
          return shared.length ? <SharedTable shared={shared} /> : <p className="muted">{t.segment.noOverlap}</p>;
        }}
      </Answered>
    </Section>
  );
}

function SharedTable({ shared }: { shared: Shared[] }) {
  return (
    <Scrollable className="table-frame" label={t.segment.overlap}>
      <table aria-label={t.segment.overlap}>
        <thead>
          <tr>
            <th scope="col">{t.columns.segment}</th>
            <th scope="col" className="number">
              {t.columns.both}
            </th>
            <th scope="col" className="number">
              {t.columns.ofThis}
            </th>
            <th scope="col" className="number wide">
              {t.columns.ofOther}
            </th>
            <th scope="col" className="wide">
              {t.columns.similarity}
            </th>
          </tr>
        </thead>
        <tbody>
          {shared.map((other) => (
            <tr key={other.id}>
              <th scope="row">
                <SegmentLink id={other.id} name={other.name} />
              </th>
              <td className="number">{count(other.both)}</td>
              <td className="number">{percent(other.ofThis)}</td>
              <td className="number wide">{percent(other.ofOther)}</td>
              <td className="wide">
                <Bar share={other.similarity} label={percent(other.similarity)} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scrollable>
  );
}
