import { createContext, useContext, useId, useState } from "react";
import type { ValueEditorProps } from "react-querybuilder";
import { usePage } from "../context";
import type { FieldView, Finding, Located } from "../data/types";
import { t } from "../texts";
import { useAnswer } from "../use-answer";
import { type Body, fitted, isAbout, JSON_FIELD, pathOf, scalarOf } from "./convert";
import {
  isBoolean,
  isDate,
  isNumber,
  type Shape,
  shapeOf,
  takesIgnoreCase,
  takesMissing,
  takesValueField,
} from "./operators";
import { useDelayed } from "./use-delayed";

export interface NamedSegment {
  id: string;
  name: string | null;
}

export interface EditorContext {
  /** The fields of contacts by name; none if the server has no contacts. */
  fields: Map<string, FieldView>;
  /** The fields of related tables, by table. */
  related: Map<string, FieldView[]>;
  segments: readonly NamedSegment[];
  errors: Located[];
  findings: Finding[];
}

const EMPTY: EditorContext = { fields: new Map(), related: new Map(), segments: [], errors: [], findings: [] };
const Context = createContext<EditorContext>(EMPTY);
export const EditorProvider = Context.Provider;
export const useEditor = () => useContext(Context);

const READINGS = ["text", "number", "boolean", "date", "datetime", "epoch_s", "epoch_ms", "version"];
const DATES = ["today", "today-7d", "today-30d", "start_of_month", "start_of_quarter", "start_of_year", "now"];
const DURATIONS = ["24h", "7d", "30d", "90d", "6mo", "1y"];

/** The value of a rule, its options, and the errors and findings about it. */
export function RuleValue({ field, operator, value, path, handleOnChange }: ValueEditorProps) {
  const { fields, errors, findings } = useEditor();
  const body: Body = value && typeof value === "object" ? value : {};
  const set = (changes: Partial<Body>) => handleOnChange(withoutEmpty({ ...body, ...changes }));
  const place = pathOf(path);
  const wrong = errors.filter((problem) => isAbout(problem, place));
  const found = findings.filter((problem) => isAbout(problem, place));
  const doubtful = wrong.length || found.length || !comparesEmptyText(body, operator) ? found : [emptyText(place)];
  if (field === "" && fields.size > 0) return <RuleProblems wrong={wrong} />;
  const view = fields.get(field);
  const shared = { body, operator, field, type: body.as ?? view?.type ?? "text", set, isInvalid: wrong.length > 0 };
  return (
    <>
      {field === JSON_FIELD ? <JsonRule {...shared} /> : <Value {...shared} />}
      {field !== JSON_FIELD && <Options {...shared} />}
      <RuleProblems wrong={wrong} doubtful={doubtful} />
    </>
  );
}

/** An empty text is a legal value, but often one that was forgotten. */
const comparesEmptyText = ({ value, value_field }: Body, operator: string) =>
  value === "" && value_field == null && ["one", "text"].includes(shapeOf(operator));

const emptyText = (path: string): Located => ({ path, message: t.editor.emptyText });

interface RuleProblemsProps {
  wrong: Located[];
  doubtful?: Located[];
  showPath?: boolean;
}

/** Problems as a list that is read out when it appears. */
export function RuleProblems({ wrong, doubtful = [], showPath = false }: RuleProblemsProps) {
  if (!wrong.length && !doubtful.length) return null;
  return (
    <div className="rule-problems" role="status">
      <ul>
        {wrong.map(({ path, message }) => (
          <li key={`${path} ${message}`} className="bad">
            {message} {showPath && <code>{path}</code>}
          </li>
        ))}
        {doubtful.map(({ path, message }) => (
          <li key={`${path} ${message}`} className="doubtful">
            {message}
          </li>
        ))}
      </ul>
    </div>
  );
}

interface ValueProps {
  body: Body;
  operator: string;
  field: string;
  type: string;
  set: (changes: Partial<Body>) => void;
  isInvalid: boolean;
}

/** A key without a value is not written into the definition. */
function withoutEmpty(body: Body): Body {
  return Object.fromEntries(Object.entries(body).filter(([, value]) => value !== undefined));
}

function Value(props: ValueProps) {
  const { body, operator } = props;
  if (body.value_field != null) return <OtherField {...props} />;
  return <ByShape {...props} shape={shapeOf(operator)} value={fitted(body.value, operator)} />;
}

function ByShape({ shape, value, ...props }: ValueProps & { shape: Shape; value: unknown }) {
  const { set, type } = props;
  switch (shape) {
    case "nothing":
      return null;
    case "list":
      return <ListInput {...props} values={value as unknown[]} />;
    case "pair":
      return <Pair {...props} values={value as unknown[]} />;
    case "sample":
      return <Sample {...props} value={value as { seed: string; from: number; to: number }} />;
    case "segment":
      return <SegmentInput {...props} value={String(value)} />;
    case "duration":
    case "days":
      return (
        <TextInput
          {...props}
          label={t.editor.duration}
          text={String(value)}
          choices={DURATIONS}
          onText={(text) => set({ value: text })}
        />
      );
    case "list_name":
      return (
        <TextInput {...props} label={t.editor.listName} text={String(value)} onText={(text) => set({ value: text })} />
      );
    default:
      if (isBoolean(type) && shape === "one") return <BooleanInput {...props} value={value} />;
      return (
        <Suggested
          {...props}
          label={t.editor.value}
          text={String(value)}
          onText={(text) => set({ value: shape === "text" ? text : scalarOf(text, type, props.body.value) })}
        />
      );
  }
}

