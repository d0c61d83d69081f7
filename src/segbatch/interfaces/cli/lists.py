"""The command for lists: lists."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from segbatch.definitions.exclusions import Source
from segbatch.errors import Problem
from segbatch.interfaces.cli.app import app
from segbatch.interfaces.cli.options import EXCLUDE, JSON, LISTS, SEGMENTS
from segbatch.interfaces.cli.render.base import escape, out, print_json, print_problems, print_table, stdout_guard
from segbatch.text import counted, some_of

if TYPE_CHECKING:
    from segbatch.authoring.lists import ListsReport


@app.command("lists", epilog="Exit status: 0 printed; 2 a list cannot be used, or a definition has errors.")
def lists_(
    segments: Annotated[Path, SEGMENTS] = Path("segments"),
    exclude: Annotated[list[str] | None, EXCLUDE] = None,
    lists: Annotated[Path | None, LISTS] = None,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Show the lists that rules can name, with their sizes and the segments that use them.

    Example: [bold]segbatch lists --segments segments[/bold]
    """
    from segbatch.authoring.lists import show_lists  # noqa: PLC0415 - loads pydantic, which other commands do without

    report = show_lists(Source.of(segments, exclude or ()), lists)
    _print_lists(report, as_json=as_json)
    if report.errors or report.problems:
        raise typer.Exit(2)


@stdout_guard()
def _print_lists(report: "ListsReport", *, as_json: bool) -> None:
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
