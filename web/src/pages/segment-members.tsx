import { useState } from "react";
import { Answered } from "../components/feedback";
import { Section } from "../components/parts";
import { usePage } from "../context";
import { contactLink } from "../route";
import { t } from "../texts";
import { useAnswer } from "../use-answer";

const PAGE = 50;

/** The members in pages. The cursors of the pages before lead back. */
export function MembersSection({ id, size }: { id: string; size: number }) {
  const { client, report } = usePage();
  const [cursors, setCursors] = useState<string[]>([]);
  const cursor = cursors.at(-1);
  const answer = useAnswer(
    `${id} ${cursor ?? ""}`,
    (options) => client.listMembers(id, { limit: PAGE, cursor, ...options }),
    { keep: true },
  );
  if (report && answer.error?.code === "not-in-report") return null;
  return (
    <Section title={t.segment.members}>
      {size === 0 ? (
        <p className="muted">{t.segment.noMembers}</p>
      ) : (
        <Answered answer={answer}>
          {(page) => {
            const from = cursors.length * PAGE;
            const next = page.next_cursor;
            return (
              <>
                <ul className="members" aria-label={t.segment.membersOf}>
                  {page.members.map((member) => (
                    <li key={member}>{report ? member : <a href={contactLink(member)}>{member}</a>}</li>
                  ))}
                </ul>
                <div className="pager">
                  <button
                    type="button"
                    disabled={!cursors.length}
                    onClick={() => setCursors((before) => before.slice(0, -1))}
                  >
                    {t.previous}
                  </button>
                  <span role="status">
                    {t.segment.membersPage(from + 1, from + page.members.length, page.member_count)}
                  </span>
                  <button
                    type="button"
                    disabled={!next}
                    onClick={() => next && setCursors((before) => [...before, next])}
                  >
                    {t.next}
                  </button>
                </div>
              </>
            );
          }}
        </Answered>
      )}
    </Section>
  );
}
