import type { SavedSegment } from "@segbatch/client";
import { describe, expect, test } from "vitest";
import type { Node } from "../data/types";
import { type EditorQuery, fitted, fromQuery, isAbout, JSON_FIELD, pathOf, scalarOf, toQuery } from "../editor/convert";
import { changesOf, differences, dropDraft, keepDraft, readDraft } from "../editor/draft";
import { inWords } from "../in-words";
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

test.each([
  [RULES[0], "status is “active”"],
  [RULES[1], "seats is between 1 and 5 and has a value"],
  [RULES[2], "plan is one of “a”, “b” (upper or lower case)"],
  [RULES[4], "phone has a value"],
  [RULES[5], "in segment paying-customers"],
  [{ field: "seen", operator: "lt", value: "2025-03-01" }, "seen is before 2025-03-01"],
  [{ field: "seats", operator: "lt", value: 5 }, "seats is below 5"],
  [RULES[8], null],
])("the rule %j in words", (rule, words) => {
  expect(inWords(rule as Node)).toBe(words);
});

describe("changes", () => {
  const saved: SavedSegment = { ...SAVED, owner: "growth" };

  test("are only the keys that differ, and null removes one", () => {
    const draft = { ...saved, name: "New", owner: "", tags: [], enabled: true, match: "all" as const };
    expect(differences(saved, draft)).toEqual(["name", "owner"]);
    expect(changesOf(saved, draft)).toEqual({ name: "New", owner: null });
  });

  test("stay in the tab until they are dropped", () => {
    keepDraft("a", { x: 1 });
    expect(readDraft("a")).toEqual({ x: 1 });
    dropDraft("a");
    expect(readDraft("a")).toBeNull();
  });
});
