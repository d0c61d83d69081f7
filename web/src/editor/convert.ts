import { prepareRuleGroup, type RuleGroupType, type RuleType } from "react-querybuilder";
import type { Located, Match, Node, Scalar } from "../data/types";
import { t } from "../texts";
import { isNumber, shapeOf, takesIgnoreCase, takesMissing, takesValueField } from "./operators";

/** The keys of a rule besides its field and operator. Keys that the editor does not show are kept. */
export interface Body {
  value?: unknown;
  value_field?: string | null;
  as?: string | null;
  missing?: "include" | "exclude" | null;
  ignore_case?: boolean;
  /** The text of a rule that is edited as JSON, such as one on a related table. */
  json?: string;
  [key: string]: unknown;
}

export type EditorRule = RuleType<string, string, Body>;
export type EditorQuery = RuleGroupType<EditorRule, Match>;

/** Rules without a field have one of these in its place. */
export const SEGMENT_FIELD = "\u0000segment";
export const SAMPLE_FIELD = "\u0000sample";
export const JSON_FIELD = "\u0000json";
export const JSON_OPERATOR = "json";

/** Whether this is the name of a field, which may still be empty. */
export const isField = (name: string) => !name.startsWith("\u0000");

/** Rules as the query of the editor. Each part has an id, so that an input keeps the focus when the query changes. */
export function toQuery(match: Match | null | undefined, rules: readonly Node[]): EditorQuery {
  return prepareRuleGroup(toGroup(match, rules)) as EditorQuery;
}

function toGroup(match: Match | null | undefined, rules: readonly Node[]): EditorQuery {
  return { combinator: match ?? "all", rules: rules.map(toQueryNode) };
}

/** A query whose values and options fit their operators, after one of these was changed. */
export function settled(query: EditorQuery): EditorQuery {
  const rules = query.rules.map((part) =>
    "rules" in part ? settled(part as EditorQuery) : settledRule(part as EditorRule),
  );
  return rules.every((part, index) => part === query.rules[index]) ? query : { ...query, rules };
}

function settledRule(changed: EditorRule): EditorRule {
  const rule = withItsOperator(changed);
  if (rule.field === JSON_FIELD) return rule;
  const { value, value_field, missing, ignore_case, ...rest } = rule.value ?? {};
  const comparesField = value_field != null && takesValueField(rule.operator);
  const body: Body = {
    ...rest,
    ...(comparesField ? { value_field } : present("value", fitted(value, rule.operator))),
    ...(takesMissing(rule.operator) ? present("missing", missing) : {}),
    ...(takesIgnoreCase(rule.operator, "text") ? present("ignore_case", ignore_case) : {}),
  };
  return sameKeys(body, rule.value ?? {}) ? rule : { ...rule, value: body };
}

/** A rule with an operator of the kind of its field. */
function withItsOperator(rule: EditorRule): EditorRule {
  const { field, operator } = rule;
  const shape = operator === JSON_OPERATOR ? JSON_OPERATOR : shapeOf(operator);
  if (field === JSON_FIELD) {
    return shape === JSON_OPERATOR ? rule : { ...rule, operator: JSON_OPERATOR, value: { json: t.editor.jsonExample } };
  }
  if (field === SEGMENT_FIELD) return shape === "segment" ? rule : { ...rule, operator: "in_segment", value: {} };
  if (field === SAMPLE_FIELD) return shape === "sample" ? rule : { ...rule, operator: "sample", value: {} };
  const isOfFields = shape !== JSON_OPERATOR && shape !== "segment" && shape !== "sample";
  return isOfFields ? rule : { ...rule, operator: "eq", value: {} };
}

const present = (key: string, value: unknown) => (value === undefined ? {} : { [key]: value });

function sameKeys(one: Body, other: Body): boolean {
  const keys = new Set([...Object.keys(one), ...Object.keys(other)]);
  return [...keys].every((key) => JSON.stringify(one[key]) === JSON.stringify(other[key]));
}

function toQueryNode(node: Node): EditorQuery | EditorRule {
  if (node.match && node.rules) return toGroup(node.match, node.rules);
  const { field, operator = "", ...body } = node;
  if (typeof node.operator !== "string" || node.table !== undefined || node.rules !== undefined) {
    return { field: JSON_FIELD, operator: JSON_OPERATOR, value: { json: JSON.stringify(node, null, 2) } };
  }
  const shape = shapeOf(operator);
  const without = shape === "segment" ? SEGMENT_FIELD : SAMPLE_FIELD;
  return { field: field ?? without, operator, value: body };
}

/** Whether a rule still lacks a field, which is no mistake until someone tries to save. */
export const isFieldMissing = ({ message }: Located) => message === t.editor.chooseField;

export interface Converted {
  match: Match;
  rules: Node[];
  /** Parts that are not rules yet, such as JSON that cannot be read. */
  errors: Located[];
}

export function fromQuery(query: EditorQuery): Converted {
  const errors: Located[] = [];
  return { match: query.combinator, rules: fromRules(query, "$", errors), errors };
}

function fromRules(query: EditorQuery, path: string, errors: Located[]): Node[] {
  return query.rules.map((part, index) => {
    const here = `${path}.rules[${index}]`;
    if ("rules" in part) {
      return { match: part.combinator, rules: fromRules(part as EditorQuery, here, errors) };
    }
    return fromRule(part as EditorRule, here, errors);
  });
}

function fromRule(rule: EditorRule, path: string, errors: Located[]): Node {
  const { json, ...body } = rule.value ?? {};
  if (rule.field === JSON_FIELD) {
    try {
      return JSON.parse(json ?? "");
    } catch (error) {
      errors.push({ path, message: error instanceof Error ? error.message : String(error) });
      return {};
    }
  }
  for (const [key, name] of [
    ["field", rule.field],
    ["value_field", body.value_field],
  ] as const) {
    if (name === "") errors.push({ path: `${path}.${key}`, message: t.editor.chooseField });
  }
  const hasField = isField(rule.field);
  return { ...(hasField ? { field: rule.field } : {}), operator: rule.operator, ...body };
}

/** A value that an operator of this shape can take, made from the value of another one. */
export function fitted(value: unknown, operator: string): unknown {
  const one = Array.isArray(value) ? value[0] : value;
  const scalar = typeof one === "object" || one === undefined ? "" : one;
  switch (shapeOf(operator)) {
    case "nothing":
      return undefined;
    case "list":
      return Array.isArray(value) ? value : scalar === "" ? [] : [scalar];
    case "pair":
      return [scalar, Array.isArray(value) ? (value[1] ?? "") : ""];
    case "sample":
      return typeof value === "object" && value !== null && "seed" in value ? value : { seed: "", from: 0, to: 0.1 };
    case "one":
      return scalar;
    default:
      return String(scalar);
  }
}

/** Typed text as a value: a number if the field has numbers or the value was one, and if no digit is lost. */
export function scalarOf(text: string, type: string, before: unknown): Scalar {
  const wantsNumber = isNumber(type) || typeof before === "number";
  return wantsNumber && text.trim() !== "" && String(Number(text)) === text.trim() ? Number(text) : text;
}

/** The JSONPath of a rule, from its place in the query. */
export const pathOf = (path: readonly number[]) => `$${path.map((index) => `.rules[${index}]`).join("")}`;

/** Whether an error is about a rule, or a part of it that is no rule of its own. */
export function isAbout(problem: Located, rule: string): boolean {
  if (problem.path === rule) return true;
  return problem.path.startsWith(`${rule}.`) && !problem.path.slice(rule.length).startsWith(".rules[");
}
