import type { ApiError, SavedSegment } from "@segbatch/client";
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { Answered, Problem, reasonOf } from "../components/feedback";
import { usePage } from "../context";
import type { Definition, FieldView, Located } from "../data/types";
import { Conflict } from "../editor/conflict";
import { type EditorQuery, fromQuery, isAbout, isFieldMissing, toQuery } from "../editor/convert";
import { asNew, changesOf, differences, dropDraft, keepDraft, readDraft } from "../editor/draft";
import { Gone } from "../editor/gone";
import { EditorHead, reasonNotToSave } from "../editor/head";
import { LivePreview, useChecked } from "../editor/live-preview";
import { merged, type Part } from "../editor/merge";
import { RulesEditor } from "../editor/rules-editor";
import { Settings } from "../editor/settings";
import { EditorProvider, type NamedSegment, RuleProblems } from "../editor/value-editor";
import { go, segmentLink } from "../route";
import { t } from "../texts";
import { asApiError, useAnswer } from "../use-answer";

interface Draft {
  /** The saved definition that the draft began with; null for a new segment. */
  saved: SavedSegment | null;
  settings: Omit<Definition, "rules" | "match">;
  query: EditorQuery;
}

export function EditorPageView({ id }: { id: string | undefined }) {
  const { client, canEdit } = usePage();
  const fields = useAnswer("fields", (options) => client.listFields(options));
  const segments = useAnswer("segments", (options) => client.listSegments(options));
  const saved = useAnswer(id ?? null, (options) => client.getSegment(id ?? "", options));
  if (!canEdit) return <p className="attention">{t.editor.readOnly}</p>;
  const isGone = saved.error?.code === "not-found" && readDraft<Draft>(id ?? "") !== null;
  if (id !== undefined && !saved.value && !isGone) {
    return (
      <>
        <h1 tabIndex={-1}>{id}</h1>
        <Answered answer={saved}>{() => null}</Answered>
      </>
    );
  }
  if (fields.loading) return <Answered answer={fields}>{() => null}</Answered>;
  const hasNoContacts = fields.error?.code === "nothing-published";
  return (
    <>
      {hasNoContacts && <p className="attention">{t.editor.noContacts}</p>}
      {fields.error && !hasNoContacts && <Problem error={fields.error} onRetry={fields.retry} />}
      <Editor
        key={id ?? ""}
        id={id ?? ""}
        saved={saved.value ?? null}
        wasGone={isGone}
        fields={fields.value?.fields ?? []}
        segments={segments.value ?? []}
      />
    </>
  );
}

function draftOf(saved: SavedSegment | null): Draft {
  if (saved) {
    const { rules, match, etag: _, ...settings } = saved;
    return { saved, settings, query: toQuery(match, rules) };
  }
  return { saved: null, settings: { name: "" }, query: toQuery("all", [{ field: "", operator: "eq", value: "" }]) };
}

function isUntouched(draft: Draft): boolean {
  const empty = draftOf(null);
  const parts = ({ settings, query }: Draft) => JSON.stringify([settings, fromQuery(query)]);
  return parts(draft) === parts(empty);
}

interface EditorProps {
  id: string;
  saved: SavedSegment | null;
  wasGone: boolean;
  fields: FieldView[];
  segments: readonly NamedSegment[];
}

