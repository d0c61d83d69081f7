import type { ContactId, MembersWithFieldsPage } from "@segbatch/client";
import { useState } from "react";
import { Answered } from "../components/feedback";
import { Scrollable, Section, Value } from "../components/parts";
import { usePage } from "../context";
import { contactLink } from "../route";
import { t } from "../texts";
import { useAnswer } from "../use-answer";
import { ColumnChooser, useColumns } from "./member-columns";

const PAGE = 50;

/** What a page of members has, with columns or without. */
interface Page {
  member_count: number;
  next_cursor: string | null;
  members: readonly ContactId[];
  /** Null without chosen columns. */
  table: MembersWithFieldsPage | null;
}

/** The members in pages, with chosen columns of the contacts. The cursors of the pages before lead back. */
export function MembersSection({ id, size }: { id: string; size: number }) {
  const { client, report, showsFields } = usePage();
  const [cursors, setCursors] = useState<string[]>([]);
  const [chosen, setColumns] = useColumns();
  const columns = showsFields ? chosen : [];
  const cursor = cursors.at(-1);
  const answer = useAnswer(
    JSON.stringify([id, cursor, columns]),
    async (options): Promise<Page> => {
      const query = { limit: PAGE, cursor, ...options };
      if (!columns.length) return { ...(await client.listMembers(id, query)), table: null };
      const table = await client.listMembersWithFields(id, columns, query);
      return { ...table, members: table.members.map((member) => member.id), table };
    },
    { keep: true },
  );
  if (report && answer.error?.code === "not-in-report") return null;
  if (size === 0) {
    return (
      <Section title={t.segment.members}>
        <p className="muted">{t.segment.noMembers}</p>
      </Section>
    );
  }
  return (
    <Section title={t.segment.members}>
      {showsFields && <ColumnChooser columns={columns} onChange={setColumns} />}
      <Answered answer={answer}>
        {(page) => {
          const from = cursors.length * PAGE;
          const next = page.next_cursor;
          return (
            <>
              {page.table?.fields ? (
                <MembersTable page={page.table} fields={page.table.fields} />
              ) : (
                <ul className="members" aria-label={t.segment.membersOf}>
                  {page.members.map((member) => (
                    <li key={member}>{report ? member : <a href={contactLink(member)}>{member}</a>}</li>
                  ))}
                </ul>
              )}
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
    </Section>
  );
}

function MembersTable({ page, fields }: { page: MembersWithFieldsPage; fields: readonly string[] }) {
  return (
    <Scrollable className="table-frame" label={t.segment.memberTable}>
      <table className="member-fields" aria-label={t.segment.memberTable}>
        <thead>
          <tr>
            <th scope="col">{t.segment.membersOf}</th>
            {fields.map((name) => (
              <th key={name} scope="col">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {page.members.map(({ id, values }) => (
            <tr key={id}>
              <th scope="row" className="id">
                <a href={contactLink(id)}>{id}</a>
              </th>
              {values === null ? (
                <td colSpan={fields.length} className="muted">
                  {t.segment.goneContact}
                </td>
              ) : (
                fields.map((name) => (
                  <td key={name}>
                    <Value value={values[name]} />
                  </td>
                ))
              )}
            </tr>
          ))}
        </tbody>
      </table>
    </Scrollable>
  );
}
