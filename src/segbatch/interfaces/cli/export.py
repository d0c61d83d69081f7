"""The command that exports a segment to other programs: export."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from segbatch.errors import UsageError
from segbatch.interfaces.cli import render
from segbatch.interfaces.cli.app import app
from segbatch.interfaces.cli.options import JSON, PUBLISHED, RUN
from segbatch.platform.shutdown import shutdown

STDOUT = "-"


@app.command(
    epilog="Exit status: 0 written; 1 not written, and what was in the file's place stands; 2 no such segment, run or "
    "column, or the file is there already."
)
def export(
    segment: Annotated[str, typer.Argument(help="The id of a segment.")],
    to: Annotated[
        str, typer.Option(metavar="FILE", help="A .csv, .jsonl or .parquet file; or -, the standard output.")
    ] = STDOUT,
    changes: Annotated[
        bool, typer.Option("--changes", help="Who entered and who left with the run, and not the members.")
    ] = False,
    since: Annotated[
        str | None,
        typer.Option(metavar="RUN", help="Who entered and who left since this run, and still is in or out."),
    ] = None,
    columns: Annotated[
        list[str] | None,
        typer.Option(metavar="NAMES", help="Columns of the snapshot to add, such as email,custom_fields.plan."),
    ] = None,
    contacts: Annotated[
        str | None,
        typer.Option(metavar="PATH", show_default="the one that the run read", help="The snapshot to take these from."),
    ] = None,
    id_column: Annotated[
        str | None, typer.Option(metavar="NAME", show_default="that of the run", help="Its column of ids.")
    ] = None,
    custom_fields: Annotated[
        str | None,
        typer.Option(metavar="NAME", show_default="that of the run", help="Its column called custom_fields here."),
    ] = None,
    run: Annotated[str, typer.Option(metavar="RUN", help=RUN)] = "last",
    output: Annotated[Path, PUBLISHED] = Path("output"),
    format: Annotated[  # noqa: A002 - the name of the option
        str | None,
        typer.Option(metavar="<csv|jsonl|parquet>", help="The form, where the file's name does not tell."),
    ] = None,
    raw: Annotated[
        bool, typer.Option("--raw", help="Put no ' before texts in CSV that a spreadsheet would take for a formula.")
    ] = False,
    bom: Annotated[bool, typer.Option("--bom", help="Begin CSV with a mark by which Excel knows UTF-8.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Write the members of a segment, or who entered and left it, to a file for other programs.

    Example: [bold]segbatch export pro-plan-users --to pro.csv --columns email,country[/bold]
    """
    if to == STDOUT and as_json:
        raise UsageError("--json prints what was done to stdout, where the export goes; name a file (--to)")
    if not to:
        raise UsageError("the path of the export is empty; is a variable not set? (--to)")
    if to == STDOUT:
        shutdown.pending_message = "what was written is not all"
    from segbatch.exports import export as exporting  # noqa: PLC0415 - loads Polars

    with render.show_progress("rows", answers_meanwhile=to == STDOUT) as progress, render.answering():
        report = exporting.export(
            segment,
            sys.stdout.buffer if to == STDOUT else to,
            output,
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
    render.print_exported(report, as_json=as_json)
