import { type ApiError, UnreachableError } from "@segbatch/client";
import { Component, type ReactNode } from "react";
import { t } from "../texts";
import type { Answer } from "../use-answer";

/** The reason of an error in words that a reader of the page can act on. */
export function reasonOf(error: ApiError): string {
  if (error instanceof UnreachableError) return t.problem.unreachable;
  const known: Record<string, string> = {
    "not-in-report": t.problem.notInReport,
    "not-found": t.problem.notFound,
    "nothing-published": t.problem.nothingPublished,
    "run-gone": t.problem.runGone,
    busy: t.problem.busy,
    fault: t.problem.fault,
  };
  const { code = "", detail, status = 0 } = error;
  return known[code] ?? (detail || (status >= 400 ? t.problem.unknown(status) : error.message));
}

export function Problem({ error, onRetry }: { error: ApiError; onRetry?: () => void }) {
  const canRetry = onRetry && error.code !== "not-in-report";
  return (
    <div className="problem" role="alert">
      <strong>{t.problem.title}</strong>
      <p>{reasonOf(error)}</p>
      {canRetry && (
        <button type="button" onClick={onRetry}>
          {t.retry}
        </button>
      )}
    </div>
  );
}

export function Loading({ slow }: { slow: boolean }) {
  return (
    <p className="loading" role="status">
      {slow ? t.slow : t.loading}
    </p>
  );
}

/** Before the first run there is nothing to show, which is no problem. */
export function NoRun() {
  return (
    <div className="empty">
      <h2>{t.noRun}</h2>
      <p>
        {t.noRunHelp} <code>{t.noRunCommand}</code>
      </p>
    </div>
  );
}

/** Show an answer, or the reason why it is not there. */
export function Answered<T>({ answer, children }: { answer: Answer<T>; children: (value: T) => ReactNode }) {
  if (answer.error?.code === "nothing-published") return <NoRun />;
  if (answer.error) return <Problem error={answer.error} onRetry={answer.retry} />;
  if (answer.value === undefined) return answer.loading ? <Loading slow={answer.slow} /> : null;
  return <>{children(answer.value)}</>;
}

/** A fault of the page itself shows a message instead of an empty window. */
export class Boundary extends Component<{ children: ReactNode }, { message: string | null }> {
  override state = { message: null };

  static getDerivedStateFromError(error: unknown) {
    return { message: String(error) };
  }

  override render() {
    if (this.state.message === null) return this.props.children;
    return (
      <div className="problem" role="alert">
        <strong>{t.problem.crashed}</strong>
        <p>
          <code>{this.state.message}</code>
        </p>
      </div>
    );
  }
}
