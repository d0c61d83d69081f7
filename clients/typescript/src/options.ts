/** The options of a client: the server, the key, the project, and the limits. */

import { UsageError } from "./errors.js";
import { shown } from "./text.js";

/** The options of a client. Missing ones are read from the environment variables of Node, if there are any. */
export interface ClientOptions {
  /**
   * The address of the server, without `/api/v1`; by default the value of SEGBATCH_API_URL. With `session`, by default
   * the server of the page.
   */
  baseUrl?: string | undefined;
  /** The secret of an API key; by default the value of SEGBATCH_API_KEY. */
  apiKey?: string | undefined;
  /** The project; by default the value of SEGBATCH_PROJECT_ID. Not needed with a key that belongs to one project. */
  projectId?: string | undefined;
  /** The time limit of each try in seconds; 30 if not given. */
  timeout?: number | undefined;
  /** The maximum number of retries of each request; 3 if not given. */
  retries?: number | undefined;
  /**
   * Sign in by the cookie of the server instead of a key: for pages that the server itself serves. Changes then send
   * the CSRF token of the session.
   */
  session?: boolean | undefined;
  /** A function to use in place of the global `fetch`. */
  fetch?: typeof fetch | undefined;
}

/** Options of each call. */
export interface CallOptions {
  /** Cancels the call. It then throws the reason of the signal. */
  signal?: AbortSignal | undefined;
}

/** Options of a change. */
export interface ChangeOptions extends CallOptions {
  /** The ETag that the segment must have. Without it, any version is changed. */
  ifMatch?: string | undefined;
}

/** Checked options. */
export interface Settings {
  readonly baseUrl: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly timeout: number;
  readonly retries: number;
  readonly session: boolean;
  readonly fetch: typeof fetch;
}

const EXAMPLE = "use one like http://localhost:8765";
const LONGEST_TIMEOUT = 24 * 60 * 60;
const API_PATH = /\/api\/v1(\/contacts(\/segments)?)?$/u;
const PRINTABLE_ASCII = /^[!-~]+$/u;

/**
 * Check the options of a client.
 *
 * @throws UsageError An option is not valid, or the address is missing.
 */
export function readOptions(options: ClientOptions): Settings {
  const session = options.session ?? false;
  const timeout = options.timeout ?? 30;
  const retries = options.retries ?? 3;
  if (typeof timeout !== "number" || !(timeout > 0 && timeout <= LONGEST_TIMEOUT)) {
    throw new UsageError(`timeout must be a number of seconds, at most a day; found ${shown(timeout)}`);
  }
  if (!Number.isInteger(retries) || retries < 0) {
    throw new UsageError(`retries must be a whole number, 0 or more; found ${shown(retries)}`);
  }
  if (session && options.apiKey !== undefined) {
    throw new UsageError("pass apiKey or session, not both");
  }
  return {
    baseUrl: session ? sessionUrl(options.baseUrl) : readUrl(options.baseUrl ?? variable("SEGBATCH_API_URL")),
    headers: session ? project(options.projectId) : { ...key(options.apiKey), ...project(options.projectId) },
    timeout,
    retries,
    session,
    fetch: options.fetch ?? ((input, init) => globalThis.fetch(input, init)),
  };
}

/** Return an environment variable of Node. An empty variable counts as unset; browsers have none. */
function variable(name: string): string | undefined {
  const { process } = globalThis as { process?: { env?: Record<string, string | undefined> } };
  return process?.env?.[name] ?? undefined;
}

function sessionUrl(given: string | undefined): string {
  return given === undefined || given === "" ? "" : readUrl(given);
}

function readUrl(given: string | undefined): string {
  if (!given) {
    throw new UsageError(
      "the server's URL is missing; pass baseUrl or set SEGBATCH_API_URL, such as http://localhost:8765",
    );
  }
  let url: URL;
  try {
    url = new URL(given.trim());
  } catch {
    throw new UsageError(`${shown(given)} is not a base URL; ${EXAMPLE}`);
  }
  if (url.username || url.password) {
    // The message does not show the URL, which has a password.
    throw new UsageError("the base URL contains a user or a password; remove it, and pass apiKey");
  }
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    throw new UsageError(`${shown(given)} is not a base URL; ${EXAMPLE}`);
  }
  if (url.search || url.hash) {
    throw new UsageError(`the base URL ${shown(given)} has a query or a fragment; remove it`);
  }
  const base = url.href.replace(/\/+$/u, "");
  if (API_PATH.test(base)) {
    throw new UsageError(`the base URL ${shown(given)} includes the path of the API; remove it, from /api/v1 on`);
  }
  return base;
}

/** Return the header with the key. Messages about a key never show it. */
function key(given: string | undefined): Record<string, string> {
  const found = (given ?? variable("SEGBATCH_API_KEY"))?.trim();
  if (found === undefined || (found === "" && given === undefined)) {
    return {};
  }
  if (found === "") {
    throw new UsageError("the key is empty; is a variable not set? (apiKey or SEGBATCH_API_KEY)");
  }
  if (!PRINTABLE_ASCII.test(found)) {
    throw new UsageError("the key has characters that keys cannot have; is it another value? (apiKey)");
  }
  return { Authorization: `Bearer ${found}` };
}

function project(given: string | undefined): Record<string, string> {
  const found = given ?? variable("SEGBATCH_PROJECT_ID");
  if (found === undefined || (found === "" && given === undefined)) {
    return {};
  }
  if (!found.trim() || /\p{Cc}/u.test(found)) {
    throw new UsageError(`${shown(found)} is not a valid project id (projectId or SEGBATCH_PROJECT_ID)`);
  }
  return { "X-Project-ID": headerText(found) };
}

/** Return a text as a header value: its UTF-8 bytes, as the server reads them. */
function headerText(text: string): string {
  return String.fromCharCode(...new TextEncoder().encode(text));
}
