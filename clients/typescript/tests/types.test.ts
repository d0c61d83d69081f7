/** The types: that the compiler accepts what the API documents, and refuses what it does not. */

import assert from "node:assert/strict";
import { test } from "node:test";

import type {
  ContactSegment,
  NewSegment,
  SegmentChanges,
  SegmentNode,
  SegmentOperator,
  SegmentRule,
} from "../src/index.js";

const OPERATORS: Record<SegmentOperator, true> = {
  eq: true,
  neq: true,
  contains: true,
  not_contains: true,
  gt: true,
  lt: true,
  gte: true,
  lte: true,
  exists: true,
  empty: true,
};

test("SegmentRule has the ten basic operators", () => {
  assert.equal(Object.keys(OPERATORS).length, 10);
});

test("rules of all kinds are nodes, and a saved segment can be sent back", () => {
  const basic: SegmentRule = { field: "status", operator: "eq", value: "active" };
  const rules: SegmentNode[] = [
    basic,
    { field: "email", operator: "exists" },
    { field: "created_at", operator: "within_last", value: "30d" },
    { field: "city", operator: "in", value: ["Berlin", "Bremen"] },
    { match: "any", rules: [basic, { operator: "in_segment", value: "paying-customers" }] },
    { table: "orders", aggregate: "count", operator: "gte", value: 3 },
  ];
  const segment: NewSegment = { name: "All kinds", rules };
  const saved: ContactSegment = {
    id: "a",
    project_id: null,
    description: null,
    list_id: null,
    created_at: null,
    updated_at: null,
    ...segment,
    name: segment.name,
    rules,
  };
  const changes: SegmentChanges = saved;
  assert.equal(changes.name, "All kinds");
});

test("wrong rules do not compile", () => {
  const wrong: SegmentNode[] = [
    // @ts-expect-error -- the operator does not exist
    { field: "status", operator: "equals", value: "active" },
    // @ts-expect-error -- `in` takes a list
    { field: "city", operator: "in", value: "Berlin" },
    // @ts-expect-error -- a duration is a text
    { field: "created_at", operator: "within_last", value: 30 },
  ];
  // @ts-expect-error -- `in` is not one of the ten basic operators
  const extended: SegmentRule = { field: "city", operator: "in", value: ["Berlin"] };
  assert.equal([...wrong, extended].length, 4);
});
