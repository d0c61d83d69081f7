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

/** Which parts of the saved definition differ from the one of the members that are shown, and that one. */
export function SavedLater({ saved, details }: Props) {
  const definition = details?.definition as Partial<Definition> | null | undefined;
  if (!details || !definition) return null;
  const changed = differences(definition, saved).map((key) => t.editor.keys[key]);
  if (!changed.length) return null;
  // A run that keeps members has seen the saved definition, or one between.
  const isKept = details.status === "failed" || details.status === "held";
  return (
    <div className="attention">
      <div>
        <p>{isKept ? t.segment.savedOther(changed) : t.segment.savedLater(changed, runOf(details))}</p>
        <details>
          <summary>{t.segment.ofMembers}</summary>
          <DefinitionOfMembers definition={definition} />
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
      <DefinitionOfMembers definition={details.definition} />
    </Section>
  );
}

function DefinitionOfMembers({ definition }: { definition: unknown }) {
  return <Code text={JSON.stringify(definition, null, 2)} label={t.segment.ofMembers} />;
}

function runOf(details: RunSegment): string {
  const last = details.runs.at(-1);
  return last ? time(last.as_of) : t.noValue;
}
