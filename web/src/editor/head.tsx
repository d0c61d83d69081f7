import type { SavedSegment } from "@segbatch/client";
import type { RefObject } from "react";
import type { Definition, Located } from "../data/types";
import { linkTo, segmentLink } from "../route";
import { t } from "../texts";
import { useTitle } from "../use-title";
import { isFieldMissing } from "./convert";
import { MainButton } from "./main-button";

const MAX_NAME = 200;

/** The number of characters as the server counts them: an emoji is one, not two. */
const lengthOf = (text: string) => [...text].length;

/** The reason why a definition cannot be saved now; null if it can. */
export function reasonNotToSave(definition: Definition, errors: readonly Located[], isDirty: boolean): string | null {
  const name = String(definition.name ?? "");
  if (!name.trim()) return t.editor.nameFirst;
  if (lengthOf(name) > MAX_NAME) return t.editor.nameTooLong(lengthOf(name), MAX_NAME);
  if (!definition.rules.length) return t.editor.ruleFirst;
  if (errors.length) return errors.some(isFieldMissing) ? t.editor.fieldFirst : t.editor.errorsFirst;
  return isDirty ? null : t.editor.nothingChanged;
}

interface Props {
  base: SavedSegment | undefined;
  /** The keys that were changed, by their names in the page. */
  changed: string[];
  isDirty: boolean;
  /** The reason why Save does nothing now. */
  reason: string | null;
  /** How often Save was pressed. */
  attempts: number;
  onDiscard: () => void;
  save: RefObject<HTMLButtonElement | null>;
}

/** The heading, and the buttons for the whole draft. */
export function EditorHead({ base, changed, isDirty, reason, attempts, onDiscard, save }: Props) {
  useTitle(base && t.editor.title(base.name));
  return (
    <div className="heading">
      <div>
        <h1 tabIndex={-1}>{base ? t.editor.title(base.name) : t.newSegment}</h1>
        {base && <p className="below id">{base.id}</p>}
      </div>
      <div className="actions">
        {isDirty && (
          <button type="button" onClick={onDiscard}>
            {t.editor.discard}
          </button>
        )}
        <a className="button" href={base ? segmentLink(base.id) : linkTo(["segments"])}>
          {t.editor.back}
        </a>
        <MainButton
          text={t.editor.save}
          type="submit"
          reason={reason}
          note={base ? t.editor.unsaved(changed) : ""}
          attempts={attempts}
          button={save}
        />
      </div>
    </div>
  );
}
