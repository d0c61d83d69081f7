/** Errors of the client. No message shows the API key. */

import type { DefinitionProblem, ProblemDocument } from "./types.js";

/** The base of all errors of this package. */
export class SegbatchError extends Error {
  override name = "SegbatchError";
}

/** An argument is not valid. No request was sent. */
export class UsageError extends SegbatchError {
  override name = "UsageError";
}

/** The attributes of an `ApiError`. */
export interface ApiErrorDetails {
  status?: number | undefined;
  document?: Readonly<ProblemDocument> | undefined;
  problems?: readonly DefinitionProblem[];
  retryAfter?: number | undefined;
  maybeApplied?: boolean;
  cause?: unknown;
}

/** A request to the API failed. `message` is the whole message. */
export class ApiError extends SegbatchError {
  override name = "ApiError";
  /** The HTTP status; undefined without an answer. */
  readonly status: number | undefined;
  /** The problem document (RFC 9457); undefined if the answer is not one of the API's. */
  readonly document: Readonly<ProblemDocument> | undefined;
  /** The errors of a definition, each with its place. */
  readonly problems: readonly DefinitionProblem[];
  /** The seconds to wait before a retry, if the server gave them. */
  readonly retryAfter: number | undefined;
  /**
   * Whether the change may have been made in spite of the error, because an answer was lost. With a `StaleError`, that
   * change may be the one that made the ETag stale.
   */
  readonly maybeApplied: boolean;

  constructor(message: string, details: ApiErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.status = details.status;
    this.document = details.document;
    this.problems = details.problems ?? [];
    this.retryAfter = details.retryAfter;
    this.maybeApplied = details.maybeApplied ?? false;
  }

  /** The kind of error, such as `in-use`. */
  get code(): string | undefined {
    return this.document?.type.split(":").at(-1);
  }

  /** A short description of the kind of error. */
  get title(): string | undefined {
    return this.document?.title;
  }

  /** The server's description of this error. */
  get detail(): string | undefined {
    return this.document?.detail;
  }
}

/** The definition is not valid, or the request is too large; see `problems` (400, 413, 415, 422). */
export class InvalidError extends ApiError {
  override name = "InvalidError";
}

/** The key is missing, unknown or revoked (401). */
export class UnauthorizedError extends ApiError {
  override name = "UnauthorizedError";
}

/** The key is read-only, or for other projects (403). */
export class ForbiddenError extends ApiError {
  override name = "ForbiddenError";
}

/** The segment, run or contact does not exist, according to the API (404). */
export class NotFoundError extends ApiError {
  override name = "NotFoundError";
}

/** Other segments refer to the segment, or it is broken, or no run has it yet; see `code` (409). */
export class ConflictError extends ApiError {
  override name = "ConflictError";
}

/** The requested run is gone (410). */
export class GoneError extends ApiError {
  override name = "GoneError";
}

/** Another client changed the segment since it was read (412). */
export class StaleError extends ApiError {
  override name = "StaleError";
}

/** No answer arrived: the server is not running, or did not answer in time. */
export class UnreachableError extends ApiError {
  override name = "UnreachableError";
}

/** The answer is not from the API, as with a wrong base URL, or is too new for this client. */
export class AnswerError extends ApiError {
  override name = "AnswerError";
}
