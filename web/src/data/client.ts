import type {
  CheckAnswer,
  ContactView,
  Definition,
  Explanation,
  FieldValues,
  FieldView,
  Located,
  Members,
  Overlap,
  Preview,
  RunDetails,
  RunsPage,
  SavedSegment,
  SegmentDetails,
  SegmentsPage,
  Session,
} from "./types";

export interface CallOptions {
  signal?: AbortSignal;
  /** The project to ask for in this call, instead of the client's. */
  project?: string | null;
}

/** An answer of the server that is an error (RFC 9457), or no answer at all (`status` 0). */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    readonly detail: string,
    readonly problems: Located[] = [],
    readonly document: Record<string, unknown> = {},
  ) {
    super(detail);
    this.name = "ApiError";
  }
}

type Query = Record<string, string | number | boolean | undefined>;

const API = "/api/v1";
const segmentPath = (id: string) => `${API}/contacts/segments/${encodeURIComponent(id)}`;

function withQuery(path: string, query: Query): string {
  const set = Object.entries(query).filter(([, value]) => value !== undefined);
  return set.length ? `${path}?${new URLSearchParams(set.map(([key, value]) => [key, String(value)]))}` : path;
}

/** Calls of the API. `fetch` is the browser's own, or one that answers from the data of a report. */
export class Client {
  #csrf: string | null = null;
  /** The project that is asked for; a key of one project needs none. */
  project: string | null = null;
  /** Called when the server no longer accepts the session. */
  onSignedOut: (() => void) | null = null;

  constructor(readonly send: typeof fetch) {}

  listRuns(query: { limit?: number; cursor?: string } = {}, options?: CallOptions) {
    return this.#get<RunsPage>(withQuery(`${API}/runs`, query), options);
  }

  getRun(run: string, options?: CallOptions) {
    return this.#get<RunDetails>(`${API}/runs/${encodeURIComponent(run)}`, options);
  }

  listRunSegments(
    run: string,
    query: { history?: number; limit?: number; cursor?: string } = {},
    options?: CallOptions,
  ) {
    return this.#get<SegmentsPage>(withQuery(`${API}/runs/${encodeURIComponent(run)}/segments`, query), options);
  }

  getRunSegment(run: string, id: string, query: { history?: number } = {}, options?: CallOptions) {
    const path = `${API}/runs/${encodeURIComponent(run)}/segments/${encodeURIComponent(id)}`;
    return this.#get<SegmentDetails>(withQuery(path, query), options);
  }

  getOverlap(run: string, query: { segments?: string; top?: number } = {}, options?: CallOptions) {
    return this.#get<Overlap>(withQuery(`${API}/runs/${encodeURIComponent(run)}/overlap`, query), options);
  }

  getContact(run: string, id: string, options?: CallOptions) {
    const path = `${API}/runs/${encodeURIComponent(run)}/contacts/${encodeURIComponent(id)}`;
    return this.#get<ContactView>(path, options);
  }

  explainSegment(id: string, query: { contact?: string; funnel?: boolean } = {}, options?: CallOptions) {
    return this.#get<Explanation>(withQuery(`${segmentPath(id)}/explanation`, query), options);
  }

  listMembers(id: string, query: { limit?: number; cursor?: string } = {}, options?: CallOptions) {
    return this.#get<Members>(withQuery(`${segmentPath(id)}/members`, query), options);
  }

  listFields(options?: CallOptions) {
    return this.#get<{ fields: FieldView[] }>(`${API}/fields`, options);
  }

  listFieldValues(field: string, query: { prefix?: string; limit?: number } = {}, options?: CallOptions) {
    return this.#get<FieldValues>(withQuery(`${API}/fields/values`, { field, ...query }), options);
  }

  async getSegment(id: string, options?: CallOptions): Promise<{ segment: SavedSegment; etag: string | null }> {
    const response = await this.#ask("GET", segmentPath(id), undefined, options);
    return { segment: await response.json(), etag: response.headers.get("ETag") };
  }

  async createSegment(definition: Partial<Definition>): Promise<SavedSegment> {
    return (await this.#ask("POST", `${API}/contacts/segments`, definition)).json();
  }

  async updateSegment(id: string, changes: Partial<Definition>, ifMatch: string | null): Promise<SavedSegment> {
    const headers = ifMatch ? { "If-Match": ifMatch } : undefined;
    return (await this.#ask("PATCH", segmentPath(id), changes, undefined, headers)).json();
  }

  async checkSegment(definition: Definition, options?: CallOptions): Promise<CheckAnswer> {
    return (await this.#ask("POST", `${API}/contacts/segments/check`, definition, options)).json();
  }

  async previewSegment(
    definition: Definition & { first?: number; compare_with?: string },
    options?: CallOptions,
  ): Promise<Preview> {
    return (await this.#ask("POST", `${API}/contacts/segments/preview`, definition, options)).json();
  }

  async getSession(options?: CallOptions): Promise<Session> {
    return this.#remember(await this.#get<Session>("/session", options));
  }

  async signIn(key: string): Promise<Session> {
    return this.#remember(await (await this.#ask("POST", "/session", { key })).json());
  }

  async signOut(): Promise<void> {
    await this.#ask("DELETE", "/session");
    this.#csrf = null;
  }

  #remember(session: Session): Session {
    this.#csrf = session.csrf_token;
    return session;
  }

  async #get<T>(path: string, options?: CallOptions): Promise<T> {
    return (await this.#ask("GET", path, undefined, options)).json();
  }

  async #ask(method: string, path: string, body?: unknown, options?: CallOptions, more: Record<string, string> = {}) {
    const headers: Record<string, string> = { Accept: "application/json", ...more };
    if (body !== undefined) headers["Content-Type"] = "application/json";
    const project = options?.project ?? this.project;
    if (project !== null) headers["X-Project-ID"] = project;
    if (method !== "GET" && this.#csrf) headers["X-CSRF-Token"] = this.#csrf;
    let response: Response;
    try {
      response = await this.send(path, {
        method,
        headers,
        credentials: "same-origin",
        signal: options?.signal ?? null,
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
    } catch (error) {
      if (options?.signal?.aborted) throw options.signal.reason;
      throw new ApiError(0, "unreachable", error instanceof Error ? error.message : String(error));
    }
    if (response.status === 401 && path !== "/session") this.onSignedOut?.();
    if (!response.ok) throw await errorOf(response);
    return response;
  }
}

async function errorOf(response: Response): Promise<ApiError> {
  const document = await response.json().catch(() => null);
  const code =
    String(document?.type ?? "")
      .split(":")
      .pop() || "no-problem";
  return new ApiError(response.status, code, document?.detail ?? "", document?.errors ?? [], document ?? {});
}
