import { useMemo } from "react";
import { type Field, QueryBuilder, type ValueSelectorProps } from "react-querybuilder";
import type { FieldView } from "../data/types";
import { t } from "../texts";
import {
  type EditorQuery,
  type EditorRule,
  JSON_FIELD,
  JSON_OPERATOR,
  SAMPLE_FIELD,
  SEGMENT_FIELD,
  settled,
} from "./convert";
import { FIELD_OPERATORS, SEGMENT_OPERATORS } from "./operators";
import { RuleValue } from "./value-editor";

const COMBINATORS = (["all", "any", "none"] as const).map((name) => ({ name, label: t.match[name] }));

const operator = (name: string) => ({ name, label: t.operators[name as keyof typeof t.operators] ?? name });

function fieldsOf(fields: FieldView[], query: EditorQuery): Field[] {
  const own = fields.filter((field) => field.table === null);
  const known = new Set(own.map((field) => field.name));
  const unknown = [...new Set(fieldNames(query))].filter((name) => !known.has(name) && !name.startsWith("\u0000"));
  return [
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
  return (
    <QueryBuilder
      fields={options}
      query={query}
      onQueryChange={(next) => onChange(settled(next as EditorQuery))}
      combinators={COMBINATORS}
      controlElements={CONTROLS}
      translations={t.editor.builder}
      getDefaultValue={defaultValue}
      listsAsArrays
      showShiftActions
      enableMountQueryChange={false}
      addRuleToNewGroups
      maxLevels={50}
    />
  );
}

/** A select with a name for screen readers; the library's own has only a title. */
function Select({ className, title, value, options, handleOnChange }: ValueSelectorProps) {
  return (
    <select
      className={className}
      aria-label={title}
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
  fieldSelector: Select,
  operatorSelector: Select,
  combinatorSelector: Select,
};

const defaultValue = ({ field }: { field: string }) => (field === JSON_FIELD ? { json: t.editor.jsonExample } : {});
