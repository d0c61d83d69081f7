/** Calls that read published runs, explanations and fields of a real server. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { NotFoundError, SegmentsClient } from "../src/index.js";
import { useServer } from "./server.js";

const ID = "pro-plan-users";
const server = useServer(["2025-11-03T02:00Z", "2025-11-04T02:00Z"]);

function client(): SegmentsClient {
  return new SegmentsClient({ baseUrl: server.url, apiKey: server.key });
}

test("runs are listed page by page, the newest first", async () => {
  const first = await client().listRuns({ limit: 1 });
  assert.equal(first.runs.length, 1);
  assert.equal(first.runs[0]?.as_of, "2025-11-04T02:00:00.000Z");
  assert.equal(first.runs[0].is_current, true);
  assert.ok(first.next_cursor);
  const second = await client().listRuns({ limit: 1, cursor: first.next_cursor });
  assert.equal(second.runs[0]?.as_of, "2025-11-03T02:00:00.000Z");
  assert.equal(second.next_cursor, null);
  const run = await client().getRun();
  assert.equal(run.previous_run_id, second.runs[0].id);
  assert.deepEqual(await client().getRun(run.id), run);
  await assert.rejects(client().getRun("20200101T000000Z-000000"), NotFoundError);
});

test("segments of a run have their sizes in both runs", async () => {
  const page = await client().listRunSegments("current", { history: 2 });
  assert.equal(page.history.length, 2);
  const row = page.segments.find(({ id }) => id === ID);
  assert.equal(row?.sizes.length, 2);
  const segment = await client().getRunSegment("current", ID, { history: 2 });
  assert.equal(segment.member_count, row.member_count);
  assert.equal(segment.runs.length, 2);
  await assert.rejects(client().getRunSegment("current", "missing"), NotFoundError);
});

test("the overlap of segments is counted", async () => {
  const overlap = await client().getOverlap("current", { segments: [ID, "paying-customers"] });
  assert.deepEqual(new Set(overlap.segments.map(({ id }) => id)), new Set([ID, "paying-customers"]));
  overlap.segments.forEach(({ member_count }, index) => {
    assert.equal(overlap.counts[index]?.[index], member_count);
  });
  assert.equal((await client().getOverlap("current", { top: 3 })).segments.length, 3);
});

test("a contact has its segments and its fields", async () => {
  const [contactId = assert.fail()] = (await client().listMembers(ID, { limit: 1 })).members;
  const contact = await client().getContact("current", String(contactId));
  assert.ok(contact.segments.some(({ id }) => id === ID));
  assert.equal(contact.fields?.["status"], "active");
  await assert.rejects(client().getContact("current", "missing"), NotFoundError);
  await assert.rejects(client().getContact("current", "a/b?c"), /there is no contact 'a\/b\?c'/);
});

test("members have the chosen fields", async () => {
  const page = await client().listMembersWithFields(ID, ["status", "custom_fields.plan"], { limit: 2 });
  assert.deepEqual(page.fields, ["status", "custom_fields.plan"]);
  assert.deepEqual(
    page.members.map(({ values }) => values),
    [1, 2].map(() => ({ status: "active", "custom_fields.plan": "pro" })),
  );
  const cursor = page.next_cursor ?? assert.fail();
  const next = await client().listMembersWithFields(ID, ["status"], { cursor, limit: 1 });
  assert.notEqual(next.members[0]?.id, page.members[0]?.id);
  await assert.rejects(client().listMembersWithFields(ID, ["plam"]), NotFoundError);
});

test("a segment is explained in words, with a funnel and for a contact", async () => {
  const plain = await client().explainSegment(ID);
  assert.ok(plain.words.some(({ path }) => path === "$.rules[1]"));
  assert.equal(plain.funnel, null);
  assert.equal(plain.verdict, null);
  const [contact = assert.fail()] = (await client().listMembers(ID, { limit: 1 })).members;
  const whole = await client().explainSegment(ID, { contact: String(contact), funnel: true });
  assert.ok(whole.funnel?.some(({ path, count }) => path === "$.rules[1]" && count > 0));
  assert.equal(whole.verdict?.member, true);
});

test("a definition is checked without saving it", async () => {
  const rules = [{ field: "plam", operator: "eq" as const, value: "pro" }];
  const { errors } = await client().checkSegment({ rules });
  assert.deepEqual(
    errors.map(({ path }) => path),
    ["$.rules[0].field"],
  );
});

test("fields have types, operators and values", async () => {
  const { fields } = await client().listFields();
  const status = fields.find(({ name }) => name === "status");
  assert.equal(status?.type, "text");
  assert.ok(status.operators.includes("starts_with"));
  const { values } = await client().listFieldValues("status", { prefix: "act", limit: 5 });
  assert.deepEqual(
    values.map(({ value }) => value),
    ["active"],
  );
});

test("a preview is compared with a saved segment", async () => {
  const rules = [{ field: "status", operator: "eq" as const, value: "active" }];
  const { compared } = await client().previewSegment({ rules, first: 0, compare_with: ID });
  assert.equal(compared?.segment_id, ID);
  assert.ok(compared.entered > 0);
});
