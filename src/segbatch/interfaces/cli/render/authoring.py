"""Output of the commands for definitions: checks, findings, previews, explanations, and the fields of a snapshot."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar, assert_never

from rich.table import Table

from segbatch.errors import Problem
from segbatch.findings.finding import limit_findings
from segbatch.interfaces.cli.render.base import (
    escape,
    out,
    print_json,
    print_problems,
    print_table,
    share,
    stdout_guard,
)
from segbatch.interfaces.cli.render.problem_formats import ReportFormat, as_sarif, github_lines
from segbatch.text import counted, cut, shown, some_of

if TYPE_CHECKING:
    from segbatch.authoring.check import CheckReport
    from segbatch.authoring.columns.columns import ColumnsReport
    from segbatch.authoring.columns.profile import FieldProfile
    from segbatch.authoring.explain.reports import Explanation, Funnel, Step, Verdict
    from segbatch.authoring.lists import ListsReport
    from segbatch.authoring.preview import PreviewReport
    from segbatch.findings.finding import FindingName
    from segbatch.findings.lint import LintReport

_Entry = TypeVar("_Entry", "Verdict", "Step")
_MOST_VALUES = 5
_LONGEST_VALUE = 30
_WIDEST_PATH = 40
"""On a narrow terminal, the values are wrapped before paths up to this width are."""


@stdout_guard()
def print_check(report: "CheckReport", report_format: ReportFormat) -> None:
    """Print the result of a check to stdout. With text, the problems go to stderr."""
    match report_format:
        case "json":
            print_json({"segments": report.segments, "problems": [_problem_data(entry) for entry in report.problems]})
        case "github" | "sarif":
            _print_for_ci(report.problems, report_format)
        case "text":
            print_problems(limit_findings(report.problems))
            found = f"{counted(len(report.errors), 'error')}, {counted(len(report.warnings), 'warning')}"
            out().print(f"{counted(report.segments, 'segment')} checked: {found}")
        case _:
            assert_never(report_format)


def _print_for_ci(problems: Sequence[Problem], report_format: Literal["github", "sarif"]) -> None:
    if report_format == "sarif":
        print_json(as_sarif(problems))
        return
    for line in github_lines(problems):
        print(line)  # noqa: T201 - for machines, so nothing may wrap or colour it


def print_lint(report: "LintReport", report_format: ReportFormat) -> None:
    """Print the result of lint to stdout. With text, the findings go to stderr."""
    problems = (*report.notes, *report.warnings, *report.errors)
    match report_format:
        case "json":
            findings = [{"name": entry.name, **_problem_data(entry.problem)} for entry in report.findings]
            others = [_problem_data(entry) for entry in problems]
            print_json({"segments": report.segments, "problems": others, "findings": findings})
        case "github" | "sarif":
            _print_for_ci((*problems, *(finding.named for finding in report.findings)), report_format)
        case "text":
            print_problems((*problems, *(finding.named for finding in report.findings)))
            errors_too = f"{counted(len(report.errors), 'error')}, " if report.errors else ""
            found = f"{errors_too}{counted(len(report.findings), 'finding')}"
            out().print(f"{counted(report.segments, 'segment')} linted: {found}")
        case _:
            assert_never(report_format)


def print_finding_names(names: "Mapping[FindingName, str]", *, as_json: bool) -> None:
    """Print the names of all findings to stdout, one on each line with its meaning, or as JSON."""
    if as_json:
        print_json(dict(names))
        return
    width = max(map(len, names))
    for name, meaning in names.items():
        out().print(f"{name:{width}}  {meaning}", soft_wrap=True)


def _notices(report: "PreviewReport | Explanation | Funnel") -> dict[str, list[str]]:
    return {"warnings": list(map(str, report.warnings)), "notes": list(map(str, report.notes))}


def _problem_data(problem: Problem) -> dict[str, str | int | None]:
    return {
        "severity": problem.severity,
        "segment_id": problem.segment_id,
        "file": problem.file,
        "line": problem.line,
        "path": problem.path,
        "message": problem.message,
    }


def _table(*columns: str, right: int = 0) -> Table:
    """Return a table. Its last `right` columns are numbers."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for index, column in enumerate(columns):
        is_number = index >= len(columns) - right
        table.add_column(column, justify="right" if is_number else "left", no_wrap=is_number, overflow="fold")
    return table


def print_preview(report: "PreviewReport", *, as_json: bool) -> None:
    """Print previews to stdout: a line for each segment with its first members, or JSON. Problems go to stderr."""
    if as_json:
        problems = {"errors": list(map(str, report.errors)), **_notices(report)}
        print_json({"contacts": report.contacts, "segments": [asdict(entry) for entry in report.segments]} | problems)
        return
    print_problems((*report.notes, *report.warnings))
    print_problems(report.errors)
    for entry in report.segments:
        size = f"{entry.members:,} of {counted(report.contacts, 'contact')}"
        first = ", ".join(map(str, entry.first)) + (", …" if entry.members > len(entry.first) else "")
        line = f"{entry.segment_id}: {size}, {share(entry.members, report.contacts)}"
        out().print(escape(f"{line}: {first}" if entry.first else line), soft_wrap=True)


def print_explanation(report: "Explanation", *, as_json: bool) -> None:
    """Print an explanation to stdout: a line for each rule, or JSON. Warnings go to stderr."""
    if as_json:
        print_json({**asdict(report), **_notices(report)})
        return
    print_problems((*report.notes, *report.warnings))
    table = _table("", "rule", "why")
    for entry, depth in _indented(report.verdicts):
        mark = "[green]yes[/green]" if entry.holds else "[red]no[/red]"
        table.add_row(mark, "  " * depth + escape(entry.rule), escape(entry.why))
        for number, row in enumerate(_row_lines(entry)):
            label = "this row" if number == 0 and entry.rows and entry.rows.has_source else "row"
            table.add_row("", "  " * (depth + 1) + label, escape(row))
    print_table(table)
    verdict = "in" if report.member else "not in"
    out().print(escape(f"{report.contact_id} is {verdict} {report.segment_id}"), soft_wrap=True)


