/** The calls that read published runs, and explain and check definitions. They change nothing. */

import { UsageError } from "./errors.js";
import type { CallOptions } from "./options.js";
import { dataOf } from "./outcome.js";
import type { Parameter } from "./request.js";
import { isRecord, shown } from "./text.js";
import type { Transport } from "./transport.js";
import type {
  CheckResult,
  ContactView,
  Explanation,
  Fields,
  FieldValues,
  Overlap,
  RunDetails,
  RunSegment,
  RunSegmentsPage,
  RunsPage,
  SegmentToCheck,
} from "./types.js";

export const API = "/api/v1";
export const SEGMENTS = `${API}/contacts/segments`;
export const JSON_BODY = { "Content-Type": "application/json" };

/** A part of a list. */
export interface PageOptions extends CallOptions {
  /** The `next_cursor` of the previous page. */
  cursor?: string | undefined;
  /** The maximum number of items on a page. */
  limit?: number | undefined;
}

/** How many runs sizes are shown of. */
export interface HistoryOptions extends CallOptions {
  history?: number | undefined;
}

/** The segments to compare. */
export interface OverlapOptions extends CallOptions {
  /** The ids of the segments; without them, the largest ones. */
  segments?: readonly string[] | undefined;
  /** The number of the largest segments. */
  top?: number | undefined;
}

/** The parts of an explanation that take longer. */
export interface ExplainOptions extends CallOptions {
  /** The id of a contact to explain the segment for. */
  contact?: string | undefined;
  /** Whether to count the contacts that each rule keeps. This reads all contacts. */
  funnel?: boolean | undefined;
}

/** The values to return. */
export interface ValueOptions extends CallOptions {
  /** Only values that start with this text. */
  prefix?: string | undefined;
  limit?: number | undefined;
}

/** The reading half of `SegmentsClient`. A run is its id, or `current` for the last one. */
export class Reader {
  protected readonly transport: Transport;

  protected constructor(transport: Transport) {
    this.transport = transport;
  }

  /** Return a page of the published runs, the newest first. */
  async listRuns({ cursor, limit, signal }: PageOptions = {}): Promise<RunsPage> {
    return this.read(`${API}/runs`, { cursor, limit }, signal);
  }

  /** Return a run, and what differs from the previous one. */
  async getRun(run = "current", { signal }: CallOptions = {}): Promise<RunDetails> {
    return this.read(runPath(run), {}, signal);
  }

  /** Return a page of the segments of a run, with their sizes in earlier runs. */
  async listRunSegments(
    run = "current",
    { history, cursor, limit, signal }: PageOptions & HistoryOptions = {},
  ): Promise<RunSegmentsPage> {
    return this.read(`${runPath(run)}/segments`, { history, cursor, limit }, signal);
  }

  /** Return a segment in a run, with its earlier results. */
  async getRunSegment(run: string, id: string, { history, signal }: HistoryOptions = {}): Promise<RunSegment> {
    return this.read(`${runPath(run)}/segments/${lastStep(id, "segment")}`, { history }, signal);
  }

  /** Return how many contacts segments of a run share. */
  async getOverlap(run = "current", { segments, top, signal }: OverlapOptions = {}): Promise<Overlap> {
    return this.read(`${runPath(run)}/overlap`, { segments: segments?.join(","), top }, signal);
  }

  /** Return the segments that a contact is in. */
  async getContact(run: string, contactId: string, { signal }: CallOptions = {}): Promise<ContactView> {
    return this.read(`${runPath(run)}/contacts/${lastStep(contactId, "contact")}`, {}, signal);
  }

  /** Return a saved segment in words and as SQL, and on request what each rule keeps and why a contact is in. */
  async explainSegment(id: string, { contact, funnel, signal }: ExplainOptions = {}): Promise<Explanation> {
    return this.read(`${segmentPath(id)}/explanation`, { contact, funnel }, signal);
  }

  /** Return the errors and findings of a definition without saving it. */
  async checkSegment(definition: SegmentToCheck, { signal }: CallOptions = {}): Promise<CheckResult> {
    const body = toJson(definition);
    const request = { method: "POST", path: `${SEGMENTS}/check`, headers: JSON_BODY, body, isSafe: true } as const;
    return dataOf(await this.transport.send(request, signal), "object");
  }

  /** Return the fields that rules can name, with their types and operators. */
  async listFields({ signal }: CallOptions = {}): Promise<Fields> {
    return this.read(`${API}/fields`, {}, signal);
  }

  /** Return the most frequent values of a field. */
  async listFieldValues(field: string, { prefix, limit, signal }: ValueOptions = {}): Promise<FieldValues> {
    return this.read(`${API}/fields/values`, { field, prefix, limit }, signal);
  }

  protected async read<Data>(path: string, query: Record<string, Parameter>, signal?: AbortSignal): Promise<Data> {
    return dataOf(await this.transport.send({ method: "GET", path, query, isSafe: true }, signal), "object");
  }
}

function runPath(run: string): string {
  return `${API}/runs/${step(run, "run")}`;
}

/** Return the path of a segment. */
export function segmentPath(id: string): string {
  return `${SEGMENTS}/${step(id, "segment")}`;
}

/**
 * Return an id as one step of a path. It is quoted, and has no slash, so that it cannot lead to another path: servers read
 * a quoted slash as a slash.
 *
 * @throws UsageError The id is not valid.
 */
function step(id: string, what: string): string {
  return checked(id, what, /^\.{0,2}$|[/\p{Surrogate}]/u);
}

/** Return an id as the end of a path, where it may have a slash. */
function lastStep(id: string, what: string): string {
  return checked(id, what, /^\.{0,2}$|\p{Surrogate}/u);
}

function checked(id: string, what: string, invalid: RegExp): string {
  if (typeof id !== "string" || invalid.test(id)) {
    throw new UsageError(`${shown(id)} is not a valid ${what} id`);
  }
  return encodeURIComponent(id);
}

/**
 * Return a definition as JSON, without the `etag` of a segment that was read.
 *
 * @throws UsageError The definition is not an object, or a value in it cannot be written as JSON.
 */
export function toJson(definition: object): string {
  if (!isRecord(definition)) {
    throw new UsageError(`a definition must be an object; found ${shown(definition)}`);
  }
  try {
    return JSON.stringify({ ...definition, etag: undefined }, finite);
  } catch (error) {
    throw new UsageError(`the definition cannot be written as JSON: ${error instanceof Error ? error.message : ""}`);
  }
}

/** JSON.stringify would write null for these numbers. */
function finite(_key: string, value: unknown): unknown {
  if (typeof value === "number" && !Number.isFinite(value)) {
    throw new TypeError(`${value.toString()} is not a JSON number`);
  }
  return value;
}
