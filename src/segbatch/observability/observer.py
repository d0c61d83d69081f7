"""Observing a run from its start until its outcome is reported to logs, hooks and metrics."""

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
from segbatch.platform.shutdown import SignalEnd, shutdown
from segbatch.text import counted, printable, some_of

if TYPE_CHECKING:
    from segbatch.model.run_report import RunReport

_PARTIAL, _FAILED, _INTERRUPTED, _KILLED, _PIPE_CLOSED = 3, 1, 130, 137, 141
_WITHOUT_A_WORD = "the run ended without a word: it was killed, or broke down, often because memory ran out"
_UNREAD = "who read the answer stopped reading"


class Log(Protocol):
    """A log that shows or writes the notices of a run."""

    def __call__(self, notice: Notice) -> None:
        """Handle the next notice."""

    def at_once(self, notice: Notice) -> None:
        """Handle a last notice while a signal ends the process."""


class Watch:
    """An observer of a run, which reports to the log, the hooks and the metrics.

    Attributes:
        exit_status: The exit status of the program, once the run has ended.
    """

    def __init__(
        self, log: Log, output: Path, hooks: Hooks, metrics: MetricsFile | None, wording: Callable[[str], str]
    ) -> None:
        """Start to observe a run that has not started yet.

        Args:
            log: The log that gets every notice.
            output: The output folder.
            hooks: The commands to run afterwards.
            metrics: The metrics file to write; None for none.
            wording: Converts messages to the terms of the interface that started the run.
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

    def handle(self, event: Event) -> None:
        """Handle an event of the run."""
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
        """Set the report of the run."""
        self._report = report

    def check(self) -> None:
        """Check before the run that the hooks and the metrics file can be used after it.

        Raises:
            SegbatchError: A hook is empty, or the metrics cannot be written.
        """
        try:
            self._hooks.ensure_possible()
            if self._metrics:
                self._metrics.ensure_possible()
        except SegbatchError:
            self._metrics = None
            raise

    def end(self) -> None:
        """Report that the run ended normally."""
        self._end(self._outcome(self._status, self._done))

    def fail(self, error: SegbatchError, exit_status: int | None = None) -> None:
        """Report that the run ended with an error."""
        problems = tuple(self._worded(problem) for problem in _problems(error))
        self._log(RunFailed(problems))
        shown = (problem if self._hooks.ids else problem.hiding_ids() for problem in problems)
        self.break_off("\n".join(printable(str(problem)) for problem in shown), exit_status or error.exit_code)

    def end_with_warning(self, fault: str, *, without_ids: str | None = None) -> None:
        """Report that the run is published, and that a later step failed, which does not change the exit status.

        Args:
            fault: The failure.
            without_ids: The same without contact ids.
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
        return shutdown.published_run_id is not None and shutdown.published_run_id == self._run_id

    @property
    def _status(self) -> int:
        """The exit status of a published run."""
        return _PARTIAL if self._report is not None and self._report.run.status == "partial" else 0

    @property
    def _done(self) -> str:
        return _summary(self._report) if self._report else ""

    def _worded(self, problem: Problem) -> Problem:
        hidden = problem.without_ids
        hidden = None if hidden is None else self._wording(hidden)
        return replace(problem, message=self._wording(problem.message), without_ids=hidden)

    def break_off(self, message: str, exit_status: int) -> None:
        """Report that the run ended in a way whose message is shown elsewhere."""
        self._end(self._outcome(exit_status, message))

    def end_by_signal(self, end: SignalEnd) -> None:
        """Report that a signal ends the run. Called from another thread; must be quick."""
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
    """Observe a run that is made inside the block, and report its outcome.

    Args:
        log: The log that gets every notice.
        output: The output folder.
        hooks: The commands to run afterwards; not run after a dry run.
        metrics: The metrics file to write; not written after a dry run.
        wording: Converts messages to the terms of the interface that started the run.
        dry_run: Whether nothing is published.

    Yields:
        The observer. Call `check` before the run, and pass the events of the run to `handle`. Its `exit_status` is
        valid after the block. Errors that the user can fix are reported, and not raised.
    """
    hooks, metrics = (Hooks(ids=hooks.ids), None) if dry_run else (hooks, metrics)
    watch = Watch(log, output, hooks, metrics, wording)
    with shutdown.on_signal(watch.end_by_signal):
        try:
            yield watch
            watch.end()
        except BrokenPipeError:
            watch.break_off(_UNREAD, _PIPE_CLOSED)
            raise
        except KeyboardInterrupt:
            outcome = f"run {shutdown.published_run_id} is published" if watch.is_published else "nothing was published"
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
    """Convert an error to one for the user; None for a bug."""
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
    """Return the totals of a run, with the segments that failed or were held."""
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
