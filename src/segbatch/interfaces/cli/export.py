"""The command that exports a segment to other programs: export."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from segbatch.errors import UsageError
from segbatch.interfaces.cli.app import app
from segbatch.interfaces.cli.options import JSON, PUBLISHED, RUN
from segbatch.interfaces.cli.render.bar import opened, show_progress
from segbatch.interfaces.cli.render.base import claim_stdout, err, escape, out, print_json, print_problems, stdout_guard
from segbatch.platform.files import STDOUT
from segbatch.text import counted

if TYPE_CHECKING:
    from segbatch.exports.export import ExportReport


@app.command(
    epilog="Exit status: 0 written; 1 not written, and an existing file is unchanged; 2 unknown segment, run or "
    "column, or the file exists."
)
def export(
    segment: Annotated[str, typer.Argument(help="The id of a segment.")],
    to: Annotated[
        str, typer.Option(metavar="FILE", help="A .csv, .jsonl or .parquet file; or -, the standard output.")
    ] = STDOUT,
    changes: Annotated[
        bool, typer.Option("--changes", help="Export contacts that entered or left with the run, not the members.")
    ] = False,
    since: Annotated[
        str | None,
        typer.Option(metavar="RUN", help="Export contacts that entered or left since this run, by the net change."),
    ] = None,
    columns: Annotated[
        list[str] | None,
        typer.Option(metavar="NAMES", help="Columns of the snapshot to add, such as email,custom_fields.plan."),
    ] = None,
    contacts: Annotated[
        str | None,
        typer.Option(metavar="PATH", show_default="the one that the run read", help="The snapshot with these columns."),
    ] = None,
    id_column: Annotated[
        str | None,
        typer.Option(metavar="NAME", show_default="that of the run", help="Its column with the contact ids."),
    ] = None,
    custom_fields: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", show_default="that of the run", help="Its column that --columns calls custom_fields."
        ),
    ] = None,
    run: Annotated[str, typer.Option(metavar="RUN", help=RUN)] = "last",
    output: Annotated[str, PUBLISHED] = "output",
    format: Annotated[  # noqa: A002 - the name of the option
        str | None,
        typer.Option(metavar="<csv|jsonl|parquet>", help="The format, if the file name does not show it."),
    ] = None,
    raw: Annotated[
        bool, typer.Option("--raw", help="Write CSV text that looks like a formula without a ' before it.")
    ] = False,
    bom: Annotated[
        bool, typer.Option("--bom", help="Start CSV with a byte order mark, so that Excel reads UTF-8.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite an existing file.")] = False,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Write the members of a segment, or the contacts that entered and left, to a file.

    Example: [bold]segbatch export pro-plan-users --to pro.csv --columns email,country[/bold]
    """
    if not to:
        raise UsageError("the path of the export is empty; is a variable not set? (--to)")
    destination = claim_stdout("export", as_json=as_json) if to == STDOUT else to
    from segbatch.exports.export import export as write_rows  # noqa: PLC0415 - loads Polars

    with (
        opened(output, members=False) as folder,
        show_progress("rows", answers_meanwhile=to == STDOUT) as progress,
        stdout_guard(),
    ):
        report = write_rows(
            segment,
            destination,
            folder,
            run=run,
            changes=changes,
            since=since,
            columns=columns or (),
            contacts=contacts,
            id_column=id_column,
            custom_fields=custom_fields,
            format=format,
            raw=raw,
            bom=bom,
            force=force,
            progress=progress,
        )
    _print_exported(report, as_json=as_json)


@stdout_guard()
def _print_exported(report: "ExportReport", *, as_json: bool) -> None:
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
