"""Output of the result of an export, without its rows."""

from dataclasses import asdict
from typing import TYPE_CHECKING

from segbatch.interfaces.cli.render.base import err, escape, out, print_json, print_problems, stdout_guard
from segbatch.text import counted

if TYPE_CHECKING:
    from segbatch.exports.export import ExportReport


@stdout_guard()
def print_exported(report: "ExportReport", *, as_json: bool) -> None:
    """Print the result of an export to stdout, or to stderr if the export itself goes to stdout.

    Warnings go to stderr.
    """
    if as_json:
        notices = {"warnings": list(map(str, report.warnings)), "notes": list(map(str, report.notes))}
        print_json({**asdict(report), **notices})
        return
    print_problems((*report.notes, *report.warnings))
    console = err() if report.file is None else out()
    console.print(escape(f"{report.segment_id}: {_amount(report)}"), soft_wrap=True)
    if report.guarded:
        cells = counted(report.guarded, "cell")
        console.print(f"{cells} that a spreadsheet would take for a formula got a ' (--raw leaves it out)")


def _amount(report: "ExportReport") -> str:
    where = f", {report.file}" if report.file else ""
    if report.entered is None or report.exited is None:
        return f"{counted(report.rows, 'member')}; run {report.run_id}{where}"
    return f"{report.entered:,} entered, {report.exited:,} exited; run {report.run_id}{where}"
