"""Output of a run: its progress on a terminal, and its result."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING, Literal

from rich.table import Table

from segbatch.errors import Problem
from segbatch.findings.finding import limit_findings
from segbatch.interfaces.cli.render.bar import Bar
from segbatch.interfaces.cli.render.base import (
    err,
    escape,
    in_shell,
    out,
    print_json,
    print_problems,
    print_table,
    print_waiting,
    share,
    stdout_guard,
)
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
from segbatch.text import counted, some_of

if TYPE_CHECKING:
    from segbatch.model.manifest import SegmentRecord
    from segbatch.model.run_report import RunReport

_MOST_SHOWN = 100
"""The maximum number of segments that are all shown."""

_MOST_NOTABLE = 30
"""The number of segments that are shown of a larger run."""

_MOST_REPEATED = 3
"""An error is shown once if at least this many other segments have it too."""

_MOST_ACCEPTED = 5
_STATUS_COLOUR = {
    "ok": "green",
    "failed": "red",
    "held": "yellow",
    "deleted": "yellow",
    "disabled": "dim",
    "left out": "dim",
}
_FEWEST_SECONDS = 0.05
"""The minimum duration in seconds of a phase that is shown."""


def print_run(
    report: "RunReport", *, as_json: bool, quiet: bool = False, is_logged: bool = False, ids: bool = True
) -> None:
    """Print the result of a run to stdout, as a table or JSON. With a table, problems go to stderr.

    Args:
        quiet: Whether to leave out the table.
        is_logged: Whether to leave out the problems because they are in the log.
        ids: Whether problems may contain ids of contacts.
    """
    with stdout_guard("" if report.dry_run else "the run is published, but "):
        if as_json:
            print_json(report.to_json())
            return
        if not is_logged:
            notices = (*report.notes, *limit_findings(report.warnings))
            print_problems(problem if ids else problem.hiding_ids() for problem in notices)
            print_problems(_without_repetition(tuple(_gathered(report.errors))))
        if not quiet:
            _print_table(report)


def _print_table(report: "RunReport") -> None:
    segments = _notable_segments(report)
    print_table(_run_table(report, segments), droppable=("share", "exited", "entered", "members", "status"))
    if len(segments) < len(report.segments):
        more = len(report.segments) - len(segments)
        out().print(f"and {more:,} more; shown are those that failed, were held or changed most", soft_wrap=True)
    if len(report.deleted) > _MOST_SHOWN:
        out().print(f"and {len(report.deleted) - _MOST_SHOWN:,} more deleted")
    out().print(_summary(report), soft_wrap=True)
    held = [segment.segment_id for segment in report.segments if report.status_of(segment) == "held"]
    if held:
        accept = " ".join(f"--accept {name}" for name in held[:_MOST_ACCEPTED]) + (
            " ..." if held[_MOST_ACCEPTED:] else ""
        )
        again = "" if report.dry_run else f" with --run-id {report.run.run_id}"
        out().print(f"to publish the held segments, run again{escape(again)} and {escape(accept)}", soft_wrap=True)
    if report.dry_run:
        out().print("dry run: nothing was published")
    elif report.catalogue is not None:
        out().print(f"duckdb -readonly {escape(in_shell(str(report.catalogue)))}", soft_wrap=True)
    else:
        out().print(f"published to {escape(str(report.membership))}", soft_wrap=True)


def _gathered(problems: Sequence[Problem]) -> Iterator[Problem]:
    """Merge the problems that a file as a whole causes for several segments into one."""
    for (file, message, place), alike in groupby(problems, lambda one: (one.file, one.message, one.path)):
        first, *others = alike
        if file is None or place is not None or not others:
            yield from (first, *others)
        else:
            names = some_of(one.segment_id or "" for one in (first, *others))
            yield replace(first, message=f"segments {names}: {message}", segment_id=None)


def _without_repetition(problems: Sequence[Problem]) -> Iterator[Problem]:
    """Show an error that many segments have once, with their number."""
    numbers, seen = Counter(problem.message for problem in problems), set[str]()
    for problem in problems:
        others = numbers[problem.message] - 1
        if others < _MOST_REPEATED:
            yield problem
        elif problem.message not in seen:
            seen.add(problem.message)
            yield replace(problem, message=f"{problem.message} (and {others:,} more errors like this)")


def _summary(report: "RunReport") -> str:
    run = report.run
    counts = (
        counted(run.contacts, "contact"),
        counted(len(report.segments), "segment"),
        counted(run.memberships, "membership"),
    )
    failed = f", [red]{run.segments_failed:,} failed[/red]{_kept(report, 'failed')}" if run.segments_failed else ""
    held = f", [yellow]{run.segments_held:,} held[/yellow]{_kept(report, 'held')}" if run.segments_held else ""
    disabled = f", [dim]{run.segments_disabled:,} disabled[/dim]" if run.segments_disabled else ""
    left_out = f", [dim]{run.segments_left_out:,} left out[/dim]{_kept(report, 'left out')}" if report.left_out else ""
    deleted = f", [yellow]{len(report.deleted):,} deleted[/yellow]" if report.deleted else ""
    return ", ".join(counts) + f"{failed}{held}{disabled}{left_out}{deleted}; run {escape(run.run_id)}"


def _kept(report: "RunReport", status: Literal["failed", "held", "left out"]) -> str:
    """Return how many segments with a status are among those that the totals count."""
    kept = report.kept(status)
    return f" ({kept:,} with earlier members)" if kept else ""


def _notable_segments(report: "RunReport") -> "Sequence[SegmentRecord]":
    """Return all segments; of a large run, those that failed, were held back or changed most, in the same order."""
    segments = report.segments
    if len(segments) <= _MOST_SHOWN:
        return segments

    def rank(segment: "SegmentRecord") -> tuple[bool, int, int]:
        return (
            report.status_of(segment) in {"ok", "disabled", "left out"},
            -(segment.entered or 0) - (segment.exited or 0),
            -segment.member_count,
        )

    notable = {segment.segment_id for segment in sorted(segments, key=rank)[:_MOST_NOTABLE]}
    return [segment for segment in segments if segment.segment_id in notable]


def _run_table(report: "RunReport", segments: "Sequence[SegmentRecord]") -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("segment", overflow="fold")
    table.add_column("members", justify="right", no_wrap=True)
    table.add_column("share", justify="right", no_wrap=True)
    is_compared = bool(report.deleted) or any(segment.entered is not None for segment in report.segments)
    for column in ("entered", "exited") if is_compared else ():
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("status", no_wrap=True)
    for segment in segments:
        members = f"{segment.member_count:,}" if segment.run_id else "-"
        part = share(segment.member_count, report.run.contacts) if segment.run_id else "-"
        changes = [_change(segment.entered, "+"), _change(segment.exited, "-")] if is_compared else []
        table.add_row(escape(segment.segment_id), members, part, *changes, _status(report.status_of(segment)))
    for gone in report.deleted[:_MOST_SHOWN]:
        table.add_row(escape(gone.segment_id), "-", "-", "", _change(gone.exited, "-"), _status("deleted"))
    return table


def _status(status: str) -> str:
    colour = _STATUS_COLOUR[status]
    return f"[{colour}]{status}[/{colour}]"


def _change(contacts: int | None, sign: str) -> str:
    return f"{sign}{contacts:,}" if contacts else ""


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
                self._print_detail(_describe_plan(notice))
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
                self._warn(_describe_hook(notice))
            case MetricsFailed(message):
                self._warn(message)
            case RunEnded(outcome):
                self._bar.stop()
                self._print_detail(_timings(outcome))
            case _:
                pass

    def _advance(self, progress: RowsFetched | ContactsDone) -> None:
        self._bar.start()
        match progress:
            case RowsFetched(_, rows):
                self._bar.update(rows, None)
            case ContactsDone(done, contacts):
                self._bar.update(done, contacts)

    def handle_in_signal(self, notice: Notice) -> None:
        """Show that a signal ends the run."""
        if isinstance(notice, RunFailed):
            write_error("; ".join(map(str, notice.problems)))

    def _print_detail(self, text: str) -> None:
        if self._is_chatty and text:
            self._console.print(f"[dim]{escape(text)}[/dim]")

    def _warn(self, message: str) -> None:
        self._console.print(f"[yellow]warning:[/yellow] {escape(message)}")


def _describe_plan(planned: RunPlanned) -> str:
    parts = (counted(planned.segments, "segment"), counted(planned.rules, "distinct rule"))
    tables = "".join(
        f", {counted(table.aggregates, 'aggregate')} of {counted(table.rows, 'row')} in {table.name}"
        for table in planned.tables
    )
    compared = f", compared with run {planned.follows}" if planned.follows else ""
    return f"{', '.join(parts)}, {counted(planned.columns, 'column')} read{tables}{compared}"


def _describe_hook(hook: HookEnded) -> str:
    if hook.exit_status is None:
        return f"the command of {hook.option} was ended after {hook.seconds:.3g} s, as it was not done (--hook-timeout)"
    return f"the command of {hook.option} ended with {hook.exit_status}"


def _timings(outcome: Outcome) -> str:
    """Return the duration of a run and its phases; empty for a run without a report."""
    if outcome.report is None:
        return ""
    phases = [f"{phase} {seconds:.1f}" for phase, seconds in outcome.phases.items() if seconds >= _FEWEST_SECONDS]
    return f"{outcome.seconds:.1f} s" + (f": {', '.join(phases)}" if phases else "")
