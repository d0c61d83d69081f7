/** Failures of the network and of proxies: which requests are sent again, and what an error reports. */

import assert from "node:assert/strict";
import { test } from "node:test";
import type { TestContext } from "node:test";

import {
  AnswerError,
  ApiError,
  ConflictError,
  ForbiddenError,
  GoneError,
  InvalidError,
  NotFoundError,
  SegmentsClient,
  StaleError,
  UnauthorizedError,
  UnreachableError,
} from "../src/index.js";
import type { ClientOptions, SavedSegment } from "../src/index.js";

type Reply = Response | Error;

const SEGMENT = { id: "a", name: "A", rules: [] } as unknown as SavedSegment;
const KEY = "segbatch_secret";

function failed(code: string): Error {
  return new TypeError("fetch failed", { cause: Object.assign(new Error(`it failed: ${code}`), { code }) });
}

const REFUSED = failed("ECONNREFUSED");
const BROKEN = failed("UND_ERR_SOCKET");
const UNTRUSTED = failed("DEPTH_ZERO_SELF_SIGNED_CERT");

function problem(status: number, type: string, headers: Record<string, string> = {}): Response {
  const document = { type: `urn:segbatch:problem:${type}`, title: "It failed", status, detail: "for a reason" };
  return new Response(JSON.stringify(document), {
    status,
    headers: { "Content-Type": "application/problem+json", ...headers },
  });
}

function proxyError(status: number, headers: Record<string, string> = {}): Response {
  return new Response("<html>a proxy</html>", { status, headers: { "Content-Type": "text/html", ...headers } });
}

function ok(data: unknown = SEGMENT, status = 200): Response {
  return new Response(JSON.stringify(data), { status, headers: { ETag: '"e1"', "Content-Type": "application/json" } });
}

/** A client whose requests get these replies in turn, and the last one again. Pauses are recorded, not made. */
function replying(t: TestContext, replies: Reply[], options: ClientOptions = {}) {
  const sent: RequestInit[] = [];
  const pauses: number[] = [];
  t.mock.method(globalThis, "setTimeout", (done: () => void, milliseconds: number) => {
    pauses.push(milliseconds / 1000);
    queueMicrotask(done);
  });
  const api = new SegmentsClient({
    baseUrl: "http://here",
    apiKey: KEY,
    fetch: (_url, init) => {
      sent.push(init ?? {});
      const reply = replies[Math.min(sent.length, replies.length) - 1];
      return reply instanceof Response
        ? Promise.resolve(reply.clone())
        : Promise.reject(reply ?? new Error("no reply"));
    },
    ...options,
  });
  return { api, sent, pauses };
}

const CALLS: Record<string, (api: SegmentsClient) => Promise<unknown>> = {
  read: (api) => api.getSegment("a"),
  create: (api) => api.createSegment({ name: "A", rules: [] }),
  change: (api) => api.updateSegment("a", { name: "A" }),
  changeAny: (api) => api.updateSegment("a", { name: "A" }, { ifMatch: "*" }),
  changeIfMatch: (api) => api.updateSegment("a", { name: "A" }, { ifMatch: "e0" }),
  preview: (api) => api.previewSegment({ rules: [] }),
};

async function errorOf(call: Promise<unknown>): Promise<ApiError> {
  try {
    await call;
  } catch (error) {
    assert.ok(error instanceof ApiError, String(error));
    return error;
  }
  throw new Error("no error");
}

test("only requests that cannot be made twice are sent again", async (t) => {
  const always = { read: 4, create: 4, change: 4, changeAny: 4, changeIfMatch: 4, preview: 4 };
  const safe = { read: 4, create: 1, change: 1, changeAny: 1, changeIfMatch: 4, preview: 1 };
  const never = { read: 1, create: 1, change: 1, changeAny: 1, changeIfMatch: 1, preview: 1 };
  const cases: [string, Reply, Record<string, number>][] = [
    ["refused", REFUSED, always],
    ["unknown name", failed("ENOTFOUND"), always],
    ["broken", BROKEN, safe],
    ["an error of a browser", new TypeError("Failed to fetch"), safe],
    ["timeout", new DOMException("timed out", "TimeoutError"), safe],
    ["certificate", UNTRUSTED, never],
    ["408", problem(408, "too-slow"), safe],
    ["429", proxyError(429), safe],
    ["502", proxyError(502), safe],
    ["503", problem(503, "busy"), safe],
    ["504", proxyError(504), safe],
    ["500", problem(500, "fault"), never],
    ["401", problem(401, "unauthorized"), never],
    ["422", problem(422, "invalid-definition"), never],
  ];
  for (const [name, reply, tries] of cases) {
    for (const [call, run] of Object.entries(CALLS)) {
      await t.test(`${call} after ${name}`, async (inner) => {
        const { api, sent, pauses } = replying(inner, [reply]);
        await errorOf(run(api));
        assert.equal(sent.length, tries[call]);
        assert.equal(pauses.length, sent.length - 1);
      });
    }
  }
});

