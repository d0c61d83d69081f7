import { Client } from "./client";

/** Where the answers come from: a server, or the data that `segbatch report` wrote into this file. */
export interface Source {
  client: Client;
  /** Null on a server. */
  report: ReportInfo | null;
}

export interface ReportInfo {
  generated_at: string;
  version: string;
  run_id: string;
  runs: number;
}

interface ReportData {
  report: ReportInfo;
  answers: Record<string, unknown>;
}

/** Read the data of the report in this page; a page of a server has none. */
export async function openSource(text: string, send: typeof fetch): Promise<Source> {
  if (!text.trim()) return { client: new Client(send), report: null };
  const data = await readReport(text);
  return { client: new Client(answerFrom(data.answers)), report: data.report };
}

/** JSON, or a JSON text with gzipped JSON in base64. */
export async function readReport(text: string): Promise<ReportData> {
  const data: ReportData | string = JSON.parse(text);
  if (typeof data !== "string") return data;
  const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
  const unpacked = new Response(bytes).body?.pipeThrough(new DecompressionStream("gzip"));
  return JSON.parse(await new Response(unpacked).text());
}

/** A `fetch` that answers from the answers of a report, by path; the path's query is optional there. */
export function answerFrom(answers: Record<string, unknown>): typeof fetch {
  return async (input) => {
    const path = String(input);
    const answer = answers[path] ?? answers[path.split("?")[0] ?? ""];
    if (answer !== undefined) return Response.json(answer);
    const problem = { type: "urn:segbatch:problem:not-in-report", status: 404, detail: "" };
    return Response.json(problem, { status: 404 });
  };
}