def _row_lines(entry: "Verdict") -> Iterator[str]:
    """Yield a line for each row that is shown of an aggregate, and one with the number of the others."""
    if entry.rows is None:
        return
    for row in entry.rows.shown:
        yield ", ".join(f"{name} {'missing' if value is None else shown(value)}" for name, value in row.items())
    more = entry.rows.number - len(entry.rows.shown)
    if more:
        yield f"and {counted(more, 'more row')}"


def print_funnel(report: "Funnel", *, as_json: bool) -> None:
    """Print a funnel to stdout: a line for each rule, or JSON. Warnings go to stderr."""
    if as_json:
        print_json({**asdict(report), **_notices(report)})
        return
    print_problems((*report.notes, *report.warnings))
    table = _table("rule", "keeps", "share", "left", "share", right=4)
    for entry, depth in _indented(report.steps):
        alone = (f"{entry.keeps:,}", share(entry.keeps, report.contacts))
        left = ("", "") if entry.left is None else (f"{entry.left:,}", share(entry.left, report.contacts))
        table.add_row("  " * depth + escape(entry.rule), *alone, *left)
    print_table(table, droppable=("share",))
    size = f"{report.members:,} of {counted(report.contacts, 'contact')}, {share(report.members, report.contacts)}"
    out().print(escape(f"{report.segment_id}: {size}"), soft_wrap=True)


def _indented(entries: Iterable[_Entry], depth: int = 0) -> Iterator[tuple[_Entry, int]]:
    """Yield the entries of an explanation in depth-first order, with their depth."""
    for entry in entries:
        yield entry, depth
        yield from _indented(entry.parts, depth + 1)


@stdout_guard()
def print_columns(report: "ColumnsReport", schema_file: Path | None, *, as_json: bool) -> None:
    """Print the fields of a snapshot to stdout, one on each line, or as JSON. With a table, problems go to stderr.

    Args:
        schema_file: The schema file that was written, if any. It is reported in place of the table.
    """
    if as_json:
        problems = {"warnings": list(map(str, report.warnings)), "notes": list(map(str, report.notes))}
        print_json({"contacts": report.contacts, "fields": [asdict(field) for field in report.fields]} | problems)
        return
    print_problems((*report.notes, *report.warnings))
    if schema_file is not None:
        out().print(escape(f"wrote {counted(len(report.fields), 'field')} to {schema_file}"), soft_wrap=True)
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    longest = max((len(_field_cells(field)[0]) for field in report.fields), default=0)
    table.add_column("field", overflow="fold", min_width=min(longest, _WIDEST_PATH))
    for column in ("type", "missing", "distinct", "values", "rule"):
        is_number = column in {"missing", "distinct"}
        table.add_column(column, justify="right" if is_number else "left", no_wrap=is_number, overflow="fold")
    for field in report.fields:
        table.add_row(*map(escape, _field_cells(field)))
    print_table(table, droppable=("rule", "distinct"), records=True)
    out().print(f"{counted(report.contacts, 'contact')}, {counted(len(report.fields), 'field')}", soft_wrap=True)


def _field_cells(field: "FieldProfile") -> tuple[str, ...]:
    approximately = "" if field.is_distinct_exact else "~"
    distinct = f"{approximately}{field.distinct:,}" if field.distinct else "-"
    rule = json.dumps(field.rule, ensure_ascii=False)
    kind = f"{field.type}, mixed" if field.is_mixed else field.type
    path = field.path if field.table is None else f"{field.table}: {field.path}"
    return path, kind, f"{field.missing:.1%}", distinct, _field_values(field), rule


def _field_values(field: "FieldProfile") -> str:
    """Return the range of numbers and dates, or the most frequent values with their shares."""
    if field.is_unique and field.distinct > 1:
        return "(almost all different)"
    if field.low is not None and len(field.values) < field.distinct:
        return f"{field.low} to {field.high}"
    values = ", ".join(f"{_short_value(entry.value)} {entry.share:.0%}" for entry in field.values[:_MOST_VALUES])
    return values or ("(only rare values)" if field.distinct else "-")


def _short_value(value: object) -> str:
    return "(empty)" if value == "" else cut(value if isinstance(value, str) else json.dumps(value), _LONGEST_VALUE)


@stdout_guard()
def print_lists(report: "ListsReport", *, as_json: bool) -> None:
    """Print lists to stdout, one on each line, or as JSON. With text, problems go to stderr."""
    if as_json:
        problems = list(map(str, report.problems))
        print_json({"folder": report.folder, "lists": [asdict(entry) for entry in report.lists], "problems": problems})
        return
    print_problems(report.problems)
    print_problems(map(Problem, report.errors))
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("list", "values", "file", "used by"):
        is_number = column == "values"
        table.add_column(column, justify="right" if is_number else "left", no_wrap=is_number, overflow="fold")
    for entry in report.lists:
        values = "-" if entry.values is None else f"{entry.values:,}"
        table.add_row(escape(entry.name), values, escape(entry.file or "-"), escape(some_of(entry.used_by) or "-"))
    print_table(table, droppable=("file", "values"))
    out().print(f"{counted(len(report.lists), 'list')} in {escape(report.folder)}", soft_wrap=True)
