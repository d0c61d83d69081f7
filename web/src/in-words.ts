import type { Match, Node } from "./data/types";
import { isolated, percent } from "./format";
import { t } from "./texts";

/** The names of segments by their ids. */
export type Names = Readonly<Record<string, string>>;

/**
 * A rule as a sentence without technical names of operators, or how the rules of a group are combined.
 *
 * Null if this version does not know the kind of rule, which needs the words of the server.
 */
export function inWords(rule: Node, names: Names = {}): string | null {
  // A rule that is typed as JSON may be anything.
  if (typeof rule !== "object" || rule === null) return null;
  const { operator, match } = rule;
  if (operator === undefined) return match === undefined ? null : t.match[match];
  const subject = subjectOf(rule, names);
  const words = operatorInWords(rule);
  if (subject === null || words === undefined) return null;
  return [subject, words, objectOf(rule, names), ...optionsOf(rule)].filter(Boolean).join(" ");
}

/** The field that a rule compares, or the aggregate of the rows in a related table. */
function subjectOf(rule: Node, names: Names): string | null {
  const { table, aggregate = "count", field } = rule;
  if (table === undefined) return isolated(field ?? "");
  const words = t.words.aggregates[aggregate as keyof typeof t.words.aggregates];
  if (words === undefined) return null;
  const where = Array.isArray(rule.where) ? allInWords(rule.where, "all", names) : "";
  if (where === null) return null;
  return [words(isolated(field ?? ""), isolated(table)), where && t.words.where(where)].filter(Boolean).join(" ");
}

/** Rules in one line. */
function allInWords(rules: readonly Node[], match: Match, names: Names): string | null {
  const texts = rules.map((rule) => {
    if (!rule?.match || !rule.rules || rule.operator !== undefined) return inWords(rule, names);
    const inner = allInWords(rule.rules, rule.match, names);
    return inner === null ? null : `(${inner})`;
  });
  if (texts.includes(null)) return null;
  return match === "none"
    ? t.words.none(texts.join(t.words.or))
    : texts.join(match === "all" ? t.words.and : t.words.or);
}

function operatorInWords({ operator, value }: Node): string | undefined {
  const isOrdered = operator === "gt" || operator === "gte" || operator === "lt" || operator === "lte";
  return isOrdered && isDate(value) ? t.words.dates[operator] : t.operators[operator as keyof typeof t.operators];
}

function objectOf({ operator, value, value_field }: Node, names: Names): string {
  if (operator === "sample") {
    const { seed = "", from = 0, to = 0 } = (value ?? {}) as { seed?: string; from?: number; to?: number };
    return t.words.sample(isolated(seed), percent(from), percent(to));
  }
  if (operator === "in_segment" || operator === "not_in_segment") {
    const name = names[String(value)];
    return name === undefined ? isolated(String(value)) : quoted(name);
  }
  return value_field ? isolated(value_field) : valueInWords(value, operator);
}

function optionsOf({ as, ignore_case, missing }: Node): string[] {
  return [
    as ? t.words.readAs(as) : "",
    ignore_case ? t.words.ignoreCase : "",
    missing === "include" ? t.words.include : missing === "exclude" ? t.words.exclude : "",
  ];
}

const isDate = (value: unknown) => /^(\d{4}-\d{2}-\d{2}|today|now|start_of_)/.test(String(value));

const quoted = (text: string) => `“${isolated(text)}”`;

function valueInWords(value: unknown, operator: string | undefined): string {
  if (value === undefined || value === null) return "";
  if (Array.isArray(value)) {
    const texts = value.map((one) => valueInWords(one, undefined));
    return operator === "between" ? texts.join(t.words.and) : texts.join(", ");
  }
  const isPlain = typeof value !== "string" || isDate(value) || /within|older|later|list/.test(operator ?? "");
  return isPlain ? isolated(String(value)) : quoted(value);
}