interface TextInputProps {
  label: string;
  text: string;
  onText: (text: string) => void;
  isInvalid: boolean;
  choices?: readonly string[];
  type?: string;
}

function TextInput({ label, text, onText, isInvalid, choices = [], type = "text" }: TextInputProps) {
  const id = useId();
  return (
    <>
      <input
        className="rule-value"
        aria-label={label}
        placeholder={label}
        value={text}
        list={choices.length ? id : undefined}
        inputMode={isNumber(type) ? "decimal" : undefined}
        aria-invalid={isInvalid}
        autoComplete="off"
        spellCheck={false}
        onChange={(event) => onText(event.target.value)}
      />
      {choices.length > 0 && (
        <datalist id={id}>
          {choices.map((choice) => (
            <option key={choice} value={choice} />
          ))}
        </datalist>
      )}
    </>
  );
}

/** An input that proposes the most frequent values of the field that begin with what is typed. */
function Suggested(props: TextInputProps & { field: string; type: string }) {
  const { client } = usePage();
  const { fields } = useEditor();
  const prefix = useDelayed(props.text, 200);
  const isKnown = fields.has(props.field) && !isNumber(props.type) && !isDate(props.type);
  const values = useAnswer(
    isKnown ? `${props.field} ${prefix}` : null,
    (options) => client.listFieldValues(props.field, { prefix, limit: 20, ...options }),
    { keep: true },
  );
  const found = (values.value?.values ?? []).map(({ value }) => String(value));
  const choices = isDate(props.type) ? DATES : found;
  return <TextInput {...props} choices={choices} />;
}

function BooleanInput({ value, set, isInvalid }: ValueProps & { value: unknown }) {
  const isKnown = typeof value === "boolean";
  return (
    <select
      className="rule-value"
      aria-label={t.editor.value}
      aria-invalid={isInvalid}
      value={isKnown ? String(value) : ""}
      onChange={(event) => set({ value: event.target.value === "true" })}
    >
      {!isKnown && <option value="">{String(value) || t.editor.chooseValue}</option>}
      <option value="true">{t.editor.yes}</option>
      <option value="false">{t.editor.no}</option>
    </select>
  );
}

function ListInput({ values, field, type, set, isInvalid }: ValueProps & { values: unknown[] }) {
  return (
    <Chips
      label={t.editor.values}
      values={values.map(String)}
      onAdd={(text) => set({ value: [...values, scalarOf(text, type, values[0])] })}
      onRemove={(index) => set({ value: values.filter((_, other) => other !== index) })}
      input={(text, onText) => (
        <Suggested
          label={t.editor.addValue}
          text={text}
          onText={onText}
          field={field}
          type={type}
          isInvalid={isInvalid}
        />
      )}
    />
  );
}

interface ChipsProps {
  label: string;
  values: string[];
  onAdd: (text: string) => void;
  onRemove: (index: number) => void;
  input: (text: string, onText: (text: string) => void) => React.ReactNode;
}

/** Several texts. Enter adds one, and so does leaving the input, so that no typed text is lost. */
export function Chips({ label, values, onAdd, onRemove, input }: ChipsProps) {
  const [text, setText] = useState("");
  const add = () => {
    if (text.trim()) onAdd(text.trim());
    setText("");
  };
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset cannot be a flexible row in all browsers
    <div
      className="chips"
      role="group"
      aria-label={label}
      onBlur={(event) => {
        if (!event.currentTarget.contains(event.relatedTarget)) add();
      }}
      onKeyDown={(event) => {
        if (event.key !== "Enter" || !(event.target instanceof HTMLInputElement)) return;
        event.preventDefault();
        add();
      }}
    >
      {values.map((value, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a value may be in the list twice
        <span className="chip" key={`${index} ${value}`}>
          {value}
          <button type="button" aria-label={t.editor.remove(value)} onClick={() => onRemove(index)}>
            ×
          </button>
        </span>
      ))}
      {input(text, setText)}
    </div>
  );
}

function Pair({ values, field, type, set, isInvalid, body }: ValueProps & { values: unknown[] }) {
  const before = Array.isArray(body.value) ? body.value : [];
  const parts = [
    [t.editor.from, 0],
    [t.editor.to, 1],
  ] as const;
  return (
    <>
      {parts.map(([label, index]) => (
        <Suggested
          key={label}
          label={label}
          text={String(values[index])}
          field={field}
          type={type}
          isInvalid={isInvalid}
          onText={(text) =>
            set({
              value: values.map((value, other) => (other === index ? scalarOf(text, type, before[index]) : value)),
            })
          }
        />
      ))}
    </>
  );
}

