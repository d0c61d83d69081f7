"""A run as it is shown to people while it is at work: its plan and progress on a terminal, and what is wrong."""

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from segbatch.interfaces.cli.render.base import err, plain, print_problems, print_waiting
from segbatch.observability.events import ContactsDone, LockAwaited, PhaseEnded, RunPlanned
from segbatch.observability.run_outcome import (
    FailedAfterwards,
    HookEnded,
    MetricsFailed,
    Notice,
    Outcome,
    RunEnded,
    RunFailed,
)
from segbatch.platform.shutdown import say_at_once
from segbatch.text import counted

__all__ = ["PlainLog", "is_watched"]

_FEWEST_SECONDS = 0.05
"""Phases that took less are not worth naming."""


def is_watched() -> bool:
    """Tell whether stderr is a terminal, or is to be written like one."""
    return err().is_terminal


class PlainLog:
    """Shows on stderr what is told of a run.

    Warnings, and what is wrong with segments, stand above the run's table and are printed with that.
    """

    def __init__(self, *, quiet: bool = False, ids: bool = False) -> None:
        """Begin.

        Args:
            quiet: Whether to show what is wrong alone.
            ids: Whether the ids of contacts may be shown.
        """
        self._ids = ids
        self._console = err()
        self._is_chatty = self._console.is_terminal and not quiet
        columns = (TextColumn("contacts"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._bar = Progress(*columns, console=self._console, transient=True, disable=not self._is_chatty)
        self._task = self._bar.add_task("contacts", total=None)

    def __call__(self, notice: Notice) -> None:
        """Show what is told."""
        match notice:
            case LockAwaited(message):
                print_waiting(message)
            case RunPlanned():
                self._say(_plan(notice))
                self._bar.start()
            case ContactsDone(done, contacts):
                self._bar.update(self._task, completed=done, total=contacts)
            case PhaseEnded("evaluate", _):
                self._bar.stop()
            case RunFailed(problems):
                self._bar.stop()
                print_problems(problem if self._ids else problem.hiding_ids() for problem in problems)
            case FailedAfterwards(problem):
                self._bar.stop()
                print_problems([problem if self._ids else problem.hiding_ids()])
            case HookEnded() if notice.exit_status != 0:
                self._warn(_hook(notice))
            case MetricsFailed(message):
                self._warn(message)
            case RunEnded(outcome):
                self._bar.stop()
                self._say(_timings(outcome))
            case _:
                pass

    def at_once(self, notice: Notice) -> None:
        """Show how a signal ends the run."""
        if isinstance(notice, RunFailed):
            say_at_once("; ".join(map(str, notice.problems)))

    def _say(self, text: str) -> None:
        if self._is_chatty and text:
            self._bar.console.print(f"[dim]{plain(text)}[/dim]")

    def _warn(self, message: str) -> None:
        self._console.print(f"[yellow]warning:[/yellow] {plain(message)}")


def _plan(planned: RunPlanned) -> str:
    parts = (counted(planned.segments, "segment"), counted(planned.rules, "distinct rule"))
    compared = f", compared with run {planned.follows}" if planned.follows else ""
    return f"{', '.join(parts)}, {counted(planned.columns, 'column')} read{compared}"


def _hook(hook: HookEnded) -> str:
    if hook.exit_status is None:
        return f"the command of {hook.option} was ended after {hook.seconds:.3g} s, as it was not done (--hook-timeout)"
    return f"the command of {hook.option} ended with {hook.exit_status}"


def _timings(outcome: Outcome) -> str:
    """Say how long a run took, that was not broken off."""
    if outcome.report is None:
        return ""
    phases = [f"{phase} {seconds:.1f}" for phase, seconds in outcome.phases.items() if seconds >= _FEWEST_SECONDS]
    return f"{outcome.seconds:.1f} s" + (f": {', '.join(phases)}" if phases else "")
