import type { SavedSegment } from "@segbatch/client";
import { useEffect, useState } from "react";
import { Answered } from "../components/feedback";
import { usePage } from "../context";
import type { Definition } from "../data/types";
import { t } from "../texts";
import { useAnswer } from "../use-answer";
import { compareVersions, type Part } from "./merge";

interface Props {
  base: SavedSegment;
  mine: Definition;
  /** Go on with the newest version, and with these parts of mine. */
  onMerge: (newest: SavedSegment, fromMine: Part[]) => void;
  /** The segment was deleted. */
  onGone: () => void;
}

/** Another writer saved the segment since it was opened: what each changed, and a choice where both did. */
export function Conflict({ base, mine, onMerge, onGone }: Props) {
  const { client } = usePage();
  const newest = useAnswer(base.id, (options) => client.getSegment(base.id, options));
  const isGone = newest.error?.code === "not-found";
  useEffect(() => {
    if (isGone) onGone();
  }, [isGone, onGone]);
  return (
    <section className="conflict" aria-labelledby="conflict-title">
      <h2 id="conflict-title">{t.editor.conflict}</h2>
      <p role="alert">{t.editor.conflictHelp}</p>
      <Answered answer={newest}>
        {(theirs) => <Merge base={base} mine={mine} theirs={theirs} onMerge={onMerge} />}
      </Answered>
    </section>
  );
}

type Choice = "mine" | "theirs";

interface MergeProps extends Omit<Props, "onGone"> {
  theirs: SavedSegment;
}

function Merge({ base, mine, theirs, onMerge }: MergeProps) {
  const changes = compareVersions(base, mine, theirs);
  const [choices, setChoices] = useState<Partial<Record<Part, Choice>>>({});
  const choose = (parts: Part[], choice: Choice) =>
    setChoices((before) => ({ ...before, ...Object.fromEntries(parts.map((part) => [part, choice])) }));
  const kept = changes.both.filter((part) => choices[part] !== "theirs");
  return (
    <>
      {changes.both.length > 0 && <p>{t.editor.bothChanged}</p>}
      {changes.both.map((part) => (
        <fieldset key={part} className="versions">
          <legend>{t.editor.keys[part]}</legend>
          {(["mine", "theirs"] as const).map((choice) => (
            <div key={choice}>
              <label className="check">
                <input
                  type="radio"
                  name={`version-${part}`}
                  checked={(choices[part] ?? "mine") === choice}
                  onChange={() => choose([part], choice)}
                />
                {t.editor[choice]}
              </label>
              <Value definition={choice === "mine" ? mine : theirs} part={part} />
            </div>
          ))}
        </fieldset>
      ))}
      {changes.theirs.map((part) => (
        <div key={part} className="versions">
          <h3>{t.editor.onlyTheirs(t.editor.keys[part])}</h3>
          <div>
            <span className="muted">{t.editor.before}</span>
            <Value definition={base} part={part} />
          </div>
          <div>
            <span className="muted">{t.editor.theirs}</span>
            <Value definition={theirs} part={part} />
          </div>
        </div>
      ))}
      {changes.mine.length > 0 && <p>{t.editor.onlyMine(changes.mine.map((part) => t.editor.keys[part]))}</p>}
      <div className="actions">
        <button type="button" className="primary" onClick={() => onMerge(theirs, [...changes.mine, ...kept])}>
          {t.editor.merge}
        </button>
        {changes.both.length > 1 && (
          <>
            <button type="button" onClick={() => choose(changes.both, "mine")}>
              {t.editor.allMine}
            </button>
            <button type="button" onClick={() => choose(changes.both, "theirs")}>
              {t.editor.allTheirs}
            </button>
          </>
        )}
        <button type="button" onClick={() => onMerge(theirs, [])}>
          {t.editor.dropMine}
        </button>
      </div>
    </>
  );
}

function Value({ definition, part }: { definition: Partial<Definition>; part: Part }) {
  const { match = "all", rules } = definition;
  const value = part === "rules" ? { match: match ?? "all", rules } : definition[part];
  const isUnset = value === undefined || value === null || value === "";
  return <pre>{isUnset ? t.noValue : typeof value === "string" ? value : JSON.stringify(value, null, 1)}</pre>;
}