function Editor({ id, saved, wasGone, fields, segments }: EditorProps) {
  const { client } = usePage();
  const [draft, setDraft] = useState<Draft>(() => readDraft<Draft>(id) ?? draftOf(saved));
  const [problem, setProblem] = useState<ApiError | null>(null);
  const [isGone, setIsGone] = useState(wasGone);
  const [isSaving, setIsSaving] = useState(false);
  const [attempts, setAttempts] = useState(0);
  const form = useRef<HTMLFormElement>(null);
  const saveButton = useRef<HTMLButtonElement>(null);
  const converted = useMemo(() => fromQuery(draft.query), [draft.query]);
  const definition: Definition = useMemo(
    () => ({ ...draft.settings, match: converted.match, rules: converted.rules }),
    [draft.settings, converted],
  );
  const base = draft.saved ?? undefined;
  const changed = base ? differences(base, definition) : [];
  const isDirty = base ? changed.length > 0 : !isUntouched(draft);
  const checked = useChecked(definition, converted.errors, isGone ? undefined : base);
  const errors = useMemo(() => {
    const own = converted.errors.filter((error) => attempts > 0 || !isFieldMissing(error));
    return [...own, ...checked.errors, ...(problem?.problems ?? [])];
  }, [converted.errors, attempts, checked.errors, problem]);
  const context = useMemo(
    () => ({ fields: own(fields), related: related(fields), segments, errors, findings: checked.findings }),
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

  const markGone = useCallback(() => {
    setProblem(null);
    setIsGone(true);
  }, []);

  const save = async (isNew: boolean) => {
    setIsSaving(true);
    setProblem(null);
    try {
      const to =
        draft.saved && !isNew
          ? await client.updateSegment(id, changesOf(draft.saved, definition), { ifMatch: draft.saved.etag })
          : await client.createSegment(asNew(definition));
      dropDraft(id);
      go(segmentLink(to.id));
    } catch (error) {
      const reason = asApiError(error);
      if (!isNew && reason.code === "not-found") markGone();
      else setProblem(reason);
      setIsSaving(false);
    }
  };

  const merge = (newest: SavedSegment, fromMine: Part[]) => {
    const { settings, query } = draftOf(merged(definition, newest, fromMine) as SavedSegment);
    change({ saved: newest, settings, query: fromMine.includes("rules") ? draft.query : query });
    saveButton.current?.focus();
  };

  const isConflict = problem?.code === "changed-meanwhile" && base !== undefined;
  const cannotSave = reasonNotToSave(definition, converted.errors, isDirty || isGone);
  const blocked = isGone ? t.editor.goneFirst : isConflict ? t.editor.conflictFirst : null;
  const reason = isSaving ? t.editor.saving : (cannotSave ?? blocked);
  const submit = (isNew: boolean) => {
    if (!isSaving && cannotSave === null) return void save(isNew);
    setAttempts((number) => number + 1);
  };
  const isNameWrong = reasonNotToSave({ ...definition, rules: [{}] }, [], true) !== null;
  // biome-ignore lint/correctness/useExhaustiveDependencies: only pressing Save moves the focus
  useEffect(() => {
    if (!attempts) return;
    const wrong = isNameWrong ? "[name=name]" : "[aria-invalid=true]";
    form.current?.querySelector<HTMLElement>(wrong)?.focus();
  }, [attempts]);
  const elsewhere = errors.filter((error) => !isBesideARule(error, draft.query));
  return (
    <form
      ref={form}
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        if (blocked === null) submit(!draft.saved);
        else setAttempts((number) => number + 1);
      }}
    >
      <EditorHead
        base={base}
        changed={changed.map((key) => t.editor.keys[key])}
        isDirty={isDirty}
        reason={reason}
        attempts={attempts}
        onDiscard={() => {
          dropDraft(id);
          change(draftOf(draft.saved));
        }}
        save={saveButton}
      />
      {isGone && <Gone onSaveAsNew={() => submit(true)} />}
      {isConflict && <Conflict base={base} mine={definition} segments={segments} onMerge={merge} onGone={markGone} />}
      {problem && !isConflict && problem.code !== "invalid-definition" && <SaveProblem error={problem} />}
      <div className="editor">
        <div>
          <Settings settings={draft.settings} onChange={(settings) => change({ settings })} errors={elsewhere} />
          <h2>{t.segment.rules}</h2>
          <EditorProvider value={context}>
            <RulesEditor fields={fields} query={draft.query} onChange={(query) => change({ query })} />
          </EditorProvider>
          <RuleProblems wrong={elsewhere} showPath />
        </div>
        <LivePreview
          checked={checked}
          hasErrors={errors.length > 0 || converted.errors.length > 0}
          isFieldMissing={converted.errors.some(isFieldMissing)}
          isCompared={base !== undefined && !isGone}
        />
      </div>
    </form>
  );
}

const own = (fields: FieldView[]) =>
  new Map(fields.filter((field) => field.table === null).map((field) => [field.name, field]));

/** The fields of related tables, by table. */
function related(fields: FieldView[]): Map<string, FieldView[]> {
  const tables = new Map<string, FieldView[]>();
  for (const field of fields) {
    if (field.table !== null) tables.set(field.table, [...(tables.get(field.table) ?? []), field]);
  }
  return tables;
}

/** Whether an error is shown next to a rule. */
function isBesideARule(error: Located, query: EditorQuery, path = "$"): boolean {
  return query.rules.some((part, index) => {
    const here = `${path}.rules[${index}]`;
    return "rules" in part ? isBesideARule(error, part as EditorQuery, here) : isAbout(error, here);
  });
}

function SaveProblem({ error }: { error: ApiError }) {
  // The page asks for the key first, so this is only seen after signing in again.
  if (error.status === 401) {
    return (
      <p className="attention" role="alert">
        {t.editor.signedInAgain}
      </p>
    );
  }
  return (
    <div className="problem" role="alert">
      <strong>{t.editor.notSaved}</strong>
      <p>{reasonOf(error)}</p>
      <p className="muted">{t.editor.kept}</p>
    </div>
  );
}
