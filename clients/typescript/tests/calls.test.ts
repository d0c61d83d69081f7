/** Calls of the segments API against a real server. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { test } from "node:test";

import {
  AnswerError,
  ConflictError,
  ForbiddenError,
  InvalidError,
  NotFoundError,
  SegmentsClient,
  StaleError,
  UnauthorizedError,
  UnreachableError,
} from "../src/index.js";
import type { ClientOptions, NewSegment, SegmentNode } from "../src/index.js";
import { useServer } from "./server.js";

const PRO: NewSegment = {
  name: "Pro Plan Users",
  rules: [
    { field: "custom_fields.plan", operator: "eq", value: "pro" },
    { field: "status", operator: "eq", value: "active" },
  ],
};

const server = useServer();

function client(options: ClientOptions = {}): SegmentsClient {
  return new SegmentsClient({ baseUrl: server.url, apiKey: server.key, ...options });
}

/** Return the address of a port that no server listens on. */
async function closedPort(): Promise<string> {
  const listener = createServer().listen(0, "127.0.0.1");
  await once(listener, "listening");
  const { port } = listener.address() as AddressInfo;
  listener.close();
  return `http://127.0.0.1:${port.toString()}`;
}

test("a segment is created, read, listed, changed and deleted", async () => {
  const api = client();
  const created = await api.createSegment({ ...PRO, tags: ["sdk"], owner: "growth" });
  assert.equal(created.project_id, "proj-1");
  assert.deepEqual(created.rules, PRO.rules);
  assert.deepEqual(await api.getSegment(created.id), created);
  const listed = await api.listSegments({ tags: ["sdk", "none"], owners: ["growth"] });
  assert.deepEqual(
    listed.map(({ id }) => id),
    [created.id],
  );
  assert.deepEqual(await api.listSegments({ tags: ["none"] }), []);
  assert.equal((await api.listSegments()).length, 21);

  const changed = await api.updateSegment(created.id, { name: "Enterprise Users", owner: null });
  assert.equal(changed.name, "Enterprise Users");
  assert.equal(changed.owner, undefined);
  assert.notEqual(changed.etag, created.etag);
  await api.deleteSegment(created.id);
  await assert.rejects(api.getSegment(created.id), NotFoundError);
});

test("an ETag protects a change, and a segment can be sent back as it was read", async () => {
  const api = client();
  const created = await api.createSegment(PRO);
  const changed = await api.updateSegment(created.id, { ...created, name: "Changed" }, { ifMatch: created.etag });
  await assert.rejects(api.updateSegment(created.id, { name: "Late" }, { ifMatch: created.etag }), (error) => {
    assert.ok(error instanceof StaleError);
    assert.equal(error.status, 412);
    assert.equal(error.code, "changed-meanwhile");
    assert.equal(error.maybeApplied, false);
    return true;
  });
  await assert.rejects(api.deleteSegment(created.id, { ifMatch: created.etag }), StaleError);
  assert.equal(await api.getSegmentIfChanged(created.id, changed.etag ?? ""), undefined);
  assert.deepEqual(await api.getSegmentIfChanged(created.id, created.etag ?? ""), changed);
  await api.deleteSegment(created.id, { ifMatch: `"${changed.etag ?? ""}"` });
});

test("an error of a definition has its place", async () => {
  const wrong = { field: "plan", operator: "equals", value: "pro" } as unknown as SegmentNode;
  await assert.rejects(client().createSegment({ name: "Pro", rules: [wrong] }), (error) => {
    assert.ok(error instanceof InvalidError);
    assert.equal(error.code, "invalid-definition");
    assert.deepEqual(error.problems, [
      { path: "$.rules[0].operator", message: "'equals' is not an operator; did you mean 'eq'?" },
    ]);
    assert.equal(error.message, "$.rules[0].operator: 'equals' is not an operator; did you mean 'eq'?");
    assert.equal(error.document?.status, 422);
    return true;
  });
});

test("members come in pages, and all at once", async () => {
  const api = client();
  const page = await api.listMembers("pro-plan-users", { limit: 2 });
  assert.equal(page.members.length, 2);
  assert.ok(page.next_cursor);
  const next = await api.listMembers("pro-plan-users", { limit: 2, cursor: page.next_cursor });
  const all = [];
  for await (const member of api.iterateMembers("pro-plan-users", { limit: 300 })) {
    all.push(member);
  }
  assert.equal(all.length, page.member_count);
  assert.ok(all.length > 300);
  assert.deepEqual(all.slice(0, 4), [...page.members, ...next.members]);
});

