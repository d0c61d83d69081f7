import { gzipSync } from "node:zlib";
import { UnreachableError } from "@segbatch/client";
import { describe, expect, test } from "vitest";
import { reasonOf } from "../components/feedback";
import { openServer, openSource, readReport } from "../data/source";
import { linkTo, parseHash } from "../route";
import { t } from "../texts";
import { asApiError } from "../use-answer";
import { sampleReport } from "./sample";
import { problem } from "./server";

const NO_NETWORK = () => Promise.reject(new Error("no network"));

async function reportOf(answers: Record<string, unknown>) {
  return (await openSource(JSON.stringify({ ...sampleReport, answers }), NO_NETWORK)).client;
}

describe("the data of a report", () => {
  test("can be JSON, or gzip in base64", async () => {
    const text = JSON.stringify(sampleReport);
    const packed = JSON.stringify(gzipSync(text).toString("base64"));
    expect(await readReport(text)).toEqual(sampleReport);
    expect(await readReport(packed)).toEqual(sampleReport);
  });

  test("answer by path, with or without the query", async () => {
    const client = await reportOf({ "/api/v1/runs": { runs: [], next_cursor: null } });
    expect(await client.listRuns({ limit: 30 })).toEqual({ runs: [], next_cursor: null });
  });

  test("that are missing are an error of their own", async () => {
    const client = await reportOf({});
    await expect(client.getRun("current")).rejects.toMatchObject({ code: "not-in-report" });
  });

  test("are absent on a server", async () => {
    expect((await openSource("\n", fetch)).report).toBeNull();
  });
});

describe("the server", () => {
  const answering = (status: number) => openServer(() => Promise.resolve(Response.json({}, { status })));

  test("is asked at its own address, with the cookie", async () => {
    const asked: [unknown, RequestInit | undefined][] = [];
    const { client } = openServer((path, init) => {
      asked.push([path, init]);
      return Promise.resolve(Response.json({ runs: [] }));
    });
    await client.listRuns({ limit: 2 });
    expect(asked).toMatchObject([["/api/v1/runs?limit=2", { credentials: "same-origin" }]]);
  });

  test("ends the session by refusing a call, but not by refusing a key", async () => {
    const { client, sessionEnd } = answering(401);
    let ends = 0;
    sessionEnd.addEventListener("end", () => ends++);
    await expect(client.signIn("wrong")).rejects.toMatchObject({ status: 401 });
    expect(ends).toBe(0);
    await expect(client.listFields()).rejects.toMatchObject({ status: 401 });
    expect(ends).toBe(1);
  });

  test("is asked once, since the reader can ask again", async () => {
    let calls = 0;
    const { client } = openServer(() => {
      calls++;
      return Promise.reject(new TypeError("failed"));
    });
    await expect(client.listFields()).rejects.toBeInstanceOf(UnreachableError);
    expect(calls).toBe(1);
  });
});

describe("the reason of an error", () => {
  const reason = async (response: Response) => {
    const { client } = openServer(() => Promise.resolve(response));
    return reasonOf(await client.listFields().then(() => expect.fail(), asApiError));
  };

  test("is in the page's words, if it has some", async () => {
    expect(await reason(problem(503, "busy"))).toBe(t.problem.busy);
  });

  test("is otherwise in those of the server", async () => {
    expect(await reason(problem(404, "no-field", { detail: "no field" }))).toBe("no field");
  });

  test("of a proxy is its status", async () => {
    expect(await reason(new Response("<html>", { status: 502 }))).toBe(t.problem.unknown(502));
  });

  test("of another page in place of an answer is named", async () => {
    expect(await reason(new Response("<html>"))).toMatch(/in place of JSON/);
  });

  test("of an id that no path can have is named", async () => {
    const { client } = openServer(fetch);
    const error = await client.getContact("current", "..").then(() => expect.fail(), asApiError);
    expect(reasonOf(error)).toBe("'..' is not a valid contact id");
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
