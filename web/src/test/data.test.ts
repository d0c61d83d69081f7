import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { Client } from "../data/client";
import { answerFrom, openSource, readReport } from "../data/source";
import { linkTo, parseHash } from "../route";
import { sampleReport } from "./sample";

describe("the data of a report", () => {
  test("can be JSON, or gzip in base64", async () => {
    const text = JSON.stringify(sampleReport);
    const packed = JSON.stringify(gzipSync(text).toString("base64"));
    expect(await readReport(text)).toEqual(sampleReport);
    expect(await readReport(packed)).toEqual(sampleReport);
  });

  test("answer by path, with or without the query", async () => {
    const client = new Client(answerFrom({ "/api/v1/runs": { runs: [], next_cursor: null } }));
    expect(await client.listRuns({ limit: 30 })).toEqual({ runs: [], next_cursor: null });
  });

  test("that are missing are an error of their own", async () => {
    const client = new Client(answerFrom({}));
    await expect(client.getRun("current")).rejects.toMatchObject({ code: "not-in-report" });
  });

  test("are absent on a server", async () => {
    expect((await openSource("\n", fetch)).report).toBeNull();
  });
});

describe("the client", () => {
  const asked: { path: string; init: RequestInit }[] = [];
  const client = (response: () => Response | Promise<Response>) => {
    asked.length = 0;
    return new Client(async (path, init = {}) => {
      asked.push({ path: String(path), init });
      return response();
    });
  };

  test("encodes ids", async () => {
    await client(() => Response.json({})).getRunSegment("a/b", "c?d", { history: 3 });
    expect(asked[0]?.path).toBe("/api/v1/runs/a%2Fb/segments/c%3Fd?history=3");
  });

  test("sends the token of the session with changes only", async () => {
    const one = client(() => Response.json({ csrf_token: "token-1" }));
    await one.signIn("key");
    await one.updateSegment("a", { name: "b" }, '"1"');
    await one.listFields();
    expect(asked.map(({ init }) => (init.headers as Record<string, string>)["X-CSRF-Token"])).toEqual([
      undefined,
      "token-1",
      undefined,
    ]);
    expect(asked[1]?.init.headers).toMatchObject({ "If-Match": '"1"' });
  });

  test("reports a server that does not answer", async () => {
    const one = client(() => Promise.reject(new TypeError("failed")));
    await expect(one.listFields()).rejects.toMatchObject({ code: "unreachable", status: 0 });
  });

  test("reports an answer that is no problem document", async () => {
    const one = client(() => new Response("<html>", { status: 502 }));
    await expect(one.listFields()).rejects.toMatchObject({ code: "no-problem", status: 502 });
  });
});

describe("addresses", () => {
  test.each([
    [["segments", "a/b ü"], { q: "x&y" }],
    [["runs"], {}],
  ])("of %j are read back", (parts, query) => {
    const route = parseHash(linkTo(parts, query));
    expect(route.parts).toEqual(parts);
    expect(Object.fromEntries(route.query)).toEqual(query);
  });

  test("with a broken escape are kept as they are", () => {
    expect(parseHash("#/segments/%E0%A4%A").parts).toEqual(["segments", "%E0%A4%A"]);
  });
});
