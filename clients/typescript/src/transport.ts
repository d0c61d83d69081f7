/** Sending of requests: time limits, retries, and the CSRF token of a page. */

import type { Settings } from "./options.js";
import { answerOf, dataOf, isTokenRefusal } from "./outcome.js";
import type { Reply } from "./outcome.js";
import { failure, isUnknown, pause, shouldRetry } from "./request.js";
import type { Answer, Outcome, Parameter, Request } from "./request.js";
import type { Session } from "./types.js";

/** The path of the sign-in of a page. */
export const SESSION = "/session";

export class Transport {
  readonly #settings: Settings;
  /** The token that changes of a signed-in page send. Clients of one session share it. */
  readonly #token: { csrf: string | null };

  constructor(settings: Settings, session?: Transport) {
    this.#settings = settings;
    this.#token = session ? session.#token : { csrf: null };
  }

  get csrfToken(): string | null {
    return this.#token.csrf;
  }

  set csrfToken(token: string | null) {
    this.#token.csrf = token;
  }

  /**
   * Send a request, retry it if that is safe, and return its answer.
   *
   * @throws ApiError The request failed.
   */
  async send(request: Request, signal?: AbortSignal): Promise<Answer> {
    return this.answer(await this.reply(request, signal), request);
  }

  /** Return the answer of a reply, or throw the error. */
  answer(reply: Reply, request: Request): Answer {
    return answerOf(reply, request, this.#settings.baseUrl);
  }

  /** Send a request, and retry it if that is safe and may help. */
  async reply(request: Request, signal?: AbortSignal): Promise<Reply> {
    let maybeApplied = false;
    for (let number = 0; ; number++) {
      const outcome = await this.#tryInSession(request, signal);
      const wait =
        number < this.#settings.retries && shouldRetry(request, outcome) ? pause(outcome, number) : undefined;
      if (wait === undefined) {
        return { outcome, maybeApplied };
      }
      maybeApplied ||= isUnknown(outcome);
      await sleep(wait, signal);
    }
  }

  /** Send a request. If the server wants another CSRF token, which prevents any change, send it again with that one. */
  async #tryInSession(request: Request, signal?: AbortSignal): Promise<Outcome> {
    const outcome = await this.#try(request, signal);
    if (!this.#settings.session || outcome.kind === "failure" || !isTokenRefusal(outcome)) {
      return outcome;
    }
    const found = await this.#try({ method: "GET", path: SESSION, isSafe: true }, signal);
    if (found.kind === "failure" || !found.response.ok) {
      return outcome;
    }
    const { csrf_token: token } = dataOf<Session>(found, "object");
    if (token === null || token === this.csrfToken) {
      return outcome;
    }
    this.csrfToken = token;
    return this.#try(request, signal);
  }

  #headers(request: Request): Record<string, string> {
    const token = request.method === "GET" ? null : this.csrfToken;
    return {
      Accept: "application/json",
      ...this.#settings.headers,
      ...request.headers,
      ...(token === null ? {} : { "X-CSRF-Token": token }),
    };
  }

  async #try(request: Request, signal?: AbortSignal): Promise<Outcome> {
    signal?.throwIfAborted();
    const timer = AbortSignal.timeout(1000 * Math.max(this.#settings.timeout, request.minTimeout ?? 0));
    try {
      const response = await this.#settings.fetch(this.#url(request), {
        method: request.method,
        headers: this.#headers(request),
        body: request.body ?? null,
        credentials: this.#settings.session ? "same-origin" : "omit",
        redirect: "manual", // the key is sent to this server only
        signal: signal ? AbortSignal.any([signal, timer]) : timer,
      });
      return { kind: "answer", response, body: await response.text() };
    } catch (error) {
      signal?.throwIfAborted();
      return failure(error, timer.aborted);
    }
  }

  #url(request: Request): string {
    const query = new URLSearchParams(Object.entries(request.query ?? {}).flatMap(pairs)).toString();
    return `${this.#settings.baseUrl}${request.path}${query ? `?${query}` : ""}`;
  }
}

function pairs([name, value]: [string, Parameter]): string[][] {
  const values = typeof value === "object" ? value : value === undefined ? [] : [value];
  return values.map((one) => [name, String(one)]);
}

function sleep(seconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(done, seconds * 1000);
    function done(): void {
      signal?.removeEventListener("abort", aborted);
      resolve();
    }
    function aborted(): void {
      clearTimeout(timer);
      reject(signal?.reason as Error);
    }
    signal?.addEventListener("abort", aborted, { once: true });
  });
}
