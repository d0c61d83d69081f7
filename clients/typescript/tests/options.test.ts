/** Options and arguments that are refused before a request is sent. */

import assert from "node:assert/strict";
import { afterEach, test } from "node:test";

import { SegmentsClient, UsageError } from "../src/index.js";
import type { ClientOptions } from "../src/index.js";

const VARIABLES = ["SEGBATCH_API_URL", "SEGBATCH_API_KEY", "SEGBATCH_PROJECT_ID"];

afterEach(() => {
  for (const name of VARIABLES) {
    delete process.env[name]; // eslint-disable-line @typescript-eslint/no-dynamic-delete
  }
});

/** Return the requests of a client that gets an empty list. */
async function sentWith(options: ClientOptions): Promise<[string, RequestInit][]> {
  const sent: [string, RequestInit][] = [];
  const api = new SegmentsClient({
    ...options,
    fetch: (url, init) => {
      sent.push([url as string, init ?? {}]);
      return Promise.resolve(new Response("[]"));
    },
  });
  await api.listSegments();
  return sent;
}

test("wrong options are refused", () => {
  const wrong: [unknown, string][] = [
    [{}, "the server's URL is missing"],
    [{ baseUrl: "" }, "the server's URL is missing"],
    [{ baseUrl: "localhost" }, "'localhost' is not a base URL; use one like http://localhost:8765"],
    [{ baseUrl: "ftp://here" }, "'ftp://here' is not a base URL"],
    [{ baseUrl: "http://me:word@here" }, "the base URL contains a user or a password; remove it, and pass apiKey"],
    [{ baseUrl: "http://here?x=1" }, "has a query or a fragment; remove it"],
    [{ baseUrl: "http://here/api/v1" }, "includes the path of the API; remove it, from /api/v1 on"],
    [{ baseUrl: "http://here/api/v1/contacts/segments/" }, "includes the path of the API"],
    [{ baseUrl: "http://here", apiKey: " " }, "the key is empty"],
    [{ baseUrl: "http://here", apiKey: "a b" }, "the key has characters that keys cannot have"],
    [{ baseUrl: "http://here", apiKey: "k", session: true }, "pass apiKey or session, not both"],
    [{ baseUrl: "http://here", projectId: "" }, "'' is not a valid project id"],
    [{ baseUrl: "http://here", projectId: "a\nb" }, "is not a valid project id"],
    ...[0, -1, Infinity, NaN, 1e10, "5", true].map((timeout): [unknown, string] => [
      { baseUrl: "http://here", timeout },
      "timeout must be a number of seconds, at most a day",
    ]),
    ...[-1, 1.5, "a", true].map((retries): [unknown, string] => [
      { baseUrl: "http://here", retries },
      "retries must be a whole number, 0 or more",
    ]),
  ];
  for (const [options, message] of wrong) {
    assert.throws(
      () => new SegmentsClient(options as ClientOptions),
      (error) => error instanceof UsageError && error.message.includes(message) && !error.message.includes("word@"),
      JSON.stringify(options),
    );
  }
});

test("missing options are read from the environment, and empty variables count as unset", async () => {
  process.env["SEGBATCH_API_URL"] = "http://there/base/";
  process.env["SEGBATCH_API_KEY"] = "k\n";
  process.env["SEGBATCH_PROJECT_ID"] = "";
  const [[url, init] = assert.fail()] = await sentWith({});
  assert.equal(url, "http://there/base/api/v1/contacts/segments");
  assert.deepEqual(init.headers, { Accept: "application/json", Authorization: "Bearer k" });
});

test("a project id with other letters is sent as UTF-8", async () => {
  const [[, init] = assert.fail()] = await sentWith({ baseUrl: "http://here", projectId: "größe" });
  assert.equal(new Headers(init.headers).get("X-Project-ID"), Buffer.from("größe").toString("latin1"));
});

test("wrong arguments are refused before a request is sent", async () => {
  const api = new SegmentsClient({ baseUrl: "http://here", fetch: () => assert.fail("a request was sent") });
  for (const id of ["", ".", "..", "a/members", "\ud800", undefined]) {
    await assert.rejects(api.getSegment(id as unknown as string), UsageError);
  }
  for (const ifMatch of ["", '"', "a b", 'a"b', "ä"]) {
    await assert.rejects(api.updateSegment("a", {}, { ifMatch }), UsageError);
  }
  const loop: Record<string, unknown> = {};
  loop["loop"] = loop;
  for (const changes of [null, [], "text", { max_change: NaN }, { tags: [1n] }, loop]) {
    await assert.rejects(api.updateSegment("a", changes as object), UsageError);
  }
});

test("the id of a contact may have a slash, but cannot lead to another path", async () => {
  const paths: string[] = [];
  const fetch = (url: RequestInfo | URL) => {
    paths.push(url as string);
    return Promise.resolve(new Response("{}"));
  };
  const api = new SegmentsClient({ baseUrl: "http://here", fetch });
  await api.getContact("current", "a/../b?c#d%");
  await api.getRunSegment("current", "a/b");
  assert.deepEqual(paths, [
    "http://here/api/v1/runs/current/contacts/a%2F..%2Fb%3Fc%23d%25",
    "http://here/api/v1/runs/current/segments/a%2Fb",
  ]);
  for (const id of ["", ".", "..", "\ud800"]) await assert.rejects(api.getContact("current", id), UsageError);
});

test("a client for another project has the other options of the first one, and shares its sign-in", async () => {
  const sent: [string, Record<string, string>][] = [];
  const first = new SegmentsClient({
    session: true,
    projectId: "one",
    fetch: (url, init) => {
      sent.push([url as string, init?.headers as Record<string, string>]);
      return Promise.resolve(new Response('{"id": "a", "csrf_token": "token-1"}'));
    },
  });
  const other = first.forProject("zwei ü");
  await first.signIn("key");
  await other.updateSegment("a", { name: "b" });
  await first.updateSegment("a", { name: "b" });
  assert.deepEqual(
    sent.map(([, headers]) => [headers["X-Project-ID"], headers["X-CSRF-Token"]]),
    [
      ["one", undefined],
      ["zwei \u00c3\u00bc", "token-1"],
      ["one", "token-1"],
    ],
  );
  assert.throws(() => first.forProject(" "), UsageError);
});
