import { expect, test } from "vitest";
import type { Node } from "../data/types";
import { inWords } from "../in-words";

const PAID = { field: "status", operator: "eq", value: "paid" };
const RECENT = { field: "placed_at", operator: "within_last", value: "90d" };
const ORDERS = { table: "orders", operator: "gte", value: 3 };

test.each<[Node, string | null]>([
  [{ field: "status", operator: "eq", value: "active" }, "status is “active”"],
  [
    { field: "seats", operator: "between", value: [1, 5], missing: "exclude" },
    "seats is between 1 and 5 and has a value",
  ],
  [
    { field: "plan", operator: "in", value: ["a", "b"], ignore_case: true },
    "plan is one of “a”, “b” (upper or lower case)",
  ],
  [{ field: "phone", operator: "exists" }, "phone has a value"],
  [{ field: "city", operator: "eq", value: "\u202eab" }, "city is “\u2068\u202eab\u2069”"],
  [{ field: "שם", operator: "exists" }, "\u2068שם\u2069 has a value"],
  [{ field: "seen", operator: "lt", value: "2025-03-01" }, "seen is before 2025-03-01"],
  [{ field: "seats", operator: "lt", value: 5 }, "seats is below 5"],
  [{ field: "a", operator: "gt", value_field: "b", as: "number" }, "a is above b (read as number)"],
  [{ operator: "in_segment", value: "payers" }, "in segment “Paying Customers”"],
  [{ operator: "not_in_segment", value: "unknown" }, "not in segment unknown"],
  [{ operator: "sample", value: { seed: "spring", from: 0, to: 0.1 } }, "in the sample spring, from 0% to 10%"],
  [{ match: "none" }, "None of these is true"],
  [ORDERS, "number of rows in orders is at least 3"],
  [
    { ...ORDERS, where: [PAID, RECENT] },
    "number of rows in orders where (status is “paid” and placed_at is within the last 90d) is at least 3",
  ],
  [
    { ...ORDERS, aggregate: "sum", field: "amount", where: [PAID, { match: "none", rules: [RECENT, PAID] }] },
    "sum of amount in orders where (status is “paid” and " +
      "(none of placed_at is within the last 90d or status is “paid”)) is at least 3",
  ],
  [{ ...ORDERS, aggregate: "median" }, null],
  [{ ...ORDERS, where: [{ field: "x", operator: "resembles", value: 1 }] }, null],
  [{ field: "x", operator: "resembles", value: 1 }, null],
  [null as unknown as Node, null],
  [7 as unknown as Node, null],
  [{ ...ORDERS, where: [null as unknown as Node] }, null],
  [{ operator: "sample" }, "in the sample , from 0% to 0%"],
])("the rule %j in words", (rule, words) => {
  expect(inWords(rule, { payers: "Paying Customers" })).toBe(words);
});
