import type { SavedSegment } from "@segbatch/client";
import { useEffect, useRef, useState } from "react";
import { Answered } from "../components/feedback";
import { usePage } from "../context";
import type { Definition } from "../data/types";
import { t } from "../texts";
import { useAnswer } from "../use-answer";
import { MainButton } from "./main-button";
import { compareVersions, type Part } from "./merge";
import type { NamedSegment } from "./value-editor";
import { Version } from "./version";

interface Props {
  base: SavedSegment;
  mine: Definition;
  segments: readonly NamedSegment[];
  /** Go on with the newest version, and with these parts of mine. */
  onMerge: (newest: SavedSegment, fromMine: Part[]) => void;
  /** The segment was deleted. */
  onGone: () => void;
}

/** Another writer saved the segment since it was opened: what each changed, and a choice where both did. */
export function Conflict({ base, mine, segments, onMerge, onGone }: Props) {
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
        {(theirs) => <Merge base={base} mine={mine} theirs={theirs} segments={segments} onMerge={onMerge} />}
      </Answered>
    </section>
  );
}

const CHOICES = ["mine", "theirs"] as const;
type Choice = (typeof CHOICES)[number];

interface MergeProps extends Omit<Props, "onGone"> {
  theirs: SavedSegment;
}

function Merge({ base, mine, theirs, segments, onMerge }: MergeProps) {
  const changes = compareVersions(base, mine, theirs);
  // Nothing is chosen in advance: Merge would replace what the other one wrote without anyone having read it.
  const [choices, setChoices] = useState<Partial<Record<Part, Choice>>>({});
  const choose = (parts: Part[], choice: Choice) =>
    setChoices((before) => ({ ...before, ...Object.fromEntries(parts.map((part) => [part, choice])) }));
  const kept = changes.both.filter((part) => choices[part] === "mine");
  const versions = { base, mine, theirs, segments };
  return (
    <>
      {changes.both.length > 0 && <p>{t.editor.bothChanged}</p>}
      {changes.both.map((part) => (
        <Choose
          key={part}
          {...versions}
          part={part}
          choice={choices[part]}
          onChoose={(choice) => choose([part], choice)}
        />
      ))}
      {changes.theirs.map((part) => (
        <Changed key={part} {...versions} part={part} by="theirs" title={t.editor.onlyTheirs(t.editor.keys[part])} />
      ))}
      {changes.mine.map((part) => (
        <Changed key={part} {...versions} part={part} by="mine" title={t.editor.onlyMine(t.editor.keys[part])} />
      ))}
      <div className="actions">
        <MergeButton
          missing={changes.both.filter((part) => choices[part] === undefined)}
          onMerge={() => onMerge(theirs, [...changes.mine, ...kept])}
        />
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

interface PartProps {
  base: SavedSegment;
  mine: Definition;
  theirs: SavedSegment;
  segments: readonly NamedSegment[];
  part: Part;
}

/** A part that both changed. */
function Choose({
  part,
  choice,
  onChoose,
  segments,
  ...versions
}: PartProps & { choice: Choice | undefined; onChoose: (choice: Choice) => void }) {
  return (
    <fieldset className="versions">
      <legend>{t.editor.keys[part]}</legend>
      {CHOICES.map((version) => (
        <div key={version}>
          <label className="check">
            <input
              type="radio"
              name={`version-${part}`}
              checked={choice === version}
              onChange={() => onChoose(version)}
            />
            {t.editor[version]}
          </label>
          <Version definition={versions[version]} part={part} name={t.editor[version]} segments={segments} />
        </div>
      ))}
    </fieldset>
  );
}

/** A part that one of both changed, before and now. */
function Changed({ part, by, title, segments, ...versions }: PartProps & { by: Choice; title: string }) {
  return (
    <div className="versions">
      <h3>{title}</h3>
      {(["base", by] as const).map((version) => {
        const name = version === "base" ? t.editor.before : t.editor[version];
        return (
          <div key={version}>
            <span className="muted">{name}</span>
            <Version definition={versions[version]} part={part} name={name} segments={segments} />
          </div>
        );
      })}
    </div>
  );
}

function MergeButton({ missing, onMerge }: { missing: Part[]; onMerge: () => void }) {
  const [attempts, setAttempts] = useState(0);
  const button = useRef<HTMLButtonElement>(null);
  const press = () => {
    if (!missing.length) return onMerge();
    setAttempts((number) => number + 1);
    const conflict = button.current?.closest(".conflict");
    conflict?.querySelector<HTMLElement>(`[name="version-${missing[0]}"]`)?.focus();
  };
  return (
    <MainButton
      text={t.editor.merge}
      type="button"
      reason={missing.length ? t.editor.mergeFirst(missing.map((part) => t.editor.keys[part])) : null}
      attempts={attempts}
      onClick={press}
      button={button}
    />
  );
}
