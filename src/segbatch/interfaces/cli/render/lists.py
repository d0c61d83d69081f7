"""Output of the command for lists."""

from dataclasses import asdict
from typing import TYPE_CHECKING

from rich.table import Table

from segbatch.errors import Problem
from segbatch.interfaces.cli.render.base import escape, out, print_json, print_problems, print_table, stdout_guard
from segbatch.text import counted, some_of

if TYPE_CHECKING:
    from segbatch.authoring.lists import ListsReport


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