test("a retry that succeeds returns its answer", async (t) => {
  const { api, pauses } = replying(t, [REFUSED, proxyError(502), ok()]);
  assert.deepEqual(await api.getSegment("a"), { ...SEGMENT, etag: "e1" });
  assert.ok(pauses[0] !== undefined && pauses[0] >= 0.125 && pauses[0] <= 0.25);
  assert.ok(pauses[1] !== undefined && pauses[1] >= 0.25 && pauses[1] <= 0.5);
});

test("retries limits the number of retries, and pauses stay short", async (t) => {
  for (const retries of [0, 1, 9]) {
    await t.test(retries.toString(), async (inner) => {
      const { api, sent, pauses } = replying(inner, [REFUSED], { retries });
      await errorOf(api.listSegments());
      assert.equal(sent.length, retries + 1);
      assert.ok(Math.max(0, ...pauses) <= 8);
    });
  }
});

test("Retry-After sets the pause", async (t) => {
  const soon = new Date(Date.now() + 20_000).toUTCString();
  const replies = [problem(503, "busy", { "Retry-After": "7" }), proxyError(503, { "Retry-After": soon }), ok([])];
  const { api, pauses } = replying(t, replies);
  assert.deepEqual(await api.listSegments(), []);
  assert.equal(pauses[0], 7);
  assert.ok(pauses[1] !== undefined && pauses[1] > 15 && pauses[1] <= 20);
});

test("a longer Retry-After is reported", async (t) => {
  const { api, sent } = replying(t, [problem(503, "busy", { "Retry-After": "300" })]);
  const error = await errorOf(api.listSegments());
  assert.equal(sent.length, 1);
  assert.equal(error.retryAfter, 300);
  assert.match(error.message, /a wait of 300 seconds, which is longer than the client waits$/u);
});

test("each status has its error class", async (t) => {
  const classes: [number, string, typeof ApiError][] = [
    [400, "bad-request", InvalidError],
    [401, "unauthorized", UnauthorizedError],
    [403, "forbidden", ForbiddenError],
    [404, "not-found", NotFoundError],
    [404, "no-endpoint", AnswerError],
    [409, "in-use", ConflictError],
    [410, "run-gone", GoneError],
    [412, "changed-meanwhile", StaleError],
    [413, "too-large", InvalidError],
    [415, "not-json-type", InvalidError],
    [422, "invalid-definition", InvalidError],
    [500, "fault", ApiError],
  ];
  for (const [status, code, kind] of classes) {
    await t.test(code, async (inner) => {
      const error = await errorOf(replying(inner, [problem(status, code)]).api.getSegment("a"));
      assert.equal(error.constructor, kind);
      assert.equal(error.name, kind.name);
      assert.deepEqual(
        [error.status, error.code, error.title, error.detail],
        [status, code, "It failed", "for a reason"],
      );
    });
  }
});

test("answers that are not the API's are reported as such", async (t) => {
  const answers: [string, Response, typeof ApiError, RegExp][] = [
    ["404", proxyError(404), AnswerError, /answered GET by 404, and not as the API does; is the base URL right\?$/u],
    ["502", proxyError(502), ApiError, /not as the API does; is the server behind it running\?$/u],
    ["429", proxyError(429), ApiError, /not as the API does$/u],
    [
      "redirect",
      new Response(null, { status: 302, headers: { Location: "/login" } }),
      AnswerError,
      /redirects to '\/login'/u,
    ],
    [
      "HTML",
      new Response("<html>", { headers: { "Content-Type": "text/html" } }),
      AnswerError,
      /text\/html in place of JSON/u,
    ],
    [
      "cut off",
      new Response('{"id":', { headers: { "Content-Type": "application/json" } }),
      AnswerError,
      /not valid JSON/u,
    ],
    ["a list", ok([]), AnswerError, /not a JSON object$/u],
    ["no id", ok({ name: "A" }), AnswerError, /a segment without an id$/u],
  ];
  for (const [name, answer, kind, message] of answers) {
    await t.test(name, async (inner) => {
      const error = await errorOf(replying(inner, [answer], { retries: 0 }).api.getSegment("a"));
      assert.equal(error.constructor, kind);
      assert.match(error.message, message);
    });
  }
  assert.match((await errorOf(replying(t, [ok({})]).api.listSegments())).message, /not a JSON list$/u);
});

