import type { SavedSegment } from "@segbatch/client";
import { describe, expect, test } from "vitest";
import type { Node } from "../data/types";
import {
  type EditorQuery,
  type EditorRule,
  fitted,
  fromQuery,
  isAbout,
  JSON_FIELD,
  pathOf,
  SAMPLE_FIELD,
  SEGMENT_FIELD,
  scalarOf,
  settled,
  toQuery,
} from "../editor/convert";
import { asNew, changesOf, differences, dropDraft, keepDraft, readDraft } from "../editor/draft";
import { compareVersions, merged } from "../editor/merge";
import { SAVED } from "./server";

const RULES: Node[] = [
  { field: "status", operator: "eq", value: "active" },
  { field: "seats", operator: "between", value: [1, 5], missing: "exclude" },
  { field: "plan", operator: "in", value: ["a", "b"], ignore_case: true },
  { field: "a", operator: "gt", value_field: "b", as: "number" },
  { field: "phone", operator: "exists" },
  { operator: "in_segment", value: "paying-customers" },
  { operator: "sample", value: { seed: "spring", from: 0, to: 0.1 } },
  {
    match: "none",
    rules: [
      { field: "x", operator: "neq", value: true },
      { match: "any", rules: [{ field: "y", operator: "older_than", value: "30d" }] },
    ],
  },
  {
    table: "orders",
    where: [{ field: "status", operator: "eq", value: "paid" }],
    aggregate: "count",
    operator: "gte",
    value: 3,
  },
];

describe("rules", () => {
  test("of every kind are the same after they were in the editor", () => {
    expect(fromQuery(toQuery("any", RULES))).toEqual({ match: "any", rules: RULES, errors: [] });
  });

  test("keep keys that the editor does not know", () => {
    const rules = [{ field: "x", operator: "eq", value: 1, note: "kept" }];
    expect(fromQuery(toQuery(null, rules)).rules).toEqual(rules);
  });

  test("as JSON that cannot be read are an error at their place", () => {
    const bad = { field: JSON_FIELD, operator: "json", value: { json: "{" } };
    const query: EditorQuery = { combinator: "all", rules: [{ combinator: "any", rules: [bad] }] };
    expect(fromQuery(query).errors).toMatchObject([{ path: "$.rules[0].rules[0]" }]);
  });
});

test.each([
  ["pro", "in", ["pro"]],
  [["a", "b"], "eq", "a"],
  [undefined, "eq", ""],
  [5, "between", [5, ""]],
  ["x", "exists", undefined],
  [30, "within_last", "30"],
  ["x", "sample", { seed: "", from: 0, to: 0.1 }],
])("the value %j fits %s as %j", (value, operator, fit) => {
  expect(fitted(value, operator)).toEqual(fit);
});

test.each([
  ["8", "integer", undefined, 8],
  ["8x", "integer", undefined, "8x"],
  ["8.", "double", undefined, "8."],
  ["007", "integer", undefined, "007"],
  ["12345678901234567890", "integer", undefined, "12345678901234567890"],
  ["8", "text", "a", "8"],
  ["8", "text", 7, 8],
  ["", "integer", 7, ""],
])("typed %j in a field of %s is %4$j", (text, type, before, value) => {
  expect(scalarOf(text, type, before)).toBe(value);
});

test("an error is shown beside the rule that it is about, and not beside its group", () => {
  const error = { path: "$.rules[1].rules[0].value[2]", message: "" };
  expect(isAbout(error, pathOf([1, 0]))).toBe(true);
  expect(isAbout(error, pathOf([1]))).toBe(false);
  expect(isAbout({ path: "$.rules[10]", message: "" }, pathOf([1]))).toBe(false);
});

describe("changes", () => {
  const saved: SavedSegment = { ...SAVED, owner: "growth" };

  test("are only the keys that differ, and null removes one", () => {
    const draft = { ...saved, name: "New", owner: "", tags: [], enabled: true, match: "all" as const };
    expect(differences(saved, draft)).toEqual(["name", "owner"]);
    expect(changesOf(saved, draft)).toEqual({ name: "New", owner: null });
  });

  test("are not made by another order of the keys of a rule", () => {
    const rules = SAVED.rules.map((rule) => Object.fromEntries(Object.entries(rule).reverse()));
    expect(differences(SAVED, { ...SAVED, rules })).toEqual([]);
  });

  test("that clear a list remove its key", () => {
    expect(changesOf({ ...SAVED, tags: ["a"] }, { ...SAVED, tags: [] })).toEqual({ tags: null });
  });

  test("become a new segment without the keys of the one before", () => {
    const times = { created_at: "2025-06-01T10:00:00.000Z", updated_at: "2025-06-01T10:00:00.000Z", etag: "1" };
    const { name, description, project_id, rules } = SAVED;
    expect(asNew({ ...SAVED, ...times, owner: "", tags: [] })).toEqual({ name, description, project_id, rules });
  });

  test("stay in the tab until they are dropped", () => {
    keepDraft("a", { x: 1 });
    expect(readDraft("a")).toEqual({ x: 1 });
    dropDraft("a");
    expect(readDraft("a")).toBeNull();
  });
});

describe("two versions of a segment", () => {
  const base = { ...SAVED, owner: "growth" };

  test("are compared with the one that both were made from", () => {
    const mine = { ...base, name: "Mine", description: "Same", tags: ["a"] };
    const theirs = { ...base, name: "Theirs", description: "Same", owner: "sales" };
    expect(compareVersions(base, mine, theirs)).toEqual({ mine: ["tags"], theirs: ["owner"], both: ["name"] });
  });

  test("differ in their rules also if one changed the rules and the other how they are combined", () => {
    const mine = { ...base, match: "any" as const };
    const theirs = { ...base, rules: base.rules.slice(1) };
    expect(compareVersions(base, mine, theirs)).toEqual({ mine: [], theirs: [], both: ["rules"] });
    expect(merged(mine, theirs, ["rules"])).toMatchObject({ match: "any", rules: base.rules });
    expect(merged(mine, theirs, [])).toMatchObject({ rules: theirs.rules });
  });

  test("are merged to theirs with the chosen parts of mine, and only these are sent", () => {
    const mine = { ...base, name: "Mine", owner: "" };
    const theirs = { ...base, name: "Theirs", description: "Theirs", etag: "2" };
    expect(changesOf(theirs, merged(mine, theirs, ["owner"]))).toEqual({ owner: null });
    expect(changesOf(theirs, merged(mine, theirs, ["owner", "name"]))).toEqual({ owner: null, name: "Mine" });
  });
});

describe("a rule without choices of fields", () => {
  const settledRule = (field: string, operator: string) =>
    settled({ combinator: "all", rules: [{ field, operator, value: { value: "x" } }] }).rules[0] as EditorRule;

  test.each([
    [SEGMENT_FIELD, "eq", "in_segment"],
    [SAMPLE_FIELD, "eq", "sample"],
    [JSON_FIELD, "eq", "json"],
    ["city", "in_segment", "eq"],
    ["city", "sample", "eq"],
    ["city", "json", "eq"],
    ["city", "neq", "neq"],
  ])("gets the operators of its kind: %j with %s has %s", (field, operator, fit) => {
    expect(settledRule(field, operator).operator).toBe(fit);
  });

  test("keeps its value while the name of the field is typed", () => {
    expect(settledRule("ci", "eq").value).toEqual({ value: "x" });
  });

  test("is an error until the field has a name", () => {
    const query = toQuery("all", [{ field: "", operator: "eq", value: "" }]);
    expect(fromQuery(query).errors).toMatchObject([{ path: "$.rules[0].field" }]);
  });
});
