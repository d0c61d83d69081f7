import type { ContactView } from "@segbatch/client";
import { type FormEvent, useState } from "react";
import { Answered, Loading, Problem } from "../components/feedback";
import { Scrollable, Section, SegmentLink, Value } from "../components/parts";
import { usePage } from "../context";
import type { RuleVerdict } from "../data/types";
import { time } from "../format";
import { inWords, type Names } from "../in-words";
import { contactLink, go } from "../route";
import { t } from "../texts";
import { useAnswer } from "../use-answer";
import { loadRows } from "./segments";

export function ContactPageView({ id }: { id: string | undefined }) {
  const { report } = usePage();
  return (
    <>
      <div className="heading">
        <div>
          <h1 tabIndex={-1}>{t.contact}</h1>
          <p className="lead">{report ? t.contactPage.inReport : t.contactPage.lead}</p>
        </div>
      </div>
      {!report && <Search key={id} id={id ?? ""} />}
      {!report && id !== undefined && <Found key={`found ${id}`} id={id} />}
    </>
  );
}

function Search({ id }: { id: string }) {
  const [text, setText] = useState(id);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (text.trim()) go(contactLink(text.trim()));
  };
  return (
    // biome-ignore lint/a11y/useSemanticElements: React does not know the element search as a form
    <form className="filters" role="search" onSubmit={submit}>
      <label className="grow">
        {t.contactPage.id}
        <input type="search" required value={text} onChange={(event) => setText(event.target.value)} />
      </label>
      <button type="submit" className="primary">
        {t.contactPage.find}
      </button>
    </form>
  );
}

function Found({ id }: { id: string }) {
  const { client } = usePage();
  const answer = useAnswer(id, (options) => client.getContact("current", id, options));
  if (answer.error?.code === "no-contact") return <p className="empty">{t.contactPage.unknown(id)}</p>;
  return <Answered answer={answer}>{(contact) => <Contact contact={contact} />}</Answered>;
}

function Contact({ contact }: { contact: ContactView }) {
  const id = String(contact.contact_id);
  return (
    <>
      <Section title={t.contactPage.segments(contact.segments.length)}>
        {contact.segments.length > 0 && (
          <ul className="cards">
            {contact.segments.map((segment) => (
              <li key={segment.id}>
                <div className="card-line">
                  <SegmentLink className="name" id={segment.id} name={segment.name} />
                  <span className="muted">
                    {t.columns.since} {segment.since ? time(segment.since) : t.contactPage.unknownSince}
                  </span>
                </div>
                <Why contact={id} segment={segment.id} title={segment.name ?? segment.id} />
              </li>
            ))}
          </ul>
        )}
      </Section>
      <Other contact={id} members={contact.segments.map((segment) => segment.id)} />
      <Section title={t.contactPage.fields}>
        {contact.fields ? <Fields fields={contact.fields} /> : <p className="muted">{t.contactPage.noFields}</p>}
      </Section>
    </>
  );
}

function Why({ contact, segment, title }: { contact: string; segment: string; title: string }) {
  const [isOpen, setIsOpen] = useState(false);
  return (
    <>
      <button
        type="button"
        className="quiet"
        aria-expanded={isOpen}
        aria-label={`${isOpen ? t.contactPage.hideWhy : t.contactPage.why}: ${title}`}
        onClick={() => setIsOpen(!isOpen)}
      >
        {isOpen ? t.contactPage.hideWhy : t.contactPage.why}
      </button>
      {isOpen && <Verdict contact={contact} segment={segment} />}
    </>
  );
}

/** Why a contact is not in a segment is as often the question. */
function Other({ contact, members }: { contact: string; members: string[] }) {
  const { client } = usePage();
  const [chosen, setChosen] = useState("");
  const rows = useAnswer("rows", ({ signal }) => loadRows(client, signal));
  const others = (rows.value?.segments ?? []).filter((row) => !members.includes(row.id));
  return (
    <Section title={t.contactPage.other} lead={t.contactPage.otherHelp}>
      <form className="filters" onSubmit={(event) => event.preventDefault()}>
        <label>
          {t.columns.segment}
          <select value={chosen} onChange={(event) => setChosen(event.target.value)}>
            <option value="" />
            {others.map((row) => (
              <option key={row.id} value={row.id}>
                {row.name ?? row.id}
              </option>
            ))}
          </select>
        </label>
      </form>
      {chosen && <Verdict contact={contact} segment={chosen} />}
    </Section>
  );
}

function Verdict({ contact, segment }: { contact: string; segment: string }) {
  const { client } = usePage();
  const answer = useAnswer(`${segment} ${contact}`, (options) =>
    client.explainSegment(segment, { contact, ...options }),
  );
  if (answer.error) return <Problem error={answer.error} onRetry={answer.retry} />;
  const verdict = answer.value?.verdict;
  if (answer.loading) return <Loading slow={answer.slow} />;
  if (!verdict) return <p className="muted">{answer.value?.errors[0]?.message ?? t.problem.notFound}</p>;
  return (
    <div className="verdict">
      <p>
        <strong>
          <bdi>{verdict.contact_id}</bdi>
        </strong>{" "}
        {verdict.member ? t.contactPage.member : t.contactPage.notMember}
      </p>
      <Verdicts verdicts={verdict.verdicts} names={answer.value?.segment_names ?? {}} />
    </div>
  );
}

function Verdicts({ verdicts, names }: { verdicts: RuleVerdict[]; names: Names }) {
  return (
    <ul>
      {verdicts.map((verdict) => (
        <li key={verdict.path}>
          <span className={verdict.holds ? "holds" : "fails"}>
            {verdict.holds ? t.contactPage.holds : t.contactPage.fails}
          </span>{" "}
          {inWords(verdict.definition, names) ?? <bdi>{verdict.rule}</bdi>} <bdi className="muted">{verdict.why}</bdi>
          {verdict.parts.length > 0 && <Verdicts verdicts={verdict.parts} names={names} />}
        </li>
      ))}
    </ul>
  );
}

function Fields({ fields }: { fields: Record<string, unknown> }) {
  return (
    <Scrollable className="table-frame" label={t.contactPage.fields}>
      <table className="facts" aria-label={t.contactPage.fields}>
        <tbody>
          {Object.entries(fields).map(([name, value]) => (
            <tr key={name}>
              <th scope="row">
                <bdi>{name}</bdi>
              </th>
              <td>
                <Value value={value} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scrollable>
  );
}
