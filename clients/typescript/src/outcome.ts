/** The errors for failed requests, and the parsing of answers. */

import {
  AnswerError,
  ApiError,
  ConflictError,
  ForbiddenError,
  GoneError,
  InvalidError,
  NotFoundError,
  StaleError,
  UnauthorizedError,
  UnreachableError,
} from "./errors.js";
import { LONGEST_WAIT, isUnknown, retryAfter } from "./request.js";
import type { Answer, Failure, Outcome, Request } from "./request.js";
import { isRecord, oneLine } from "./text.js";
import type { DefinitionProblem, ProblemDocument } from "./types.js";

const NOT_KNOWN = "the change may have been made: check before you repeat it";
const MAYBE_OWN = "an earlier attempt at this change got no answer, and may have made it";
const PROBLEM = "urn:segbatch:problem:";
const NO_ENDPOINT = `${PROBLEM}no-endpoint`;
const CSRF = `${PROBLEM}csrf`;
const TOO_MANY = new Set([408, 425, 429]);

const BY_STATUS: Readonly<Record<number, typeof ApiError>> = {
  400: InvalidError,
  401: UnauthorizedError,
  403: ForbiddenError,
  404: NotFoundError,
  409: ConflictError,
  410: GoneError,
  412: StaleError,
  413: InvalidError,
  415: InvalidError,
  422: InvalidError,
};

/** The outcome of a request after all tries. `maybeApplied`: an earlier try was sent and its effect is unknown. */
export interface Reply {
  readonly outcome: Outcome;
  readonly maybeApplied: boolean;
}

/**
 * Return the answer to a successful request.
 *
 * @throws ApiError The request failed, or its outcome is unknown.
 */
export function answerOf(reply: Reply, request: Request, baseUrl: string): Answer {
  const { outcome } = reply;
  const maybeApplied = !request.isSafe && (reply.maybeApplied || isUnknown(outcome));
  if (outcome.kind === "failure") {
    throw noAnswerError(outcome, request, baseUrl, maybeApplied);
  }
  const { response } = outcome;
  if (
    response.type === "opaqueredirect" ||
    (response.status >= 300 && response.status < 400 && response.status !== 304)
  ) {
    const place = oneLine(response.headers.get("Location") ?? "another address");
    throw unexpected(
      outcome,
      `redirects to '${place}', and keys are not sent to other addresses; is the base URL right?`,
    );
  }
  if (!response.ok && response.status !== 304) {
    throw responseError(outcome, request, maybeApplied);
  }
  return outcome;
}

function noAnswerError(failed: Failure, request: Request, baseUrl: string, maybeApplied: boolean): UnreachableError {
  const what = {
    "not sent": `cannot be reached: ${describe(failed.error)}; is the server running, and the base URL right?`,
    insecure: `cannot be reached: ${describe(failed.error)}; is the certificate trusted, and does the server use https?`,
    timeout: `did not answer ${request.method} in time`,
    broken: `no answer to ${request.method}: ${describe(failed.error)}`,
  }[failed.reason];
  const message = [baseUrl || "the server", ": ", what, maybeApplied ? `; ${NOT_KNOWN}` : ""].join("");
  return new UnreachableError(message, { maybeApplied, cause: failed.error });
}

/** Return the message of the innermost error, which names the reason. */
function describe(error: unknown): string {
  let found = error instanceof Error ? error.message : String(error);
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    const code = "code" in cause ? String(cause.code) : "";
    found = cause.message || code || found;
  }
  return oneLine(found);
}

function responseError(answer: Answer, request: Request, maybeApplied: boolean): ApiError {
  const { response } = answer;
  const document = documentOf(answer);
  const problems = problemsOf(document);
  const Kind = errorClass(response, document);
  const wait = retryAfter(response);
  const parts = [
    messageOf(answer, request, document, problems),
    wait !== undefined && wait > LONGEST_WAIT
      ? `the server asks for a wait of ${Math.round(wait).toString()} seconds, which is longer than the client waits`
      : "",
    document && Kind === AnswerError ? "is the base URL right?" : "",
    maybeApplied ? (Kind === StaleError ? MAYBE_OWN : NOT_KNOWN) : "",
  ];
  const message = parts.filter(Boolean).join("; ");
  return new Kind(message, { status: response.status, document, problems, retryAfter: wait, maybeApplied });
}

