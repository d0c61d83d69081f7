import { t } from "../texts";

/** Another writer deleted the segment while it was edited. */
export function Gone({ onSaveAsNew }: { onSaveAsNew: () => void }) {
  return (
    <div className="problem" role="alert">
      <strong>{t.editor.gone}</strong>
      <p>{t.editor.goneHelp}</p>
      <button type="button" onClick={onSaveAsNew}>
        {t.editor.saveAsNew}
      </button>
    </div>
  );
}
