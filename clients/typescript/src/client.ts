/** The client. Each method is one request of the API, with the same name as in its OpenAPI description. */

import { AnswerError, NotFoundError, UsageError } from "./errors.js";
import { readOptions } from "./options.js";
import type { CallOptions, ChangeOptions, ClientOptions } from "./options.js";
import { dataOf } from "./outcome.js";
import type { Answer } from "./request.js";
import { JSON_BODY, Reader, SEGMENTS, segmentPath, toJson } from "./reader.js";
import type { PageOptions } from "./reader.js";
import { shown } from "./text.js";
import { SESSION, Transport } from "./transport.js";
import type {
  ContactId,
  ContactSegment,
  MembersPage,
  MembersWithFieldsPage,
  NewSegment,
  Preview,
  SavedSegment,
  SegmentChanges,
  SegmentDraft,
  Session,
} from "./types.js";

/** The timeout of a preview in seconds. The server counts for up to a minute, and may queue a preview before that. */
const PREVIEW_TIMEOUT = 90;

/** The segments of a list request. */
export interface ListOptions extends CallOptions {
  /** Only segments that have one of these tags. */
  tags?: readonly string[] | undefined;
  /** Only segments of one of these owners. */
  owners?: readonly string[] | undefined;
}

/**
 * A client for the API of `segbatch serve`. It keeps no connection open by itself and needs no closing.
 *
 * All methods throw an `ApiError` if the request fails; the class of the error gives the reason.
 */
export class SegmentsClient extends Reader {
  readonly #options: ClientOptions;

  /**
   * @param session A client whose sign-in this one shares.
   * @throws UsageError An option is not valid.
   */
  constructor(options: ClientOptions = {}, session?: SegmentsClient) {
    super(new Transport(readOptions(options), session?.transport));
    this.#options = options;
  }

