import { ApiError } from "@segbatch/client";
import { useCallback, useEffect, useRef, useState } from "react";
import { usePageIfAny } from "./context";

const SLOW_AFTER_MS = 4_000;

export interface Answer<T> {
  value: T | undefined;
  error: ApiError | undefined;
  loading: boolean;
  /** The answer takes longer than usual. */
  slow: boolean;
  retry: () => void;
}

interface State<T> {
  key: string | null;
  value?: T;
  error?: ApiError;
  loading: boolean;
  slow: boolean;
}

/**
 * Ask for an answer when the page shows, and again when `key` changes. An answer that is no longer needed is cancelled.
 *
 * With `keep`, the value of the previous key stays until the new one is there. A null key asks for nothing.
 */
export function useAnswer<T>(
  key: string | null,
  load: (options: { signal: AbortSignal }) => Promise<T>,
  { keep = false }: { keep?: boolean } = {},
): Answer<T> {
  const [state, setState] = useState<State<T>>({ key, loading: key !== null, slow: false });
  const [attempt, setAttempt] = useState(0);
  const latest = useRef(load);
  latest.current = load;

  // biome-ignore lint/correctness/useExhaustiveDependencies: an attempt asks again
  useEffect(() => {
    if (key === null) {
      setState({ key, loading: false, slow: false });
      return;
    }
    const controller = new AbortController();
    setState((before) => ({
      key,
      loading: true,
      slow: false,
      ...(before.value !== undefined && (keep || before.key === key) ? { value: before.value } : {}),
    }));
    const timer = setTimeout(() => setState((before) => ({ ...before, slow: true })), SLOW_AFTER_MS);
    latest
      .current({ signal: controller.signal })
      .then((value) => ({ value }))
      .catch((error: unknown) => ({ error: asApiError(error) }))
      .then((outcome) => {
        clearTimeout(timer);
        if (!controller.signal.aborted) setState({ key, loading: false, slow: false, ...outcome });
      });
    return () => {
      clearTimeout(timer);
      controller.abort();
    };
  }, [key, attempt, keep]);

  const retry = useCallback(() => setAttempt((number) => number + 1), []);
  const page = usePageIfAny();
  const isSignedOut = useRef(false);
  isSignedOut.current = state.error?.status === 401;

  // Ask again after the person has signed in again.
  // biome-ignore lint/correctness/useExhaustiveDependencies: each session has another page context
  useEffect(() => {
    if (isSignedOut.current) retry();
  }, [page, retry]);

  const stale = state.key !== key;
  return {
    value: stale && !keep ? undefined : state.value,
    error: stale ? undefined : state.error,
    loading: stale || state.loading,
    slow: state.slow,
    retry,
  };
}

/** An error that is not an answer of the API, such as an id that no path can have, as one with its message only. */
export function asApiError(error: unknown): ApiError {
  return error instanceof ApiError ? error : new ApiError(error instanceof Error ? error.message : String(error));
}
