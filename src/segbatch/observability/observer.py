"""Observing a run from its start until its outcome is reported to logs, hooks and metrics."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from segbatch.errors import Problem, ProblemsError, SegbatchError
from segbatch.observability.events import Event, PhaseEnded, RunEvaluated, RunPlanned, RunStarted
from segbatch.observability.hooks import Hooks
from segbatch.observability.run_outcome import FailedAfterwards, MetricsFailed, Notice, Outcome, RunEnded, RunFailed
from segbatch.platform.io_errors import io_reason
from segbatch.platform.shutdown import SignalEnd, shutdown
from segbatch.platform.urls import full_output
from segbatch.text import counted, printable, some_of

if TYPE_CHECKING:
    from segbatch.model.run_report import RunReport
    from segbatch.observability.prometheus import MetricsFile

_PARTIAL, _FAILED, _INTERRUPTED, _KILLED, _PIPE_CLOSED = 3, 1, 130, 137, 141
_DIED = "the run died without reporting an error (killed or crashed, often out of memory)"
_PIPE_CLOSED_MESSAGE = "the reader of the output stopped reading"


class Log(Protocol):
    """A log that shows or writes the notices of a run."""

    def __call__(self, notice: Notice) -> None:
        """Handle the next notice."""

    def handle_in_signal(self, notice: Notice) -> None:
        """Handle a last notice while a signal ends the process."""


class RunObserver:
    """An observer of a run, which reports to the log, the hooks and the metrics.

    Attributes:
        exit_status: The exit status of the program, once the run has ended.
    """

    def __init__(
        self, log: Log, output: str | Path, hooks: Hooks, metrics: "MetricsFile | None", wording: Callable[[str], str]
    ) -> None:
        """Start to observe a run that has not started yet.

        Args:
            wording: Converts messages to the terms of the interface that started the run.
        """
        self._wording = wording
        self._log, self._output, self._hooks, self._metrics = log, full_output(output), hooks, metrics
        self._started, self._begun = time.time(), time.monotonic()
        self._run_id: str | None = None
        self._phases: dict[str, float] = {}
        self._planned: RunPlanned | None = None
        self._is_evaluated = self._is_over = False
        self._report: RunReport | None = None
        self._runner = hooks.start_runner()
        self._announce_killed_run()
        self.exit_status = 0

    def handle(self, event: Event) -> None:
        """Handle an event of the run."""
        match event:
            case RunStarted():
                self._run_id = event.run_id
                self._announce_killed_run()
            case RunPlanned():
                self._planned = event
            case PhaseEnded(phase, seconds):
                self._phases[phase] = seconds
            case RunEvaluated():
                self._announce_killed_run()
            case _:
                pass
        self._log(event)

    def set_report(self, report: "RunReport") -> None:
        """Set the report of the run."""
        self._report = report

    def warn_afterwards(self, problem: Problem) -> None:
        """Log that a step after publishing failed. The outcome of the run stays the same."""
        self._log(FailedAfterwards(problem))

    def check(self) -> None:
        """Check before the run that the hooks and the metrics file can be used after it.

        Raises:
            SegbatchError: A hook is empty, or the metrics cannot be written.
        """
        try:
            self._hooks.check()
            if self._metrics:
                self._metrics.check()
        except SegbatchError:
            self._metrics = None
            raise

    def end(self) -> None:
        """Report that the run ended normally."""
        self._end(self._outcome(self._status, self._result))

    def fail(self, error: SegbatchError, exit_status: int | None = None) -> None:
        """Report that the run ended with an error."""
        problems = tuple(self._reword(problem) for problem in _problems_of(error))
        self._log(RunFailed(problems))
        shown = (problem if self._hooks.ids else problem.hiding_ids() for problem in problems)
        self.abort("\n".join(printable(str(problem)) for problem in shown), exit_status or error.exit_code)

    def end_with_warning(self, fault: str, *, without_ids: str | None = None) -> None:
        """Report that the run is published, and that a later step failed, which does not change the exit status.

        Args:
            fault: The failure.
            without_ids: The same without contact ids.
        """
        done = f"run {self._run_id} is published"
        message = fault if "is published" in fault else f"{done}, but {fault}"
        hidden = without_ids if without_ids is None or "is published" in without_ids else f"{done}, but {without_ids}"
        problem = self._reword(Problem(message, severity="warning", without_ids=hidden))
        self._log(FailedAfterwards(problem))
        shown = printable(str(problem if self._hooks.ids else problem.hiding_ids()))
        self._end(self._outcome(self._status, "; ".join(filter(None, (self._result, shown)))))

    @property
    def is_published(self) -> bool:
        """Whether readers see the run."""
        return shutdown.published_run_id is not None and shutdown.published_run_id == self._run_id

    @property
    def _status(self) -> int:
        """The exit status of a published run."""
        return _PARTIAL if self._report is not None and self._report.run.status == "partial" else 0

    @property
    def _result(self) -> str:
        return _summary(self._report) if self._report else ""

    def _reword(self, problem: Problem) -> Problem:
        hidden = problem.without_ids
        hidden = None if hidden is None else self._wording(hidden)
        return replace(problem, message=self._wording(problem.message), without_ids=hidden)

    def abort(self, message: str, exit_status: int) -> None:
        """Report that the run ended in a way whose message is shown elsewhere."""
        self._end(self._outcome(exit_status, message))

    def end_by_signal(self, end: SignalEnd) -> None:
        """Report that a signal ends the run. Called from another thread; must be quick."""
        self._log.handle_in_signal(RunFailed((Problem(end.message),)))
        if self._is_over:
            return
        outcome = self._outcome(end.exit_status, end.message)
        if self._runner:
            self._runner.announce(outcome)
        if self._metrics:
            with suppress(SegbatchError):
                self._metrics.write(outcome)
        self._log.handle_in_signal(RunEnded(outcome))

    def _end(self, outcome: Outcome) -> None:
        self.exit_status = outcome.exit_status
        if self._metrics:
            try:
                self._metrics.write(outcome)
            except SegbatchError as error:
                self._log(MetricsFailed(str(error)))
        self._is_over = True
        hook = self._runner.end(outcome) if self._runner else None
        if hook:
            self._log(hook)
        self._log(RunEnded(outcome))

    def _announce_killed_run(self) -> None:
        if self._runner:
            self._runner.announce(self._outcome(_KILLED, _DIED))

    def _outcome(self, exit_status: int, message: str) -> Outcome:
        return Outcome(
            run_id=self._run_id,
            exit_status=exit_status,
            message=message,
            output=self._output,
            started=self._started,
            seconds=time.monotonic() - self._begun,
            phases=dict(self._phases),
            is_published=self.is_published,
            rules=self._planned.rules if self._planned else None,
            columns=self._planned.columns if self._planned else None,
            report=self._report,
        )


@contextmanager
def observe_run(
    log: Log,
    output: str | Path,
    hooks: Hooks,
    metrics: "MetricsFile | None",
    *,
    wording: Callable[[str], str] = str,
    dry_run: bool = False,
) -> Iterator[RunObserver]:
    """Observe a run that is made inside the block, and report its outcome.

    Args:
        hooks: The commands to run afterwards; not run after a dry run.
        metrics: The metrics file to write; not written after a dry run.
        wording: Converts messages to the terms of the interface that started the run.
        dry_run: Whether nothing is published.

    Yields:
        The observer. Call `check` before the run, and pass the events of the run to `handle`. Its `exit_status` is
        valid after the block. Errors that the user can fix are reported, and not raised.
    """
    hooks, metrics = (Hooks(ids=hooks.ids), None) if dry_run else (hooks, metrics)
    observer = RunObserver(log, output, hooks, metrics, wording)
    with shutdown.on_signal(observer.end_by_signal):
        try:
            yield observer
            observer.end()
        except BrokenPipeError:
            observer.abort(_PIPE_CLOSED_MESSAGE, _PIPE_CLOSED)
            raise
        except KeyboardInterrupt:
            outcome = (
                f"run {shutdown.published_run_id} is published" if observer.is_published else "nothing was published"
            )
            observer.fail(SegbatchError(f"interrupted; {outcome}"), _INTERRUPTED)
        except Exception as error:
            fault = _user_error(error)
            if observer.is_published:
                observer.end_with_warning(
                    str(fault or _bug_message(error)), without_ids=fault.without_ids if fault else None
                )
            elif fault:
                observer.fail(fault)
            else:
                observer.abort(_bug_message(error), _FAILED)
                raise
        except BaseException as error:
            observer.abort(_bug_message(error), _FAILED)
            raise


def _user_error(error: Exception) -> SegbatchError | None:
    """Convert an error to one for the user; None for a bug."""
    if isinstance(error, SegbatchError):
        return error
    reason = io_reason(error)
    path = (error.filename if isinstance(error, OSError) else None) or "segbatch"
    return SegbatchError(f"{path}: {reason}") if reason else None


def _bug_message(error: BaseException) -> str:
    return f"a bug in segbatch: {type(error).__name__}; see its log"


def _problems_of(error: SegbatchError) -> Sequence[Problem]:
    if isinstance(error, ProblemsError):
        return error.problems
    return (Problem(str(error), without_ids=error.without_ids),)


def _summary(report: "RunReport") -> str:
    """Return the totals of a run, with the segments that failed, were held, are disabled or are left out."""
    run = report.run
    counts = (
        counted(run.contacts, "contact"),
        counted(len(report.segments), "segment"),
        counted(run.memberships, "membership"),
    )
    parts = [", ".join(counts)]
    statuses: tuple[Literal["failed", "held"], ...] = ("failed", "held")
    for status in statuses:
        names = [segment.segment_id for segment in report.segments if report.status_of(segment) == status]
        kept = f" ({report.kept(status):,} with earlier members)" if report.kept(status) else ""
        parts += [f"{len(names):,} {status}{kept}: {some_of(names)}"] if names else []
    parts += [f"{run.segments_disabled:,} disabled"] if run.segments_disabled else []
    parts += [f"{run.segments_left_out:,} left out"] if run.segments_left_out else []
    return "; ".join(parts)
