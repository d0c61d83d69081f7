"""Progress of a run for people: its plan and a progress bar on a terminal, and problems."""

from segbatch.interfaces.cli.render.bar import Bar
from segbatch.interfaces.cli.render.base import err, escape, print_problems, print_waiting
from segbatch.observability.events import ContactsDone, LockAwaited, PhaseEnded, RowsFetched, RunPlanned
from segbatch.observability.run_outcome import (
    FailedAfterwards,
    HookEnded,
    MetricsFailed,
    Notice,
    Outcome,
    RunEnded,
    RunFailed,
)
from segbatch.platform.shutdown import write_error
from segbatch.text import counted

_FEWEST_SECONDS = 0.05
"""The minimum duration in seconds of a phase that is shown."""


def is_watched() -> bool:
    """Return whether stderr is a terminal, or is to be treated as one."""
    return err().is_terminal


class PlainLog:
    """Shows the events of a run on stderr.

    Warnings, and problems of segments, belong above the run's table. They are printed together with the table.
    """

    def __init__(self, *, quiet: bool = False, ids: bool = False) -> None:
        """Create a log.

        Args:
            quiet: Whether to show only problems.
            ids: Whether ids of contacts may be shown.
        """
        self._ids = ids
        self._console = err()
        self._is_chatty = self._console.is_terminal and not quiet
        self._bar = Bar("contacts", self._console, is_shown=self._is_chatty)

    def __call__(self, notice: Notice) -> None:
        """Show an event."""
        match notice:
            case LockAwaited(message):
                print_waiting(message)
            case RunPlanned():
                self._say(_plan(notice))
                self._bar.start()
            case RowsFetched() | ContactsDone():
                self._advance(notice)
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

    def _advance(self, progress: RowsFetched | ContactsDone) -> None:
        self._bar.start()
        match progress:
            case RowsFetched(_, rows):
                self._bar.update(rows, None)
            case ContactsDone(done, contacts):
                self._bar.update(done, contacts)

    def at_once(self, notice: Notice) -> None:
        """Show that a signal ends the run."""
        if isinstance(notice, RunFailed):
            write_error("; ".join(map(str, notice.problems)))

    def _say(self, text: str) -> None:
        if self._is_chatty and text:
            self._console.print(f"[dim]{escape(text)}[/dim]")

    def _warn(self, message: str) -> None:
        self._console.print(f"[yellow]warning:[/yellow] {escape(message)}")


def _plan(planned: RunPlanned) -> str:
    parts = (counted(planned.segments, "segment"), counted(planned.rules, "distinct rule"))
    tables = "".join(
        f", {counted(table.aggregates, 'aggregate')} of {counted(table.rows, 'row')} in {table.name}"
        for table in planned.tables
    )
    compared = f", compared with run {planned.follows}" if planned.follows else ""
    return f"{', '.join(parts)}, {counted(planned.columns, 'column')} read{tables}{compared}"


def _hook(hook: HookEnded) -> str:
    if hook.exit_status is None:
        return f"the command of {hook.option} was ended after {hook.seconds:.3g} s, as it was not done (--hook-timeout)"
    return f"the command of {hook.option} ended with {hook.exit_status}"


def _timings(outcome: Outcome) -> str:
    """Return the duration of a run and its phases; empty for a run without a report."""
    if outcome.report is None:
        return ""
    phases = [f"{phase} {seconds:.1f}" for phase, seconds in outcome.phases.items() if seconds >= _FEWEST_SECONDS]
    return f"{outcome.seconds:.1f} s" + (f": {', '.join(phases)}" if phases else "")
