/** Requests, their outcomes, and which failed requests may be sent again. */

/** A request, without the headers that every request has. */
export interface Request {
  readonly method: "GET" | "POST" | "PATCH" | "DELETE";
  /** The path below the base URL. */
  readonly path: string;
  readonly query?: Readonly<Record<string, Parameter>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Whether the request changes nothing on the server. */
  readonly isSafe: boolean;
  /** The minimum timeout in seconds of a slow request. Such a request is sent only once. */
  readonly minTimeout?: number;
}

/** A query parameter. A list is sent as a repeated parameter; undefined is not sent. */
export type Parameter = string | number | boolean | readonly string[] | undefined;

/** An answer whose body was read. */
export interface Answer {
  readonly kind: "answer";
  readonly response: Response;
  readonly body: string;
}

/** No answer arrived. `reason` tells why. */
export interface Failure {
  readonly kind: "failure";
  readonly reason: "not sent" | "insecure" | "timeout" | "broken";
  readonly error: unknown;
}

export type Outcome = Answer | Failure;

const TRY_LATER = new Set([408, 425, 429, 502, 503, 504]);
const UNKNOWN_OUTCOME = new Set([500, 502, 504]);
const FIRST_PAUSE = 0.25;
const LONGEST_PAUSE = 8;

/** The maximum wait in seconds. If the server asks for a longer wait, an error is raised instead. */
export const LONGEST_WAIT = 60;

/** Codes of errors that Node reports before anything was sent. Browsers report none. */
const NOT_SENT = new Set([
  "ECONNREFUSED",
  "EAI_AGAIN",
  "ENOTFOUND",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "UND_ERR_CONNECT_TIMEOUT",
]);
const INSECURE = /CERT|SSL|TLS|UNABLE_TO_VERIFY|ALTNAME/u;

/** Return the failure for an error of `fetch`. */
export function failure(error: unknown, isTimeout: boolean): Failure {
  const code = codeOf(error);
  let reason: Failure["reason"] = "broken";
  if (isTimeout) {
    reason = "timeout";
  } else if (NOT_SENT.has(code)) {
    reason = "not sent";
  } else if (INSECURE.test(code)) {
    reason = "insecure";
  }
  return { kind: "failure", reason, error };
}

/** Return the code of the error behind an error of `fetch`; empty if there is none. */
function codeOf(error: unknown): string {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if ("code" in cause && typeof cause.code === "string") {
      return cause.code;
    }
  }
  return "";
}

/** Return whether a retry is safe and may have another outcome. */
export function shouldRetry(request: Request, outcome: Outcome): boolean {
  if (outcome.kind === "answer") {
    return isRepeatable(request) && TRY_LATER.has(outcome.response.status);
  }
  return outcome.reason !== "insecure" && (outcome.reason === "not sent" || isRepeatable(request));
}

/** Return whether a request may be sent twice: it changes nothing, or an ETag prevents a second change. */
function isRepeatable(request: Request): boolean {
  if (request.isSafe) {
    return request.minTimeout === undefined;
  }
  return (request.headers?.["If-Match"] ?? "*") !== "*";
}

/** Return whether a change may have been made although the outcome is not a success. */
export function isUnknown(outcome: Outcome): boolean {
  if (outcome.kind === "failure") {
    return outcome.reason === "timeout" || outcome.reason === "broken";
  }
  const { status } = outcome.response;
  if (status === 503) {
    // With a problem document, nothing was changed.
    return !(outcome.response.headers.get("Content-Type") ?? "").startsWith("application/problem+json");
  }
  return UNKNOWN_OUTCOME.has(status);
}

/** Return the seconds to wait before retry `number`; undefined if the server asks for more than the maximum. */
export function pause(outcome: Outcome, number: number): number | undefined {
  const asked = outcome.kind === "answer" ? retryAfter(outcome.response) : undefined;
  if (asked !== undefined) {
    return asked <= LONGEST_WAIT ? asked : undefined;
  }
  const longest = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** number);
  return longest * (0.5 + Math.random() / 2); // so that clients do not retry all at once
}

/** Return the seconds to wait before a retry, if the server specifies them. */
export function retryAfter(response: Response): number | undefined {
  const text = (response.headers.get("Retry-After") ?? "").trim();
  if (/^\d+$/u.test(text)) {
    return Number(text);
  }
  const moment = Date.parse(text);
  return Number.isNaN(moment) ? undefined : Math.max(0, (moment - Date.now()) / 1000);
}
