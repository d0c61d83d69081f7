import type { RunSegment, SavedSegment } from "@segbatch/client";
import { Code, Section } from "../components/parts";
import type { Definition } from "../data/types";
import { differences } from "../editor/draft";
import { time } from "../format";
import { t } from "../texts";

interface Props {
  saved: SavedSegment;
  details: RunSegment | undefined;
}

/** Which parts of the segment were saved after the run whose members are shown, and what they were in the run. */
export function SavedLater({ saved, details }: Props) {
  const definition = details?.definition as Partial<Definition> | null | undefined;
  const run = runOf(details);
  if (!definition) return null;
  const changed = differences(definition, saved);
  if (!changed.length) return null;
  return (
    <div className="attention">
      <div>
        <p>
          {t.segment.savedLater(
            changed.map((key) => t.editor.keys[key]),
            run,
          )}
        </p>
        <details>
          <summary>{t.segment.rulesOfRun(run)}</summary>
          <DefinitionOfRun definition={definition} run={run} />
        </details>
      </div>
    </div>
  );
}

/** A segment that is no longer saved, as the last run evaluated it. */
export function Deleted({ details }: { details: RunSegment }) {
  return <p className="attention">{t.segment.deleted(runOf(details))}</p>;
}

export function DeletedRules({ details }: { details: RunSegment }) {
  return (
    <Section title={t.segment.rules}>
      <DefinitionOfRun definition={details.definition} run={runOf(details)} />
    </Section>
  );
}

function DefinitionOfRun({ definition, run }: { definition: unknown; run: string }) {
  return <Code text={JSON.stringify(definition, null, 2)} label={t.segment.rulesOfRun(run)} />;
}

function runOf(details: RunSegment | undefined): string {
  const last = details?.runs.at(-1);
  return last ? time(last.as_of) : t.noValue;
}
