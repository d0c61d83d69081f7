import type { Definition, Located } from "../data/types";
import { t } from "../texts";
import { Chips } from "./value-editor";

type Values = Omit<Definition, "rules" | "match">;

interface Props {
  settings: Values;
  onChange: (settings: Values) => void;
  errors: Located[];
}

/** What a segment has besides its rules. */
export function Settings({ settings, onChange, errors }: Props) {
  const set = (changes: Values) => onChange({ ...settings, ...changes });
  const isWrong = (key: string) =>
    errors.some((error) => error.path === `$.${key}` || error.path.startsWith(`$.${key}[`));
  const tags = Array.isArray(settings.tags) ? settings.tags : [];
  return (
    <div className="settings">
      <label className="span">
        {t.editor.keys.name}
        <input
          name="name"
          required
          value={String(settings.name ?? "")}
          aria-invalid={isWrong("name")}
          onChange={(event) => set({ name: event.target.value })}
        />
      </label>
      <label className="span">
        {t.editor.keys.description}
        <textarea
          rows={2}
          value={String(settings.description ?? "")}
          aria-invalid={isWrong("description")}
          onChange={(event) => set({ description: event.target.value })}
        />
      </label>
      <label>
        {t.editor.keys.owner}
        <input
          value={String(settings.owner ?? "")}
          aria-invalid={isWrong("owner")}
          onChange={(event) => set({ owner: event.target.value })}
        />
      </label>
      <div className="labelled">
        <span aria-hidden="true">{t.editor.keys.tags}</span>
        <Chips
          label={t.editor.keys.tags}
          values={tags}
          onAdd={(tag) => set({ tags: tags.includes(tag) ? tags : [...tags, tag] })}
          onRemove={(index) => set({ tags: tags.filter((_, other) => other !== index) })}
          input={(text, onText) => (
            <input
              value={text}
              aria-label={t.editor.addTag}
              placeholder={t.editor.addTag}
              aria-invalid={isWrong("tags")}
              onChange={(event) => onText(event.target.value)}
            />
          )}
        />
      </div>
      <details className="span">
        <summary>{t.editor.more}</summary>
        <div className="settings">
          <label className="check span">
            <input
              type="checkbox"
              checked={settings.enabled !== false}
              onChange={(event) => set({ enabled: event.target.checked })}
            />
            {t.editor.enabledHelp}
          </label>
          <label>
            {t.editor.keys.expires_at}
            <input
              value={String(settings.expires_at ?? "")}
              placeholder="2026-12-31"
              aria-invalid={isWrong("expires_at")}
              onChange={(event) => set({ expires_at: event.target.value })}
            />
          </label>
          <label>
            {t.editor.keys.max_change}
            <input
              value={String(settings.max_change ?? "")}
              placeholder="30%"
              aria-invalid={isWrong("max_change")}
              onChange={(event) => set({ max_change: event.target.value })}
            />
          </label>
        </div>
      </details>
    </div>
  );
}
