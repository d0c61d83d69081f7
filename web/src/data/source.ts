import { SegmentsClient } from "@segbatch/client";

/** Where the answers come from: a server, or the data that `segbatch report` wrote into this file. */
export interface Source {
  client: SegmentsClient;
  /** Null on a server. */
  report: ReportInfo | null;
  /** Has the event `end` when the server no longer accepts the session. */
  sessionEnd: EventTarget;
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

/** A reader who waits can ask again, and the server limits the time of each answer itself. */
const OPTIONS = { session: true, retries: 0, timeout: 120 };

/** Read the data of the report in this page; a page of a server has none. */
export async function openSource(text: string, send: typeof fetch): Promise<Source> {
  if (!text.trim()) return openServer(send);
  const data = await readReport(text);
  const client = new SegmentsClient({ ...OPTIONS, fetch: answerFrom(data.answers) });
  return { client, report: data.report, sessionEnd: new EventTarget() };
}

/** The server of this page. `send` is the browser's own fetch. */
export function openServer(send: typeof fetch): Source {
  const sessionEnd = new EventTarget();
  const watched: typeof fetch = async (input, init) => {
    const response = await send(input, init);
    if (response.status === 401 && input !== "/session") sessionEnd.dispatchEvent(new Event("end"));
    return response;
  };
  return { client: new SegmentsClient({ ...OPTIONS, fetch: watched }), report: null, sessionEnd };
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
function answerFrom(answers: Record<string, unknown>): typeof fetch {
  return async (input) => {
    const path = String(input);
    const answer = answers[path] ?? answers[path.split("?")[0] ?? ""];
    if (answer !== undefined) return Response.json(answer);
    const problem = {
      type: "urn:segbatch:problem:not-in-report",
      title: "Not in this report",
      status: 404,
      detail: "",
    };
    return Response.json(problem, { status: 404 });
  };
}