/** Return the problem document of an answer; undefined if it is not one of the API's. */
function documentOf(answer: Answer): ProblemDocument | undefined {
  let found: unknown;
  try {
    found = JSON.parse(answer.body);
  } catch {
    return undefined;
  }
  const isOwn =
    isRecord(found) &&
    typeof found["type"] === "string" &&
    found["type"].startsWith(PROBLEM) &&
    typeof found["title"] === "string";
  return isOwn ? (found as ProblemDocument) : undefined;
}

/** Return the class of the error. A 404 for an unknown path is an `AnswerError`. */
function errorClass(response: Response, document: ProblemDocument | undefined): typeof ApiError {
  if (!document) {
    return response.status >= 500 || TOO_MANY.has(response.status) ? ApiError : AnswerError;
  }
  return document.type === NO_ENDPOINT ? AnswerError : (BY_STATUS[response.status] ?? ApiError);
}

/** Return whether the server wants another CSRF token. */
export function isTokenRefusal(answer: Answer): boolean {
  return answer.response.status === 403 && documentOf(answer)?.type === CSRF;
}

function messageOf(
  answer: Answer,
  request: Request,
  document: ProblemDocument | undefined,
  problems: readonly DefinitionProblem[],
): string {
  const { response } = answer;
  const place = `${response.url}: answered ${request.method} by ${describeStatus(response)}`;
  if (!document) {
    const hint = response.status >= 500 ? "; is the server behind it running?" : "; is the base URL right?";
    return `${place}, and not as the API does${TOO_MANY.has(response.status) ? "" : hint}`;
  }
  const listed = problems.map(({ path, message }) => (path ? `${path}: ${message}` : message)).join("\n");
  const message = listed || oneLine(document.detail || document.title);
  return response.status >= 500 ? `${place}: ${message}` : message;
}

function describeStatus(response: Response): string {
  return oneLine(`${response.status.toString()} ${response.statusText}`.trim());
}

function problemsOf(document: ProblemDocument | undefined): DefinitionProblem[] {
  const errors: unknown = document?.errors;
  return (Array.isArray(errors) ? errors : [])
    .filter((error): error is DefinitionProblem => isRecord(error) && typeof error["message"] === "string")
    .map((error) => ({ path: oneLine(shownPath(error)), message: oneLine(error.message) }));
}

function shownPath({ path }: { path?: unknown }): string {
  return typeof path === "string" ? path : "";
}

/** Return the error for an answer that is not as the API answers. */
function unexpected(answer: Answer, what: string): AnswerError {
  return new AnswerError(`${answer.response.url}: ${what}`, { status: answer.response.status });
}

/**
 * Return the data of an answer. Only its outermost type is checked: the types are those of the API's description.
 *
 * @throws AnswerError The answer is not JSON, or not of this kind.
 */
// eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- callers state what the API describes
export function dataOf<Data>(answer: Answer, kind: "list" | "object"): Data {
  let data: unknown;
  try {
    data = JSON.parse(answer.body);
  } catch {
    const type = oneLine(answer.response.headers.get("Content-Type") ?? "no content type");
    throw unexpected(
      answer,
      type.includes("json")
        ? `answered ${type} that is not valid JSON; was it changed or cut off on its way?`
        : `answered ${describeStatus(answer.response)} and ${type} in place of JSON; is the base URL right?`,
    );
  }
  if (kind === "list" ? !Array.isArray(data) : !isRecord(data)) {
    throw unexpected(answer, `sent a response that this version does not know: not a JSON ${kind}`);
  }
  return data as Data;
}
