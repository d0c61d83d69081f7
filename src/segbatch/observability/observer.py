"""Watching a run from before it begins until everybody is told how it ended."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from segbatch.errors import Problem, ProblemsError, SegbatchError
from segbatch.observability.events import Event, PhaseEnded, RunEvaluated, RunPlanned, RunStarted
from segbatch.observability.hooks import Hooks
from segbatch.observability.prometheus import MetricsFile
from segbatch.observability.run_outcome import FailedAfterwards, MetricsFailed, Notice, Outcome, RunEnded, RunFailed
from segbatch.platform.io_errors import io_reason
from segbatch.platform.shutdown import SignalEnd, underway
from segbatch.text import counted, printable, some_of

if TYPE_CHECKING:
    from segbatch.model.run_report import RunReport

__all__ = ["Log", "Watch", "watching"]

_PARTIAL, _FAILED, _INTERRUPTED, _KILLED, _PIPE_CLOSED = 3, 1, 130, 137, 141
_WITHOUT_A_WORD = "the run ended without a word: it was killed, or broke down, often because memory ran out"
_UNREAD = "who read the answer stopped reading"


class Log(Protocol):
    """Shows or writes what is told of a run."""

    def __call__(self, notice: Notice) -> None:
        """Take the next notice."""

    def at_once(self, notice: Notice) -> None:
        """Take the last ones, while a signal ends the process."""


class Watch:
    """Hears of a run, and tells the log, the hooks and the metrics of it.

    Attributes:
        exit_status: What the program is to end with, once the run has ended.
    """

    def __init__(
        self, log: Log, output: Path, hooks: Hooks, metrics: MetricsFile | None, wording: Callable[[str], str]
    ) -> None:
        """Watch a run that has not begun.

        Args:
            log: Told everything.
            output: Where the run publishes.
            hooks: What to run after it.
            metrics: Where to write its metrics.
            wording: Puts messages into the words of who started it.
        """
        self._wording = wording
        self._log, self._output, self._hooks, self._metrics = log, output.absolute(), hooks, metrics
        self._started, self._begun = time.time(), time.monotonic()
        self._run_id: str | None = None
        self._phases: dict[str, float] = {}
        self._planned: RunPlanned | None = None
        self._is_evaluated = self._is_over = False
        self._report: RunReport | None = None
        self._standby = hooks.stand_by()
        self._expect_to_be_killed()
        self.exit_status = 0

    def hear(self, event: Event) -> None:
        """Take what the run tells."""
        match event:
            case RunStarted():
                self._run_id = event.run_id
                self._expect_to_be_killed()
            case RunPlanned():
                self._planned = event
            case PhaseEnded(phase, seconds):
                self._phases[phase] = seconds
            case RunEvaluated():
                self._expect_to_be_killed()
            case _:
                pass
        self._log(event)

    def done(self, report: "RunReport") -> None:
        """Take what the run did."""
        self._report = report

    def check(self) -> None:
        """See before the run that all can be told after it.

        Raises:
            SegbatchError: A hook is none, or the metrics cannot be written.
        """
        try:
            self._hooks.ensure_possible()
            if self._metrics:
                self._metrics.ensure_possible()
        except SegbatchError:
            self._metrics = None
            raise

    def end(self) -> None:
        """Tell that the run came to its end."""
        self._end(self._outcome(self._status, self._done))

    def fail(self, error: SegbatchError, exit_status: int | None = None) -> None:
        """Tell that the run ended with an error."""
        problems = tuple(self._worded(problem) for problem in _problems(error))
        self._log(RunFailed(problems))
        shown = (problem if self._hooks.ids else problem.hiding_ids() for problem in problems)
        self.break_off("\n".join(printable(str(problem)) for problem in shown), exit_status or error.exit_code)

    def end_with_warning(self, fault: str, *, without_ids: str | None = None) -> None:
        """Report that the run is published, and that something failed since, which changes no exit status.

        Args:
            fault: What failed.
            without_ids: The same without ids of contacts.
        """
        done = f"run {self._run_id} is published"
        message = fault if "is published" in fault else f"{done}, but {fault}"
        hidden = without_ids if without_ids is None or "is published" in without_ids else f"{done}, but {without_ids}"
        problem = self._worded(Problem(message, severity="warning", without_ids=hidden))
        self._log(FailedAfterwards(problem))
        shown = printable(str(problem if self._hooks.ids else problem.hiding_ids()))
        self._end(self._outcome(self._status, "; ".join(filter(None, (self._done, shown)))))

    @property
    def is_published(self) -> bool:
        """Whether readers see the run."""
        return underway.published is not None and underway.published == self._run_id

    @property
    def _status(self) -> int:
        """The exit status of a run that is published."""
        return _PARTIAL if self._report is not None and self._report.run.status == "partial" else 0

    @property
    def _done(self) -> str:
        return _summary(self._report) if self._report else ""

    def _worded(self, problem: Problem) -> Problem:
        hidden = problem.without_ids
        hidden = None if hidden is None else self._wording(hidden)
        return replace(problem, message=self._wording(problem.message), without_ids=hidden)

    def break_off(self, message: str, exit_status: int) -> None:
        """Tell that the run ended in a way that somebody else shows."""
        self._end(self._outcome(exit_status, message))

    def end_by_signal(self, end: SignalEnd) -> None:
        """Tell, from another thread and soon, that a signal ends the run."""
        self._log.at_once(RunFailed((Problem(end.message),)))
        if self._is_over:
            return
        outcome = self._outcome(end.exit_status, end.message)
        if self._standby:
            self._standby.expect(outcome)
        if self._metrics:
            with suppress(SegbatchError):
                self._metrics.write(outcome)
        self._log.at_once(RunEnded(outcome))

    def _end(self, outcome: Outcome) -> None:
        self.exit_status = outcome.exit_status
        if self._metrics:
            try:
                self._metrics.write(outcome)
            except SegbatchError as error:
                self._log(MetricsFailed(str(error)))
        self._is_over = True
        hook = self._standby.end(outcome) if self._standby else None
        if hook:
            self._log(hook)
        self._log(RunEnded(outcome))

    def _expect_to_be_killed(self) -> None:
        if self._standby:
            self._standby.expect(self._outcome(_KILLED, _WITHOUT_A_WORD))

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
def watching(
    log: Log,
    output: Path,
    hooks: Hooks,
    metrics: MetricsFile | None,
    *,
    wording: Callable[[str], str] = str,
    dry_run: bool = False,
) -> Iterator[Watch]:
    """Watch a run that is made inside, and tell in the end what came of it.

    Args:
        log: Told everything.
        output: Where the run publishes.
        hooks: What to run after it; nothing after a dry run.
        metrics: Where to write its metrics; nowhere for a dry run.
        wording: Puts messages into the words of who started it.
        dry_run: Whether nothing is published.

    Yields:
        What has to `check`, before the run, that all can be told, and to hear of it. Its `exit_status` holds
        afterwards; errors of the user's to mend are told, and end here.
    """
    hooks, metrics = (Hooks(ids=hooks.ids), None) if dry_run else (hooks, metrics)
    watch = Watch(log, output, hooks, metrics, wording)
    with underway.heralded_by(watch.end_by_signal):
        try:
            yield watch
            watch.end()
        except BrokenPipeError:
            watch.break_off(_UNREAD, _PIPE_CLOSED)
            raise
        except KeyboardInterrupt:
            outcome = f"run {underway.published} is published" if watch.is_published else "nothing was published"
            watch.fail(SegbatchError(f"interrupted; {outcome}"), _INTERRUPTED)
        except Exception as error:
            fault = _fault(error)
            if watch.is_published:
                watch.end_with_warning(str(fault or _bug(error)), without_ids=fault.without_ids if fault else None)
            elif fault:
                watch.fail(fault)
            else:
                watch.break_off(_bug(error), _FAILED)
                raise
        except BaseException as error:
            watch.break_off(_bug(error), _FAILED)
            raise


def _fault(error: Exception) -> SegbatchError | None:
    """Return an error as one for the user; None for a bug."""
    if isinstance(error, SegbatchError):
        return error
    reason = io_reason(error)
    place = (error.filename if isinstance(error, OSError) else None) or "segbatch"
    return SegbatchError(f"{place}: {reason}") if reason else None


def _bug(error: BaseException) -> str:
    return f"a fault of segbatch, of the kind {type(error).__name__}; its log has more"


def _problems(error: SegbatchError) -> Sequence[Problem]:
    if isinstance(error, ProblemsError):
        return error.problems
    return (Problem(str(error), without_ids=error.without_ids),)


def _summary(report: "RunReport") -> str:
    """Say what a run did, and which segments are not as they should be."""
    run = report.run
    counts = (
        counted(run.contacts, "contact"),
        counted(run.segments_ok, "segment"),
        counted(run.memberships, "membership"),
    )
    parts = [", ".join(counts)]
    for status in ("failed", "held"):
        names = [segment.segment_id for segment in report.segments if segment.status == status]
        parts += [f"{len(names):,} {status}: {some_of(names)}"] if names else []
    return "; ".join(parts)