test("a preview counts rules that are not saved", async () => {
  const preview = await client().previewSegment({ ...PRO, first: 3 });
  assert.ok(preview.member_count > 3);
  assert.equal(preview.first.length, 3);
});

test("each refusal of the server has its error", async () => {
  await assert.rejects(client({ apiKey: "segbatch_wrong" }).listSegments(), UnauthorizedError);
  await assert.rejects(client({ apiKey: server.readOnlyKey }).createSegment(PRO), ForbiddenError);
  await assert.rejects(client({ projectId: "proj-2" }).listSegments(), ForbiddenError);
  await assert.rejects(client({ apiKey: server.otherKey }).getSegment("pro-plan-users"), NotFoundError);
  const created = await client().createSegment(PRO);
  await assert.rejects(client().listMembers(created.id), ConflictError);
  await client().deleteSegment(created.id);
});

test("a segment that others refer to is not deleted", async () => {
  const api = client();
  const created = await api.createSegment(PRO);
  const other = await api.createSegment({ name: "Both", rules: [{ operator: "in_segment", value: created.id }] });
  await assert.rejects(api.deleteSegment(created.id), (error) => {
    assert.ok(error instanceof ConflictError);
    assert.equal(error.code, "in-use");
    assert.deepEqual(error.document?.named_by, [other.id]);
    return true;
  });
  await api.deleteSegment(other.id);
  await api.deleteSegment(created.id);
});

test("an id cannot lead to another path", async () => {
  await assert.rejects(client().getSegment("pro-plan-users?x=1"), NotFoundError);
});

test("a wrong base URL is not taken for a segment that does not exist", async () => {
  await assert.rejects(client({ baseUrl: `${server.url}/below` }).getSegment("pro-plan-users"), (error) => {
    assert.ok(error instanceof AnswerError);
    assert.match(error.message, /is the base URL right\?$/u);
    return true;
  });
});

test("keys of a file that was changed by hand are kept", async () => {
  const definition = { id: "by-hand", project_id: "proj-1", ...PRO };
  writeFileSync(join(server.folder, "segments", "by-hand.json"), JSON.stringify(definition));
  const found = await client().getSegment("by-hand");
  assert.equal(found.created_at, null);
  await client().deleteSegment("by-hand", { ifMatch: found.etag });
});

test("a server that is not running is reported, and the key is not", async () => {
  const gone = client({ baseUrl: await closedPort(), retries: 0 });
  await assert.rejects(gone.createSegment(PRO), (error) => {
    assert.ok(error instanceof UnreachableError);
    assert.match(error.message, /^http:\/\/127\.0\.0\.1:\d+: cannot be reached: .*; is the server running/u);
    assert.equal(error.maybeApplied, false);
    assert.ok(!error.message.includes(server.key));
    return true;
  });
});

test("https to a server without TLS is reported without retries", async () => {
  const started = Date.now();
  const wrong = client({ baseUrl: server.url.replace("http:", "https:"), retries: 9 });
  await assert.rejects(wrong.listSegments(), (error) => {
    assert.ok(error instanceof UnreachableError);
    assert.match(error.message, /does the server use https\?/u);
    return true;
  });
  assert.ok(Date.now() - started < 2000);
});

test("a page signs in by a cookie, and its changes have the token of the session", async () => {
  let cookie = "";
  const inBrowser = () =>
    client({
      apiKey: undefined,
      session: true,
      fetch: async (url, init) => {
        const headers = new Headers(init?.headers);
        assert.equal(headers.get("Authorization"), null);
        assert.equal(init?.credentials, "same-origin");
        headers.set("Cookie", cookie);
        const response = await fetch(url, { ...init, headers });
        cookie = response.headers.getSetCookie()[0]?.split(";")[0] ?? cookie;
        return response;
      },
    });
  const api = inBrowser();
  assert.equal((await api.getSession()).signed_in, false);
  await assert.rejects(api.listSegments(), UnauthorizedError);
  await assert.rejects(api.signIn("segbatch_wrong"), UnauthorizedError);
  const session = await api.signIn(server.key);
  assert.deepEqual([session.signed_in, session.read_only, session.project_id], [true, false, "proj-1"]);
  const created = await api.createSegment(PRO);
  // A page that was loaded again does not know the token yet.
  const changed = await inBrowser().updateSegment(created.id, { name: "Changed" });
  assert.equal(changed.name, "Changed");
  await api.deleteSegment(created.id);
  await api.signOut();
  await assert.rejects(api.listSegments(), UnauthorizedError);
});

test("a call can be cancelled", async () => {
  const controller = new AbortController();
  const call = client().listSegments({ signal: controller.signal });
  controller.abort(new Error("no longer needed"));
  await assert.rejects(call, /^Error: no longer needed$/u);
});
