"""What people see: tables that fit the screen, problems in colour, and progress on a terminal."""

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from rich.console import Console
from rich.markup import escape as escape_markup
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from segbatch.errors import Problem, SegbatchError, counted, printable

if TYPE_CHECKING:
    from segbatch.checking import CheckReport
    from segbatch.explaining.reports import Explanation, Funnel, Step, Verdict
    from segbatch.job import RunReport
    from segbatch.linting.lint import LintReport
    from segbatch.linting.names import FindingName
    from segbatch.previewing import PreviewReport
    from segbatch.publishing.querying import Answer

__all__ = [
    "answering",
    "print_answer",
    "print_check",
    "print_error",
    "print_explanation",
    "print_finding_names",
    "print_funnel",
    "print_lint",
    "print_preview",
    "print_problems",
    "print_run",
    "show_progress",
]

_Entry = TypeVar("_Entry", "Verdict", "Step")

_MOST_SHOWN = 100
_STATUS_COLOUR = {"ok": "green", "failed": "red", "held": "yellow"}
_SEVERITY_COLOUR = {"error": "red", "warning": "yellow"}


def _plain(text: str) -> str:
    """Make a text of others safe to print: no markup, no control characters, no bytes that are no text."""
    return escape_markup(printable(text))


def _out() -> Console:
    return Console(highlight=False, emoji=False)


def _err() -> Console:
    return Console(stderr=True, highlight=False, emoji=False, soft_wrap=True)


def print_error(message: str, *, in_lines: bool = False) -> None:
    """Print what a command failed on to stderr: in one line, or in those that the message has."""
    lines = message.split("\n") if in_lines else [message]
    _err().print("[red]error:[/red] " + "\n".join(map(_plain, lines)))


@contextmanager
def answering(before: str = "") -> Iterator[None]:
    """Print to stdout inside, and know afterwards that it is written.

    Args:
        before: What is to be said first where it cannot be.

    Raises:
        SegbatchError: It cannot be; nothing more goes to stdout then.
    """
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        raise  # who reads it has read enough
    except OSError as error:
        _silence_stdout()
        raise SegbatchError(f"{before}the answer cannot be written: {error.strerror}") from None


def _silence_stdout() -> None:
    """Let what is still to be written to stdout go nowhere, or Python would fail on it once more at its end."""
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        os.dup2(nowhere.fileno(), sys.stdout.fileno())


def print_problems(problems: Iterable[Problem]) -> None:
    """Print errors and warnings, a line each, to stderr."""
    for problem in problems:
        colour = _SEVERITY_COLOUR[problem.severity]
        _err().print(f"[{colour}]{problem.severity}:[/{colour}] {_plain(str(problem))}")


