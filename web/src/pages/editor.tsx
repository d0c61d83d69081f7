import type { ApiError, SavedSegment } from "@segbatch/client";
import { useEffect, useId, useMemo, useState } from "react";
import { Answered, Problem, reasonOf } from "../components/feedback";
import { usePage } from "../context";
import type { Definition, FieldView, Located, SegmentRow } from "../data/types";
import { Conflict } from "../editor/conflict";
import { type EditorQuery, fitted, fromQuery, isAbout, toQuery } from "../editor/convert";
import { changesOf, differences, dropDraft, keepDraft, readDraft, withoutEmptyKeys } from "../editor/draft";
import { LivePreview, useChecked } from "../editor/live-preview";
import { RulesEditor } from "../editor/rules-editor";
import { Settings } from "../editor/settings";
import { EditorProvider } from "../editor/value-editor";
import { go, linkTo, segmentLink } from "../route";
import { t } from "../texts";
import { asApiError, useAnswer } from "../use-answer";
import { loadRows } from "./segments";

interface Draft {
  /** The saved definition that the draft began with; null for a new segment. */
  saved: SavedSegment | null;
  settings: Omit<Definition, "rules" | "match">;
  query: EditorQuery;
}

export function EditorPageView({ id }: { id: string | undefined }) {
  const { client, canEdit } = usePage();
  const fields = useAnswer("fields", (options) => client.listFields(options));
  const rows = useAnswer("rows", ({ signal }) => loadRows(client, signal));
  const saved = useAnswer(id ?? null, (options) => client.getSegment(id ?? "", options));
  if (!canEdit) return <p className="attention">{t.editor.readOnly}</p>;
  if (id !== undefined && !saved.value) {
    return (
      <>
        <h1 tabIndex={-1}>{id}</h1>
        <Answered answer={saved}>{() => null}</Answered>
      </>
    );
  }
  if (fields.loading) return <Answered answer={fields}>{() => null}</Answered>;
  return (
    <>
      {fields.error && <Problem error={fields.error} onRetry={fields.retry} />}
      <Editor
        key={id ?? ""}
        saved={saved.value ?? null}
        fields={fields.value?.fields ?? []}
        segments={rows.value?.segments ?? []}
      />
    </>
  );
}

function draftOf(saved: SavedSegment | null, fields: FieldView[]): Draft {
  if (saved) {
    const { rules, match, etag: _, ...settings } = saved;
    return { saved, settings, query: toQuery(match, rules) };
  }
  const field = fields.find((one) => one.table === null);
  const operator = field?.operators[0] ?? "in_segment";
  const rule = { ...(field ? { field: field.name } : {}), operator, value: fitted("", operator) };
  return { saved: null, settings: { name: "" }, query: toQuery("all", [rule]) };
}

function isUntouched(draft: Draft, fields: FieldView[]): boolean {
  const empty = draftOf(null, fields);
  const parts = ({ settings, query }: Draft) => JSON.stringify([settings, fromQuery(query)]);
  return parts(draft) === parts(empty);
}

interface EditorProps {
  saved: SavedSegment | null;
  fields: FieldView[];
  segments: SegmentRow[];
}

