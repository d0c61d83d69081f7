import { useMemo } from "react";
import {
  type Field,
  type FieldSelectorProps,
  type OperatorSelectorProps,
  QueryBuilder,
  type ValueSelectorProps,
} from "react-querybuilder";
import type { FieldView } from "../data/types";
import { t } from "../texts";
import {
  type EditorQuery,
  type EditorRule,
  isField,
  JSON_FIELD,
  JSON_OPERATOR,
  pathOf,
  SAMPLE_FIELD,
  SEGMENT_FIELD,
  settled,
} from "./convert";
import { FIELD_OPERATORS, SEGMENT_OPERATORS } from "./operators";
import { RuleValue, useEditor } from "./value-editor";

const COMBINATORS = (["all", "any", "none"] as const).map((name) => ({ name, label: t.match[name] }));

const operator = (name: string) => ({ name, label: t.operators[name as keyof typeof t.operators] ?? name });

function fieldsOf(fields: FieldView[], query: EditorQuery): Field[] {
  const own = fields.filter((field) => field.table === null);
  const known = new Set(own.map((field) => field.name));
  const unknown = [...new Set(fieldNames(query))].filter((name) => name !== "" && !known.has(name) && isField(name));
  return [
    { name: "", label: t.editor.chooseField, operators: FIELD_OPERATORS.map(operator), defaultOperator: "eq" },
    ...own.map(({ name, operators }) => ({ name, label: name, operators: operators.map(operator) })),
    ...unknown.map((name) => ({ name, label: name, operators: FIELD_OPERATORS.map(operator) })),
    { name: SEGMENT_FIELD, label: t.editor.segmentField, operators: SEGMENT_OPERATORS.map(operator) },
    { name: SAMPLE_FIELD, label: t.editor.sampleField, operators: [operator("sample")] },
    { name: JSON_FIELD, label: t.editor.jsonField, operators: [{ name: JSON_OPERATOR, label: t.editor.asJson }] },
  ];
}

function fieldNames(query: EditorQuery): string[] {
  return query.rules.flatMap((part) =>
    "rules" in part ? fieldNames(part as EditorQuery) : (part as EditorRule).field,
  );
}

interface Props {
  fields: FieldView[];
  query: EditorQuery;
  onChange: (query: EditorQuery) => void;
}

export function RulesEditor({ fields, query, onChange }: Props) {
  const names = fieldNames(query).join("\n");
  // biome-ignore lint/correctness/useExhaustiveDependencies: only the names of fields matter
  const options = useMemo(() => fieldsOf(fields, query), [fields, names]);
  const hasFields = fields.some((field) => field.table === null);
  return (
    <>
      <QueryBuilder
        fields={options}
        query={query}
        onQueryChange={(next) => onChange(settled(next as EditorQuery))}
        combinators={COMBINATORS}
        controlElements={CONTROLS}
        translations={t.editor.builder}
        getDefaultField={noField}
        getDefaultValue={defaultValue}
        // A name is typed letter by letter, and each letter is another field.
        resetOnFieldChange={hasFields}
        listsAsArrays
        showShiftActions
        enableMountQueryChange={false}
        addRuleToNewGroups
        maxLevels={50}
      />
      <p className="tables-help muted">{t.editor.tablesHelp}</p>
    </>
  );
}

/** A choice of fields; or an input, if the server has no contacts, and therefore knows no fields. */
function FieldSelect(props: FieldSelectorProps) {
  const { fields, errors } = useEditor();
  const { title, value = "", options, handleOnChange } = props;
  const isInvalid = errors.some(({ path }) => path === `${pathOf(props.path)}.field`);
  if (fields.size > 0) {
    // A rule begins without a field, and cannot lose it again.
    const choices = (options as (typeof TYPED)[]).filter(({ name }) => name !== "" || value === "");
    return <Select {...props} options={choices} isInvalid={isInvalid} />;
  }
  const kinds = (options as (typeof TYPED)[]).filter(({ name }) => !isField(name));
  return (
    <>
      <Select {...props} title={t.editor.kind} value={isField(value) ? "" : value} options={[TYPED, ...kinds]} />
      {isField(value) && (
        <input
          aria-label={title}
          placeholder={title}
          value={value}
          aria-invalid={isInvalid}
          autoComplete="off"
          spellCheck={false}
          onChange={(event) => handleOnChange(event.target.value)}
        />
      )}
    </>
  );
}

const TYPED = { name: "", value: "", label: t.editor.typedField };

/** The operators of a field, once it is chosen. */
function OperatorSelect(props: OperatorSelectorProps) {
  const { fields } = useEditor();
  return props.field === "" && fields.size > 0 ? null : <Select {...props} />;
}

/** A select with a name for screen readers; the library's own has only a title. */
function Select({
  className,
  title,
  value,
  options,
  handleOnChange,
  isInvalid,
}: ValueSelectorProps & { isInvalid?: boolean }) {
  return (
    <select
      className={className}
      aria-label={title}
      aria-invalid={isInvalid}
      value={value}
      onChange={(event) => handleOnChange(event.target.value)}
    >
      {(options as { name: string; label: string }[]).map(({ name, label }) => (
        <option key={name} value={name}>
          {label}
        </option>
      ))}
    </select>
  );
}

const CONTROLS = {
  valueEditor: RuleValue,
  fieldSelector: FieldSelect,
  operatorSelector: OperatorSelect,
  combinatorSelector: Select,
};

/** A new rule has no field: one that was not chosen would be a condition that nobody wrote. */
const noField = () => "";

const defaultValue = ({ field }: { field: string }) => (field === JSON_FIELD ? { json: t.editor.jsonExample } : {});
