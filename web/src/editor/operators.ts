/** The kinds of values that operators take, as in `segbatch.model.operators`. */
export type Shape =
  | "nothing"
  | "one"
  | "text"
  | "list"
  | "pair"
  | "duration"
  | "days"
  | "list_name"
  | "segment"
  | "sample";

const BY_SHAPE: Record<Shape, readonly string[]> = {
  nothing: ["exists", "empty", "blank", "not_blank"],
  one: ["eq", "neq", "contains", "not_contains", "gt", "gte", "lt", "lte"],
  text: ["starts_with", "ends_with", "matches"],
  list: ["in", "not_in"],
  pair: ["between"],
  duration: ["within_last", "within_next", "not_within_last", "not_within_next", "older_than", "later_than"],
  days: ["anniversary_within_last", "anniversary_within_next"],
  list_name: ["in_list", "not_in_list"],
  segment: ["in_segment", "not_in_segment"],
  sample: ["sample"],
};

const SHAPES = new Map(
  Object.entries(BY_SHAPE).flatMap(([shape, operators]) => operators.map((name) => [name, shape as Shape])),
);

export const shapeOf = (operator: string): Shape => SHAPES.get(operator) ?? "one";

/** The operators of rules about a field, for a field that the snapshot does not have. */
export const FIELD_OPERATORS: readonly string[] = Object.entries(BY_SHAPE)
  .filter(([shape]) => shape !== "segment" && shape !== "sample")
  .flatMap(([, operators]) => operators);

export const SEGMENT_OPERATORS = BY_SHAPE.segment;

const IGNORE_CASE = new Set([
  ...["eq", "neq", "contains", "not_contains", "in", "not_in"],
  ...["in_list", "not_in_list", "starts_with", "ends_with", "matches"],
]);
const VALUE_FIELD = new Set(["eq", "neq", "gt", "gte", "lt", "lte"]);
const WITHOUT_MISSING = new Set(["exists", "empty", "blank", "not_blank", "in_segment", "not_in_segment", "sample"]);

/** Upper and lower case exist only in text. */
export const takesIgnoreCase = (operator: string, type: string) => IGNORE_CASE.has(operator) && /text|uuid/.test(type);
export const takesValueField = (operator: string) => VALUE_FIELD.has(operator);
export const takesMissing = (operator: string) => !WITHOUT_MISSING.has(operator);

export const isNumber = (type: string) => /integer|double|float|decimal|number/.test(type);
export const isBoolean = (type: string) => /boolean/.test(type);
export const isDate = (type: string) => /date|time/.test(type);
