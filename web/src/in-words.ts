import type { Node } from "./data/types";
import { t } from "./texts";

/** A rule as a sentence without technical names of operators; null if its kind needs the words of the server. */
export function inWords(rule: Node): string | null {
  const { operator, field, value, value_field, missing, ignore_case } = rule;
  const isOrdered = operator === "gt" || operator === "gte" || operator === "lt" || operator === "lte";
  const words =
    isOrdered && isDate(value) ? t.words.dates[operator] : t.operators[operator as keyof typeof t.operators];
  if (words === undefined || rule.table !== undefined || operator === "sample" || rule.as != null) return null;
  const other = value_field ?? valueInWords(value, operator);
  const more = [
    ignore_case ? t.words.ignoreCase : "",
    missing === "include" ? t.words.include : missing === "exclude" ? t.words.exclude : "",
  ];
  return [field ?? "", words, other, ...more].filter(Boolean).join(" ");
}

const isDate = (value: unknown) => /^(\d{4}-\d{2}-\d{2}|today|now|start_of_)/.test(String(value));

function valueInWords(value: unknown, operator: string | undefined): string {
  if (value === undefined || value === null) return "";
  if (Array.isArray(value)) {
    const texts = value.map((one) => valueInWords(one, undefined));
    return operator === "between" ? texts.join(t.words.and) : texts.join(", ");
  }
  const isPlain = typeof value !== "string" || isDate(value) || /within|older|later|segment|list/.test(operator ?? "");
  return isPlain ? String(value) : `“${value}”`;
}

/** The rule or group at a path such as `$.rules[0].rules[1]` of a definition. */
export function nodeAt(definition: unknown, path: string): Node | undefined {
  let node = definition as Node | undefined;
  for (const [, index] of path.matchAll(/\.rules\[(\d+)\]/g)) node = node?.rules?.[Number(index)];
  return node;
}
