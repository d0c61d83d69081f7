"""Output of the result of a synchronisation with a database."""

from dataclasses import asdict
from typing import TYPE_CHECKING

from rich.table import Table

from segbatch.interfaces.cli.render.base import escape, out, print_json, print_problems, print_table, stdout_guard
from segbatch.text import some_of

if TYPE_CHECKING:
    from segbatch.exports.database.sync import SyncReport


@stdout_guard()
def print_synced(report: "SyncReport", *, as_json: bool) -> None:
    """Print the result of a synchronisation to stdout. Warnings go to stderr."""
    if as_json:
        print_json({**asdict(report), "warnings": list(map(str, report.warnings))})
        return
    print_problems(report.warnings)
    where = report.database + (f", schema {report.schema}" if report.schema else "")
    if report.extent == "none":
        _print_line(f"{where}: has run {report.run_id} already; nothing was written")
        return
    print_table(_rows(report))
    _print_line(f"{where}: run {report.run_id}; {_extent(report)}")


def _print_line(text: str) -> None:
    out().print(escape(text), soft_wrap=True)


def _extent(report: "SyncReport") -> str:
    if report.extent == "full":
        return f"complete, because {report.reason}"
    undone = f", {some_of(report.undone)} undone" if report.undone else ""
    return f"changes since run {report.previous_run_id}{undone}"


def _rows(report: "SyncReport") -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("table")
    for name in ("added", "removed", "rows"):
        table.add_column(name, justify="right", no_wrap=True)
    rows = report.rows
    for name, written in (("membership", rows.membership), ("membership_changes", rows.membership_changes)):
        table.add_row(name, f"{written.added:,}", f"{written.removed:,}", "")
    for name, number in (("segments", rows.segments), ("runs", rows.runs)):
        table.add_row(name, "", "", f"{number:,}")
    return table