function Editor({ saved, fields, segments }: EditorProps) {
  const { client } = usePage();
  const id = saved?.id ?? "";
  const [draft, setDraft] = useState<Draft>(() => readDraft<Draft>(id) ?? draftOf(saved, fields));
  const [problem, setProblem] = useState<ApiError | null>(null);
  const [isSaving, setIsSaving] = useState(false);
  const converted = useMemo(() => fromQuery(draft.query), [draft.query]);
  const definition: Definition = useMemo(
    () => ({ ...draft.settings, match: converted.match, rules: converted.rules }),
    [draft.settings, converted],
  );
  const base = draft.saved ?? undefined;
  const changed = base ? differences(base, definition) : ["name" as const];
  const isDirty = base ? changed.length > 0 : !isUntouched(draft, fields);
  const checked = useChecked(definition, converted.errors, base);
  const errors = useMemo(
    () => [...converted.errors, ...checked.errors, ...(problem?.problems ?? [])],
    [converted.errors, checked.errors, problem],
  );
  const context = useMemo(
    () => ({ fields: own(fields), segments, errors, findings: checked.findings }),
    [fields, segments, errors, checked.findings],
  );

  useEffect(() => {
    if (isDirty) keepDraft(id, draft);
    else dropDraft(id);
  }, [id, isDirty, draft]);

  useEffect(() => {
    const warn = (event: BeforeUnloadEvent) => event.preventDefault();
    if (isDirty) window.addEventListener("beforeunload", warn);
    return () => window.removeEventListener("beforeunload", warn);
  }, [isDirty]);

  const change = (changes: Partial<Draft>) => {
    setProblem(null);
    setDraft((before) => ({ ...before, ...changes }));
  };

  const save = async () => {
    setIsSaving(true);
    setProblem(null);
    try {
      const to = draft.saved
        ? await client.updateSegment(id, changesOf(draft.saved, definition), { ifMatch: draft.saved.etag })
        : await client.createSegment(withoutEmptyKeys(definition));
      dropDraft(id);
      window.onbeforeunload = null;
      go(segmentLink(to.id));
    } catch (error) {
      setProblem(asApiError(error));
      setIsSaving(false);
    }
  };

  const discard = () => {
    dropDraft(id);
    setProblem(null);
    setDraft(draftOf(saved, fields));
  };

  const elsewhere = errors.filter((error) => !isBesideARule(error, draft.query));
  const canSave =
    isDirty && !isSaving && converted.errors.length === 0 && Boolean(String(definition.name ?? "").trim());
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        if (canSave) void save();
      }}
    >
      <div className="heading">
        <div>
          <h1 tabIndex={-1}>{base ? t.editor.title(base.name) : t.newSegment}</h1>
          {base && <p className="below id">{base.id}</p>}
        </div>
        <div className="actions">
          <span className="muted" role="status">
            {isDirty && base ? t.editor.unsaved(changed.map((key) => t.editor.keys[key])) : ""}
          </span>
          {isDirty && (
            <button type="button" onClick={discard}>
              {t.editor.discard}
            </button>
          )}
          <a className="button" href={base ? segmentLink(base.id) : linkTo(["segments"])}>
            {t.editor.back}
          </a>
          <button type="submit" className="primary" disabled={!canSave}>
            {t.editor.save}
          </button>
        </div>
      </div>
      {problem?.code === "changed-meanwhile" && draft.saved ? (
        <Conflict
          id={id}
          mine={definition}
          onKeepMine={(newest) => change({ saved: newest })}
          onTakeTheirs={(newest) => change(draftOf(newest, fields))}
        />
      ) : (
        problem && problem.code !== "invalid-definition" && <SaveProblem error={problem} />
      )}
      <div className="editor">
        <div>
          <Settings settings={draft.settings} onChange={(settings) => change({ settings })} errors={elsewhere} />
          <h2>{t.segment.rules}</h2>
          <EditorProvider value={context}>
            <RulesEditor fields={fields} query={draft.query} onChange={(query) => change({ query })} />
          </EditorProvider>
          <Elsewhere errors={elsewhere} />
        </div>
        <LivePreview checked={checked} hasErrors={errors.length > 0} isCompared={base !== undefined} />
      </div>
    </form>
  );
}

const own = (fields: FieldView[]) =>
  new Map(fields.filter((field) => field.table === null).map((field) => [field.name, field]));

/** Whether an error is shown next to a rule. */
function isBesideARule(error: Located, query: EditorQuery, path = "$"): boolean {
  return query.rules.some((part, index) => {
    const here = `${path}.rules[${index}]`;
    return "rules" in part ? isBesideARule(error, part as EditorQuery, here) : isAbout(error, here);
  });
}

function SaveProblem({ error }: { error: ApiError }) {
  return (
    <div className="problem" role="alert">
      <strong>{t.editor.notSaved}</strong>
      <p>{reasonOf(error)}</p>
      <p className="muted">{t.editor.kept}</p>
    </div>
  );
}

function Elsewhere({ errors }: { errors: Located[] }) {
  const id = useId();
  if (!errors.length) return null;
  return (
    <ul className="rule-problems" aria-labelledby={id} role="status">
      {errors.map((error) => (
        <li key={`${error.path} ${error.message}`} className="bad">
          {error.message} <code>{error.path}</code>
        </li>
      ))}
    </ul>
  );
}
