import type { ProblemDocument, RunSegment, SavedSegment, Session } from "@segbatch/client";
import { render } from "@testing-library/react";
import axe from "axe-core";
import { expect } from "vitest";
import { openServer } from "../data/source";
import type { FieldView } from "../data/types";
import { Root } from "../root";
import { sampleAnswers } from "./sample";

export interface Call {
  method: string;
  path: string;
  body: unknown;
  headers: Record<string, string>;
  signal: AbortSignal | null;
}

export type Handler = (call: Call) => Response | Promise<Response> | undefined;

const TEXT: FieldView["operators"] = ["eq", "neq", "contains", "in", "not_in", "exists"];
export const FIELDS: FieldView[] = [
  { name: "status", type: "text", operators: TEXT, table: null },
  { name: "custom_fields.plan", type: "text", operators: TEXT, table: null },
  { name: "seats", type: "integer", operators: ["eq", "gte", "lte", "between", "exists"], table: null },
  { name: "unsubscribed", type: "boolean", operators: ["eq", "neq"], table: null },
  { name: "amount", type: "double", operators: ["eq"], table: "orders" },
];

export const SAVED: SavedSegment = {
  id: "upsell-to-pro",
  project_id: "proj-1",
  name: "Upsell to Pro",
  description: "Starter teams",
  list_id: null,
  created_at: null,
  updated_at: null,
  rules: [
    { field: "custom_fields.plan", operator: "eq", value: "starter" },
    { field: "seats", operator: "gte", value: 8 },
  ],
};

export const SESSION: Session = {
  signed_in: true,
  keys_required: true,
  project_id: "proj-1",
  projects: ["proj-1"],
  read_only: false,
  shows_fields: true,
  csrf_token: "token-1",
};

type Code = ProblemDocument["type"] extends `urn:segbatch:problem:${infer C}` ? C : never;

export const problem = (status: number, code: Code, more: object = {}) =>
  Response.json({ type: `urn:segbatch:problem:${code}`, title: code, status, detail: code, ...more }, { status });

export const preview = (members: number, compared: object | null = null) =>
  Response.json({
    as_of: "2025-11-30T02:00:00.000Z",
    contacts: 4200,
    member_count: members,
    share: members / 4200,
    first: ["contact-7"],
    warnings: [],
    compared,
  });

/** The API has a code for each kind of thing that it does not find. */
function missing(place: string): Response {
  if (/^\/api\/v1\/runs\/[^/]+\/contacts\//.test(place)) return problem(404, "no-contact");
  return problem(404, /^\/api\/v1\/runs\/[^/]+$/.test(place) ? "no-run" : "not-found");
}

/** A segment of the sample, as it was in the last run. */
function savedAnswer(id: string): Response {
  const row = sampleAnswers[`/api/v1/runs/current/segments/${id}`] as RunSegment | undefined;
  if (!row) return problem(404, "not-found");
  return Response.json({ ...SAVED, ...(row.definition as object), id: row.id }, { headers: { ETag: '"1"' } });
}

function defaultAnswer({ method, path }: Call): Response {
  const [place = ""] = path.split("?");
  if (place === "/session") return method === "DELETE" ? new Response(null, { status: 204 }) : Response.json(SESSION);
  if (place === "/api/v1/fields") return Response.json({ fields: FIELDS });
  if (place === "/api/v1/fields/values") return Response.json({ name: "x", values: [{ value: "pro", contacts: 9 }] });
  if (place.endsWith("/check")) return Response.json({ errors: [], findings: [], no_contacts: null });
  if (place.endsWith("/preview"))
    return preview(1240, { segment_id: SAVED.id, member_count: 1213, entered: 32, left: 5 });
  if (place === `/api/v1/contacts/segments/${SAVED.id}`) return Response.json(SAVED, { headers: { ETag: '"1"' } });
  const saved = /^\/api\/v1\/contacts\/segments\/([^/]+)$/.exec(place)?.[1];
  if (saved !== undefined && method === "GET") return savedAnswer(saved);
  if (place === "/api/v1/contacts/segments" && method === "GET") return Response.json([SAVED]);
  const answer = sampleAnswers[place];
  return answer === undefined ? missing(place) : Response.json(answer);
}

/** Show the page of a made-up server. `handler` answers first. */
export function openPage(hash: string, handler: Handler = () => undefined) {
  window.location.hash = hash;
  const calls: Call[] = [];
  const send = async (input: RequestInfo | URL, init: RequestInit = {}) => {
    const call: Call = {
      method: init.method ?? "GET",
      path: String(input),
      body: init.body ? JSON.parse(String(init.body)) : undefined,
      headers: init.headers as Record<string, string>,
      signal: init.signal ?? null,
    };
    calls.push(call);
    return (await handler(call)) ?? defaultAnswer(call);
  };
  const page = render(<Root source={openServer(send)} />);
  return { ...page, calls };
}

/** Accessibility, without contrast, which needs a browser. */
export async function expectAccessible(): Promise<void> {
  const found = await axe.run(document.body, {
    rules: { "color-contrast": { enabled: false }, region: { enabled: false } },
  });
  expect(found.violations.map((one) => `${one.id}: ${one.nodes.map((node) => node.html).join(" ")}`)).toEqual([]);
}
