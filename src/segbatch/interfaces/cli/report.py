"""The command that writes the web page with its data into one file: report."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from segbatch.errors import UsageError
from segbatch.interfaces.cli.app import app
from segbatch.interfaces.cli.options import JSON, PUBLISHED, path_parser
from segbatch.interfaces.cli.render.bar import opened
from segbatch.interfaces.cli.render.base import claim_stdout, err, escape, out, print_json, print_problems, stdout_guard
from segbatch.platform.blas import no_blas_threads
from segbatch.platform.files import STDOUT
from segbatch.text import counted


@app.command(
    epilog="Exit status: 0 written; 1 not written, and an existing report is unchanged; 2 unknown segment, or the "
    "existing file is not a report."
)
def report(
    to: Annotated[
        Path,
        typer.Option(
            metavar="FILE",
            parser=path_parser("report", "--to"),
            help="The HTML file to write, which replaces an earlier report; or -, the standard output.",
        ),
    ] = Path("report.html"),
    runs: Annotated[int, typer.Option(metavar="N", min=1, help="Show the last N runs.")] = 30,
    segment: Annotated[list[str] | None, typer.Option(metavar="ID", help="Show only this segment; repeatable.")] = None,
    members: Annotated[int, typer.Option(metavar="N", min=0, help="Show the ids of N contacts of each segment.")] = 0,
    output: Annotated[str, PUBLISHED] = "output",
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Write a report on the published runs: one HTML file that needs no server and no network.

    It has no ids of contacts, unless [bold]--members[/bold] asks for them.

    Example: [bold]segbatch report --to report.html[/bold]
    """
    destination = claim_stdout("report", as_json=as_json) if str(to) == STDOUT else to
    if not isinstance(destination, Path) and destination.isatty():
        raise UsageError("a report cannot be shown on a terminal; name a file (--to)")
    with no_blas_threads():
        from segbatch.interfaces.web.report import write_report  # noqa: PLC0415 - loads Polars

    with opened(output) as folder, stdout_guard():
        written = write_report(folder, destination, runs=runs, segments=segment or None, members=members)
    print_problems(written.warnings)
    with stdout_guard():
        if as_json:
            print_json(asdict(written))
        else:
            what = (
                f"{counted(written.segments, 'segment')}, {counted(written.runs, 'run')}, {written.size / 1e6:.1f} MB"
            )
            console = err() if written.path is None else out()
            console.print(escape(f"{written.path or 'report'}: {what}"), soft_wrap=True)
