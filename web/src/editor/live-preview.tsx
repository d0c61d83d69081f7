import type { CheckResult, Preview, SavedSegment, SegmentDraft } from "@segbatch/client";
import { useMemo } from "react";
import { Problem } from "../components/feedback";
import { Figure, Section } from "../components/parts";
import { usePage } from "../context";
import type { Definition, Finding, Located } from "../data/types";
import { count, signed } from "../format";
import { contactLink } from "../route";
import { t } from "../texts";
import { type Answer, useAnswer } from "../use-answer";
import { useDelayed } from "./use-delayed";

const PAUSE_MS = 300;
const SAMPLE = 10;

export interface Checked {
  errors: Located[];
  findings: Finding[];
  check: Answer<CheckResult>;
  preview: Answer<Preview>;
  /** Something was typed that is not counted yet. */
  isBehind: boolean;
}

/**
 * Check and count a definition after a pause in typing. A newer definition cancels the requests for the one before.
 *
 * A definition with errors is not counted.
 */
export function useChecked(definition: Definition, broken: Located[], saved: SavedSegment | undefined): Checked {
  const { client: ofPage } = usePage();
  const { match, rules } = definition;
  const now = broken.length || !rules.length ? null : JSON.stringify({ match, rules });
  const delayed = useDelayed(now, PAUSE_MS);
  const counted = now === null ? null : delayed;
  // A saved segment contains contacts of its project only.
  const project = saved?.project_id;
  const client = useMemo(() => (project ? ofPage.forProject(project) : ofPage), [ofPage, project]);
  const body = useMemo(() => JSON.parse(counted ?? "{}") as SegmentDraft, [counted]);
  const check = useAnswer(counted, (options) => client.checkSegment(body, options), { keep: true });
  const isRight = counted !== null && !check.loading && check.value?.errors.length === 0;
  const preview = useAnswer(
    isRight ? counted : null,
    (options) => {
      const comparison = saved ? { compare_with: saved.id } : {};
      return client.previewSegment({ ...body, first: SAMPLE, ...comparison }, options);
    },
    { keep: true },
  );
  return {
    errors: counted === null ? [] : (check.value?.errors ?? []),
    findings: counted === null ? [] : (check.value?.findings ?? []),
    check,
    preview,
    isBehind: now !== counted || check.loading || preview.loading,
  };
}

interface Props {
  checked: Checked;
  hasErrors: boolean;
  isFieldMissing: boolean;
  isCompared: boolean;
}

export function LivePreview({ checked: { check, preview, isBehind }, hasErrors, isFieldMissing, isCompared }: Props) {
  const value = preview.value;
  return (
    <aside className="preview" aria-busy={isBehind}>
      <Section title={t.editor.preview}>
        {hasErrors && <p className="muted">{isFieldMissing ? t.editor.countFieldFirst : t.editor.fixFirst}</p>}
        {!hasErrors && check.error && <Problem error={check.error} onRetry={check.retry} />}
        {!hasErrors && preview.error && <Problem error={preview.error} onRetry={preview.retry} />}
        {!hasErrors && !value && isBehind && <p className="muted">{preview.slow ? t.slow : t.editor.counting}</p>}
        {!hasErrors && value && (
          <div className={isBehind ? "behind" : undefined}>
            <Numbers preview={value} isCompared={isCompared} />
            <ul className="sample" aria-label={t.editor.sample}>
              {value.first.map((id) => (
                <li key={id}>
                  <a href={contactLink(id)}>{id}</a>
                </li>
              ))}
            </ul>
            {value.warnings.map((warning) => (
              <p key={warning.message} className="doubtful">
                {warning.message}
              </p>
            ))}
          </div>
        )}
        <p className="hidden" role="status">
          {!isBehind && !hasErrors && value ? t.editor.counted(value.member_count) : ""}
        </p>
      </Section>
    </aside>
  );
}

function Numbers({ preview, isCompared }: { preview: Preview; isCompared: boolean }) {
  const compared = isCompared ? preview.compared : null;
  return (
    <dl className="figures">
      <Figure label={t.segment.size} note={preview.share === null ? undefined : t.ofContacts(preview.share)}>
        {count(preview.member_count)}
      </Figure>
      {compared && (
        <>
          <Figure label={t.editor.wouldEnter}>
            <span className="entered">{signed(compared.entered)}</span>
          </Figure>
          <Figure label={t.editor.wouldLeave}>
            <span className="left">{signed(-compared.left)}</span>
          </Figure>
          <Figure label={t.editor.savedSize}>{count(compared.member_count)}</Figure>
        </>
      )}
      {!compared && <Figure label={t.columns.contacts}>{count(preview.contacts)}</Figure>}
    </dl>
  );
}
