import type { SavedSegment } from "@segbatch/client";
import { Answered } from "../components/feedback";
import { usePage } from "../context";
import type { Definition } from "../data/types";
import { t } from "../texts";
import { useAnswer } from "../use-answer";
import { differences } from "./draft";

interface Props {
  id: string;
  mine: Definition;
  onKeepMine: (newest: SavedSegment) => void;
  onTakeTheirs: (newest: SavedSegment) => void;
}

/** Another writer saved the segment since it was opened: both versions, and the choice between them. */
export function Conflict({ id, mine, onKeepMine, onTakeTheirs }: Props) {
  const { client } = usePage();
  const newest = useAnswer(id, (options) => client.getSegment(id, options));
  return (
    <section className="conflict" aria-labelledby="conflict-title">
      <h2 id="conflict-title">{t.editor.conflict}</h2>
      <p role="alert">{t.editor.conflictHelp}</p>
      <Answered answer={newest}>
        {(theirs) => (
          <>
            {differences(theirs, mine).map((key) => (
              <div key={key} className="versions">
                <h3>{t.editor.keys[key]}</h3>
                <Version title={t.editor.mine} value={mine[key]} />
                <Version title={t.editor.theirs} value={theirs[key]} />
              </div>
            ))}
            <div className="actions">
              <button type="button" onClick={() => onKeepMine(theirs)}>
                {t.editor.keepMine}
              </button>
              <button type="button" onClick={() => onTakeTheirs(theirs)}>
                {t.editor.takeTheirs}
              </button>
            </div>
          </>
        )}
      </Answered>
    </section>
  );
}

function Version({ title, value }: { title: string; value: unknown }) {
  const text = typeof value === "string" ? value : value === undefined ? t.noValue : JSON.stringify(value, null, 1);
  return (
    <div>
      <span className="muted">{title}</span>
      <pre>{text}</pre>
    </div>
  );
}