test("an error reports whether the change may have been made", async (t) => {
  const cases: [string, Reply[], string, boolean][] = [
    ["refused", [REFUSED], "create", false],
    ["broken", [BROKEN], "create", true],
    ["500", [problem(500, "in-doubt")], "create", true],
    ["502", [proxyError(502)], "create", true],
    ["503 of a proxy", [proxyError(503)], "create", true],
    ["503 of the API", [problem(503, "unavailable")], "create", false],
    ["422", [problem(422, "invalid-definition")], "create", false],
    ["a read", [BROKEN], "read", false],
    ["a stale change after a lost answer", [BROKEN, problem(412, "changed-meanwhile")], "changeIfMatch", true],
    ["a stale change", [problem(412, "changed-meanwhile")], "changeIfMatch", false],
    ["a stale change after a refused connection", [REFUSED, problem(412, "changed-meanwhile")], "changeIfMatch", false],
  ];
  for (const [name, replies, call, maybeApplied] of cases) {
    await t.test(name, async (inner) => {
      const error = await errorOf((CALLS[call] ?? assert.fail())(replying(inner, replies).api));
      assert.equal(error.maybeApplied, maybeApplied);
      assert.equal(/may have (been made|made it)/u.test(error.message), maybeApplied);
      assert.ok(!`${error.message}${JSON.stringify(error)}`.includes(KEY));
    });
  }
});

test("a segment that a retried delete does not find is deleted", async (t) => {
  await replying(t, [BROKEN, problem(404, "not-found")]).api.deleteSegment("a", { ifMatch: "e1" });
});

test("a segment that a delete does not find is an error if no try was lost", async (t) => {
  for (const replies of [[problem(404, "not-found")], [REFUSED, problem(404, "not-found")]]) {
    await t.test(replies.length.toString(), async (inner) => {
      const error = await errorOf(replying(inner, replies).api.deleteSegment("a", { ifMatch: "e1" }));
      assert.ok(error instanceof NotFoundError);
    });
  }
});

test("a server that does not answer in time is reported", async () => {
  const api = new SegmentsClient({
    baseUrl: "http://here",
    timeout: 0.01,
    retries: 0,
    fetch: (_url, init) =>
      new Promise((_resolve, reject) => {
        const keepAlive = setTimeout(reject, 5000);
        init?.signal?.addEventListener("abort", () => {
          clearTimeout(keepAlive);
          reject(init.signal?.reason as Error);
        });
      }),
  });
  const error = await errorOf(api.createSegment({ name: "A", rules: [] }));
  assert.ok(error instanceof UnreachableError);
  assert.equal(
    error.message,
    "http://here: did not answer POST in time; the change may have been made: check before you repeat it",
  );
});

test("a pause between tries can be cancelled", async () => {
  const controller = new AbortController();
  let tries = 0;
  const api = new SegmentsClient({
    baseUrl: "http://here",
    fetch: () => {
      tries++;
      setTimeout(() => {
        controller.abort(new Error("enough"));
      }, 1);
      return Promise.resolve(problem(503, "busy", { "Retry-After": "50" }));
    },
  });
  await assert.rejects(api.listSegments({ signal: controller.signal }), /^Error: enough$/u);
  assert.equal(tries, 1);
});

test("requests have the key, the project and the ETag, and follow no redirect", async (t) => {
  const { api, sent } = replying(t, [ok()], { projectId: "proj-1" });
  await api.updateSegment("a", { name: "A", etag: "e0" } as object, { ifMatch: 'W/"e0"' });
  assert.deepEqual(sent[0]?.headers, {
    Accept: "application/json",
    Authorization: `Bearer ${KEY}`,
    "X-Project-ID": "proj-1",
    "Content-Type": "application/json",
    "If-Match": '"e0"',
  });
  assert.equal(sent[0]?.body, '{"name":"A"}');
  assert.equal(sent[0]?.redirect, "manual");
  assert.equal(sent[0]?.credentials, "omit");
});

test("messages show control characters of the server as escapes", async (t) => {
  const document = { type: "urn:segbatch:problem:forbidden", title: "No", status: 403, detail: "red \u001b[31m\nline" };
  const error = await errorOf(replying(t, [ok(document, 403)]).api.getSegment("a"));
  assert.equal(error.message, "red \\u{1b}[31m\\u{a}line");
});