@contextmanager
def show_progress() -> Iterator[Callable[[int, int], None]]:
    """Show how many contacts are done, on stderr, where that is a terminal.

    Yields:
        A function to be told how many contacts are done and how many there are.
    """
    console = _err()
    columns = (TextColumn("contacts"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("contacts", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


@answering("the run is published, but ")
def print_run(report: "RunReport", *, as_json: bool) -> None:
    """Print what a run did: a table for people, or JSON for machines, to stdout; problems to stderr."""
    if as_json:
        _print_json(_run_data(report))
        return
    print_problems(report.warnings)
    print_problems(report.errors)
    _out().print(_run_table(report))
    if len(report.segments) > _MOST_SHOWN:
        _out().print(f"and {len(report.segments) - _MOST_SHOWN:,} more, in the table 'segments'")
    run = report.run
    _out().print(
        f"{counted(run.contacts, 'contact')}, {counted(run.segments_ok, 'segment')}, "
        f"{counted(run.memberships, 'membership')}"
        + (f", [red]{run.segments_failed:,} failed[/red]" if run.segments_failed else "")
        + f"; run {run.run_id}",
        soft_wrap=True,
    )
    _out().print(f"duckdb -readonly {_plain(str(report.catalogue))}", soft_wrap=True)


def _run_table(report: "RunReport") -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("segment", overflow="fold")
    table.add_column("members", justify="right", no_wrap=True)
    table.add_column("share", justify="right", no_wrap=True)
    table.add_column("status", no_wrap=True)
    for segment in report.segments[:_MOST_SHOWN]:
        colour = _STATUS_COLOUR[segment.status]
        members = f"{segment.member_count:,}" if segment.run_id else "-"
        share = _share(segment.member_count, report.run.contacts) if segment.run_id else "-"
        table.add_row(_plain(segment.segment_id), members, share, f"[{colour}]{segment.status}[/{colour}]")
    return table


def _share(members: int, contacts: int) -> str:
    return f"{members / contacts:.1%}" if contacts else "-"


def _table(*columns: str, right: int = 0) -> Table:
    """Make a table; its last columns, so many, are numbers."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for index, column in enumerate(columns):
        is_number = index >= len(columns) - right
        table.add_column(column, justify="right" if is_number else "left", no_wrap=is_number, overflow="fold")
    return table


def print_preview(report: "PreviewReport", *, as_json: bool) -> None:
    """Print what a preview found: a line a segment and its first members, or JSON, to stdout; problems to stderr."""
    if as_json:
        problems = {"errors": list(map(str, report.errors)), "warnings": list(map(str, report.warnings))}
        _print_json({"contacts": report.contacts, "segments": [asdict(entry) for entry in report.segments]} | problems)
        return
    print_problems(report.warnings)
    print_problems(report.errors)
    for entry in report.segments:
        size = f"{entry.members:,} of {counted(report.contacts, 'contact')}"
        first = ", ".join(map(str, entry.first)) + (", …" if entry.members > len(entry.first) else "")
        line = f"{entry.segment_id}: {size}, {_share(entry.members, report.contacts)}"
        _out().print(_plain(f"{line}: {first}" if entry.first else line), soft_wrap=True)


def print_explanation(report: "Explanation", *, as_json: bool) -> None:
    """Print why a contact is in a segment or is not: a line a rule, or JSON, to stdout; warnings to stderr."""
    if as_json:
        _print_json({**asdict(report), "warnings": list(map(str, report.warnings))})
        return
    print_problems(report.warnings)
    table = _table("", "rule", "why")
    for entry, depth in _indented(report.verdicts):
        mark = "[green]yes[/green]" if entry.holds else "[red]no[/red]"
        table.add_row(mark, "  " * depth + _plain(entry.rule), _plain(entry.why))
    _out().print(table)
    verdict = "in" if report.member else "not in"
    _out().print(_plain(f"{report.contact_id} is {verdict} {report.segment_id}"), soft_wrap=True)


def print_funnel(report: "Funnel", *, as_json: bool) -> None:
    """Print where a segment loses its contacts: a line a rule, or JSON, to stdout; warnings to stderr."""
    if as_json:
        _print_json({**asdict(report), "warnings": list(map(str, report.warnings))})
        return
    print_problems(report.warnings)
    table = _table("rule", "keeps", "share", "left", "share", right=4)
    for entry, depth in _indented(report.steps):
        alone = (f"{entry.keeps:,}", _share(entry.keeps, report.contacts))
        left = ("", "") if entry.left is None else (f"{entry.left:,}", _share(entry.left, report.contacts))
        table.add_row("  " * depth + _plain(entry.rule), *alone, *left)
    _out().print(table)
    size = f"{report.members:,} of {counted(report.contacts, 'contact')}, {_share(report.members, report.contacts)}"
    _out().print(_plain(f"{report.segment_id}: {size}"), soft_wrap=True)


def _indented(entries: Iterable[_Entry], depth: int = 0) -> Iterator[tuple[_Entry, int]]:
    """Walk what an explanation says, each entry with its depth."""
    for entry in entries:
        yield entry, depth
        yield from _indented(entry.parts, depth + 1)


def _run_data(report: "RunReport") -> dict[str, object]:
    return {
        **report.run.model_dump(mode="json"),
        "segments": [
            segment.model_dump(mode="json", exclude={"definition"})
            | {"share": segment.member_count / report.run.contacts if report.run.contacts else None}
            for segment in report.segments
        ],
        "warnings": [str(problem) for problem in report.warnings],
        "catalogue": str(report.catalogue),
        "membership": str(report.membership),
    }


@answering()
def print_answer(answer: "Answer", *, as_json: bool) -> None:
    """Print what a query found: a table, or a JSON list of objects, to stdout."""
    if as_json:
        _print_json([dict(zip(answer.columns, row, strict=True)) for row in answer.rows])
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for index, column in enumerate(answer.columns):
        is_number = all(isinstance(row[index], int | float) for row in answer.rows)
        table.add_column(_plain(column), overflow="fold", justify="right" if is_number else "left")
    for row in answer.rows:
        table.add_row(*("" if cell is None else _plain(str(cell)) for cell in row))
    _out().print(table)
    if not answer.complete:
        _err().print(f"[yellow]only the first {len(answer.rows):,} rows are shown; ask for more with --rows[/yellow]")


@answering()
def print_check(report: "CheckReport", *, as_json: bool) -> None:
    """Print what a check found: JSON to stdout, or for people the problems to stderr and the result to stdout."""
    if as_json:
        _print_json({"segments": report.segments, "problems": [_problem_data(entry) for entry in report.problems]})
        return
    print_problems(report.problems)
    warnings = len(report.problems) - len(report.errors)
    found = f"{counted(len(report.errors), 'error')}, {counted(warnings, 'warning')}"
    _out().print(f"{counted(report.segments, 'segment')} checked: {found}")


def print_lint(report: "LintReport", *, as_json: bool) -> None:
    """Print what lint found: JSON to stdout, or for people the findings to stderr and the result to stdout."""
    if as_json:
        errors = [_problem_data(entry) for entry in report.errors]
        findings = [{"name": entry.name, **_problem_data(entry.problem)} for entry in report.findings]
        _print_json({"segments": report.segments, "problems": errors, "findings": findings})
        return
    print_problems(report.errors)
    print_problems(finding.named for finding in report.findings)
    errors_too = f"{counted(len(report.errors), 'error')}, " if report.errors else ""
    found = f"{errors_too}{counted(len(report.findings), 'finding')}"
    _out().print(f"{counted(report.segments, 'segment')} linted: {found}")


def print_finding_names(names: "Mapping[FindingName, str]", *, as_json: bool) -> None:
    """Print what can be found, a line each, to stdout."""
    if as_json:
        _print_json(dict(names))
        return
    width = max(map(len, names))
    for name, meaning in names.items():
        _out().print(f"{name:{width}}  {meaning}", soft_wrap=True)


def _problem_data(problem: Problem) -> dict[str, str | None]:
    return {
        "severity": problem.severity,
        "segment_id": problem.segment_id,
        "file": problem.file,
        "path": problem.path,
        "message": problem.message,
    }


def _print_json(data: object) -> None:
    print(json.dumps(data, indent=2, default=str))  # noqa: T201 - machines read it, nothing may wrap or colour it