  /**
   * Return a client with the same options and sign-in for another project.
   *
   * @throws UsageError The project id is not valid.
   */
  forProject(projectId: string): SegmentsClient {
    return new SegmentsClient({ ...this.#options, projectId }, this);
  }

  /** Return the segments, ordered by id. */
  async listSegments({ tags, owners, signal }: ListOptions = {}): Promise<ContactSegment[]> {
    const query = { tag: tags, owner: owners };
    return dataOf(await this.transport.send({ method: "GET", path: SEGMENTS, query, isSafe: true }, signal), "list");
  }

  /** Return a segment, with its ETag. */
  async getSegment(id: string, { signal }: CallOptions = {}): Promise<SavedSegment> {
    return readSegment(await this.transport.send({ method: "GET", path: segmentPath(id), isSafe: true }, signal));
  }

  /** Return a segment, or undefined if it still has this ETag. */
  async getSegmentIfChanged(id: string, etag: string, { signal }: CallOptions = {}): Promise<SavedSegment | undefined> {
    const headers = { "If-None-Match": etagHeader(etag) };
    const answer = await this.transport.send({ method: "GET", path: segmentPath(id), headers, isSafe: true }, signal);
    return answer.response.status === 304 ? undefined : readSegment(answer);
  }

  /** Create a segment, and return it as saved, with its id and times. */
  async createSegment(definition: NewSegment, { signal }: CallOptions = {}): Promise<SavedSegment> {
    const body = toJson(definition);
    return readSegment(
      await this.transport.send({ method: "POST", path: SEGMENTS, headers: JSON_BODY, body, isSafe: false }, signal),
    );
  }

  /**
   * Change the given keys of a segment, and return it. `null` removes an optional key; `rules` are replaced as a whole.
   *
   * @throws StaleError The segment has another ETag, because it was changed.
   */
  async updateSegment(
    id: string,
    changes: SegmentChanges,
    { ifMatch, signal }: ChangeOptions = {},
  ): Promise<SavedSegment> {
    const headers = { ...JSON_BODY, ...ifMatchHeader(ifMatch) };
    const body = toJson(changes);
    return readSegment(
      await this.transport.send({ method: "PATCH", path: segmentPath(id), headers, body, isSafe: false }, signal),
    );
  }

  /**
   * Delete a segment.
   *
   * @throws StaleError The segment has another ETag, because it was changed.
   * @throws ConflictError Other segments refer to it.
   */
  async deleteSegment(id: string, { ifMatch, signal }: ChangeOptions = {}): Promise<void> {
    const request = {
      method: "DELETE",
      path: segmentPath(id),
      headers: ifMatchHeader(ifMatch),
      isSafe: false,
    } as const;
    const reply = await this.transport.reply(request, signal);
    try {
      this.transport.answer(reply, request);
    } catch (error) {
      if (!(error instanceof NotFoundError && reply.maybeApplied)) {
        throw error; // otherwise, an earlier try has deleted it
      }
    }
  }

  /**
   * Return a page of the contacts in a segment, as of the last run.
   *
   * @throws ConflictError No run has evaluated the segment yet.
   * @throws GoneError The run of the cursor is gone: start again without a cursor.
   */
  async listMembers(id: string, { cursor, limit, signal }: PageOptions = {}): Promise<MembersPage> {
    return this.read(`${segmentPath(id)}/members`, { cursor, limit }, signal);
  }

  /**
   * Return a page of the contacts in a segment, as of the last run, with some of their fields. This can take a minute.
   *
   * @throws ConflictError No run has evaluated the segment yet.
   * @throws GoneError The run of the cursor is gone: start again without a cursor.
   * @throws NotFoundError The segment, or one of the fields, does not exist.
   */
  async listMembersWithFields(
    id: string,
    fields: readonly string[],
    { cursor, limit, signal }: PageOptions = {},
  ): Promise<MembersWithFieldsPage> {
    return this.read(`${segmentPath(id)}/members/fields`, { field: fields, cursor, limit }, signal);
  }

  /** Yield the ids of all contacts in a segment, page by page, as of the run that was the last one at the start. */
  async *iterateMembers(id: string, { limit, signal }: Omit<PageOptions, "cursor"> = {}): AsyncGenerator<ContactId> {
    let cursor: string | undefined;
    do {
      const page = await this.listMembers(id, { cursor, limit, signal });
      yield* page.members;
      cursor = page.next_cursor ?? undefined;
    } while (cursor !== undefined);
  }

  /** Count the members of a definition without saving it. This can take a minute. */
  async previewSegment(draft: SegmentDraft, { signal }: CallOptions = {}): Promise<Preview> {
    const request = {
      method: "POST",
      path: `${SEGMENTS}/preview`,
      headers: JSON_BODY,
      body: toJson(draft),
      isSafe: true,
      minTimeout: PREVIEW_TIMEOUT,
    } as const;
    return dataOf(await this.transport.send(request, signal), "object");
  }

  /** Return whether the browser is signed in, and as what. For pages of the server (`session: true`). */
  async getSession({ signal }: CallOptions = {}): Promise<Session> {
    return this.#remember(await this.transport.send({ method: "GET", path: SESSION, isSafe: true }, signal));
  }

  /**
   * Exchange a key for a cookie of the browser. For pages of the server (`session: true`).
   *
   * @throws UnauthorizedError The key is unknown or revoked.
   */
  async signIn(key: string, { signal }: CallOptions = {}): Promise<Session> {
    const request = {
      method: "POST",
      path: SESSION,
      headers: JSON_BODY,
      body: JSON.stringify({ key }),
      isSafe: false,
    } as const;
    return this.#remember(await this.transport.send(request, signal));
  }

  /** Sign out. */
  async signOut({ signal }: CallOptions = {}): Promise<void> {
    await this.transport.send({ method: "DELETE", path: SESSION, isSafe: false }, signal);
    this.transport.csrfToken = null;
  }

  #remember(answer: Answer): Session {
    const session = dataOf<Session>(answer, "object");
    this.transport.csrfToken = session.csrf_token;
    return session;
  }
}

function ifMatchHeader(etag: string | undefined): Record<string, string> {
  return etag === undefined ? {} : { "If-Match": etagHeader(etag) };
}

/**
 * Return an ETag as in a header. It may have quotes already.
 *
 * @throws UsageError The ETag is not valid.
 */
function etagHeader(etag: string): string {
  const bare = typeof etag === "string" ? bareTag(etag) : "";
  if (!/^[!#-~]+$/u.test(bare)) {
    throw new UsageError(`${shown(etag)} is not an ETag`);
  }
  return bare === "*" ? "*" : `"${bare}"`;
}

function bareTag(etag: string): string {
  return etag.trim().replace(/^W\//u, "").replace(/^"|"$/gu, "");
}

function readSegment(answer: Answer): SavedSegment {
  const segment = dataOf<SavedSegment>(answer, "object");
  if (typeof segment.id !== "string") {
    const what = "sent a response that this version does not know: a segment without an id";
    throw new AnswerError(`${answer.response.url}: ${what}`, { status: answer.response.status });
  }
  const etag = answer.response.headers.get("ETag");
  return etag === null ? segment : { ...segment, etag: bareTag(etag) };
}