function SegmentInput({ value, set, isInvalid }: ValueProps & { value: string }) {
  const { segments } = useEditor();
  const isKnown = segments.some((segment) => segment.id === value);
  return (
    <select
      className="rule-value"
      aria-label={t.columns.segment}
      aria-invalid={isInvalid}
      value={value}
      onChange={(event) => set({ value: event.target.value })}
    >
      {!isKnown && <option value={value}>{value || t.editor.chooseSegment}</option>}
      {segments.map((segment) => (
        <option key={segment.id} value={segment.id}>
          {segment.name ?? segment.id}
        </option>
      ))}
    </select>
  );
}

function Sample({ value, set, isInvalid }: ValueProps & { value: { seed: string; from: number; to: number } }) {
  const change = (changes: Partial<typeof value>) => set({ value: { ...value, ...changes } });
  return (
    <>
      <TextInput label={t.editor.seed} text={value.seed} isInvalid={isInvalid} onText={(seed) => change({ seed })} />
      {(["from", "to"] as const).map((key) => (
        <input
          key={key}
          className="rule-value short"
          type="number"
          min={0}
          max={1}
          step="any"
          aria-label={t.editor[key]}
          value={value[key]}
          onChange={(event) => change({ [key]: Number(event.target.value) })}
        />
      ))}
    </>
  );
}

function OtherField({ body, set, isInvalid }: ValueProps) {
  const { fields } = useEditor();
  const other = body.value_field ?? "";
  if (!fields.size) {
    const rename = (text: string) => set({ value_field: text });
    return <TextInput label={t.editor.otherField} text={other} onText={rename} isInvalid={isInvalid} />;
  }
  return (
    <select
      className="rule-value"
      aria-label={t.editor.otherField}
      aria-invalid={isInvalid}
      value={other}
      onChange={(event) => set({ value_field: event.target.value })}
    >
      {!fields.has(other) && <option value={other}>{other || t.editor.chooseField}</option>}
      {[...fields.keys()].map((name) => (
        <option key={name}>{name}</option>
      ))}
    </select>
  );
}

function JsonRule({ body, set, isInvalid }: ValueProps) {
  const { errors } = useEditor();
  return (
    <>
      <textarea
        className="rule-json"
        aria-label={t.editor.jsonRule}
        aria-invalid={isInvalid || errors.length > 0}
        rows={Math.min(16, (body.json ?? "").split("\n").length + 1)}
        spellCheck={false}
        value={body.json ?? ""}
        onChange={(event) => set({ json: event.target.value })}
      />
      <RelatedFields />
    </>
  );
}

/** The names that a rule on a related table can use. */
function RelatedFields() {
  const { related } = useEditor();
  if (!related.size) return <p className="related muted">{t.editor.noTables}</p>;
  return (
    <details className="related">
      <summary>{t.editor.tables}</summary>
      <dl>
        {[...related].map(([table, fields]) => (
          <div key={table}>
            <dt>
              <code>{table}</code>
            </dt>
            <dd>{fields.map(({ name, type }) => `${name} (${type})`).join(", ")}</dd>
          </div>
        ))}
      </dl>
    </details>
  );
}

/** What few rules need is behind a summary: a contact without a value, upper and lower case, another field, another type. */
function Options({ body, operator, type, set }: ValueProps) {
  if (!takesMissing(operator) && operator !== "blank" && operator !== "not_blank") return null;
  const used = [body.missing, body.ignore_case, body.value_field, body.as].filter(Boolean).length;
  return (
    <details className="rule-options" open={used > 0 || undefined}>
      <summary>{used ? t.editor.optionsUsed(used) : t.editor.options}</summary>
      <div>
        {takesMissing(operator) && (
          <label>
            {t.editor.missing}
            <select
              value={body.missing ?? ""}
              onChange={(event) => set({ missing: (event.target.value || undefined) as Body["missing"] })}
            >
              <option value="">{t.editor.missingDefault}</option>
              <option value="include">{t.editor.include}</option>
              <option value="exclude">{t.editor.exclude}</option>
            </select>
          </label>
        )}
        <label>
          {t.editor.readAs}
          <select value={body.as ?? ""} onChange={(event) => set({ as: event.target.value || undefined })}>
            <option value="">{t.editor.itsType}</option>
            {READINGS.map((reading) => (
              <option key={reading}>{reading}</option>
            ))}
          </select>
        </label>
        {takesIgnoreCase(operator, type) && (
          <label className="check">
            <input
              type="checkbox"
              checked={body.ignore_case ?? false}
              onChange={(event) => set({ ignore_case: event.target.checked || undefined })}
            />
            {t.editor.ignoreCase}
          </label>
        )}
        {takesValueField(operator) && (
          <label className="check">
            <input
              type="checkbox"
              checked={body.value_field != null}
              onChange={(event) =>
                set(
                  event.target.checked ? { value: undefined, value_field: "" } : { value: "", value_field: undefined },
                )
              }
            />
            {t.editor.compareField}
          </label>
        )}
      </div>
    </details>
  );
}
