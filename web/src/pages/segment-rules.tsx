import type { Explanation } from "@segbatch/client";
import { useState } from "react";
import { Answered } from "../components/feedback";
import { Bar, Code, Scrollable, Section } from "../components/parts";
import { usePage } from "../context";
import type { Finding, FunnelStep, Located, Match, RuleInWords } from "../data/types";
import { count, percent } from "../format";
import { inWords, type Names } from "../in-words";
import { t } from "../texts";
import { type Answer, useAnswer } from "../use-answer";

export function RulesSection({ explanation, definition }: { explanation: Answer<Explanation>; definition: unknown }) {
  const { report } = usePage();
  return (
    <Section title={t.segment.rules}>
      <Answered answer={explanation}>
        {(value) => (
          <>
            <RulesInWords match={value.match} rules={value.words} names={value.segment_names} />
            {!report && value.no_contacts !== null && (
              <p className="muted">{t.segment.noContacts(value.no_contacts)}</p>
            )}
            <Problems title={t.segment.errors} problems={value.errors} kind="failed" />
            <Problems title={t.segment.findings} problems={value.findings} kind="held" />
            {!(report && value.sql === null) && (
              <details>
                <summary>{t.segment.sql}</summary>
                {value.sql === null ? (
                  <p>{t.segment.noSql(value.no_sql ?? "")}</p>
                ) : (
                  <Code text={value.sql} label={t.segment.sql} />
                )}
              </details>
            )}
          </>
        )}
      </Answered>
      {definition !== undefined && definition !== null && (
        <details>
          <summary>{t.segment.json}</summary>
          <Code text={JSON.stringify(definition, null, 2)} label={t.segment.json} />
        </details>
      )}
    </Section>
  );
}

interface WordsProps {
  match: Match;
  rules: RuleInWords[];
  names: Names;
}

export function RulesInWords({ match, rules, names }: WordsProps) {
  return (
    <div className="words">
      {rules.length > 1 || match === "none" ? <p className="match">{t.match[match]}</p> : null}
      <ul>
        {rules.map((rule) => (
          <li key={rule.path}>
            {rule.match ? (
              <RulesInWords match={rule.match} rules={rule.rules} names={names} />
            ) : (
              <span>{inWords(rule.definition, names) ?? rule.words}</span>
            )}
          </li>
        ))}
      </ul>
    </div>
  );
}

export function Problems({ title, problems, kind }: { title: string; problems: (Located | Finding)[]; kind: string }) {
  if (!problems.length) return null;
  return (
    <div className={`attention attention-${kind}`}>
      <div>
        <strong>{title}</strong>
        <ul>
          {problems.map((problem) => (
            <li key={`${problem.path} ${problem.message}`}>
              <bdi>{problem.message}</bdi> <code>{problem.path}</code>
            </li>
          ))}
        </ul>
      </div>
    </div>
  );
}

/** How many contacts each rule keeps. It reads all contacts, so it is counted when a reader asks for it. */
export function FunnelSection({ id, known }: { id: string; known: Explanation | undefined }) {
  const { client, report } = usePage();
  const [asked, setAsked] = useState<string | null>(null);
  const answer = useAnswer(asked === id ? id : null, (options) =>
    client.explainSegment(id, { funnel: true, ...options }),
  );
  const value = known?.funnel ? known : answer.value;
  if (!known?.funnel && (report || (known && known.no_contacts !== null))) return null;
  if (value?.funnel && value.contacts !== null) {
    return (
      <Section title={t.segment.funnel} lead={t.segment.funnelLead(value.contacts)}>
        <Funnel steps={value.funnel} contacts={value.contacts} names={value.segment_names} />
      </Section>
    );
  }
  return (
    <Section title={t.segment.funnel}>
      {asked === id ? (
        <Answered answer={answer}>{(empty) => <p>{empty.errors[0]?.message ?? empty.no_contacts}</p>}</Answered>
      ) : (
        <p>
          <button type="button" onClick={() => setAsked(id)}>
            {t.segment.funnelAsk}
          </button>{" "}
          <span className="muted">{t.segment.funnelHelp}</span>
        </p>
      )}
    </Section>
  );
}

function Funnel({ steps, contacts, names }: { steps: FunnelStep[]; contacts: number; names: Names }) {
  const hasAfter = steps.some((step) => step.left !== null);
  return (
    <Scrollable className="table-frame" label={t.segment.funnel}>
      <table className="funnel" aria-label={t.segment.funnel}>
        <thead>
          <tr>
            <th scope="col">{t.segment.rules}</th>
            <th scope="col" className="number">
              {t.segment.funnelAlone}
            </th>
            {hasAfter && (
              <th scope="col" className="number">
                {t.segment.funnelAfter}
              </th>
            )}
            <th scope="col" className="wide">
              {t.columns.share}
            </th>
          </tr>
        </thead>
        <tbody>
          {flatten(steps).map(({ step, depth }) => {
            const share = contacts ? (step.left ?? step.count) / contacts : 0;
            return (
              <tr key={step.path}>
                <th scope="row" style={{ paddingInlineStart: `${0.75 + depth * 1.5}rem` }}>
                  {inWords(step.definition, names) ?? step.rule}
                </th>
                <td className="number">{count(step.count)}</td>
                {hasAfter && <td className="number">{step.left === null ? "" : count(step.left)}</td>}
                <td className="wide">
                  <Bar share={share} label={percent(share)} />
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </Scrollable>
  );
}

function flatten(steps: FunnelStep[], depth = 0): { step: FunnelStep; depth: number }[] {
  return steps.flatMap((step) => [{ step, depth }, ...flatten(step.steps, depth + 1)]);
}
