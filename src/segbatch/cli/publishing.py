"""The commands around a run: run, query, relink."""

from pathlib import Path
from typing import Annotated

import typer

from segbatch import console
from segbatch.cli.app import (
    ID_COLUMN,
    JSON,
    PARTIAL,
    PROJECT,
    PUBLISHED,
    READ_OUTPUT,
    SEGMENTS,
    STRICT,
    TIMEZONE,
    app,
)
from segbatch.errors import printable

__all__ = ["query", "relink", "run"]


@app.command(
    epilog="Exit status: 0 published; 3 published, but some segments failed; 1 nothing published; 2 wrong usage; "
    "75 another run is at work."
)
def run(
    contacts: Annotated[
        str,
        typer.Option(metavar="PATH", help="The snapshot: a Parquet file, a folder of them, or a glob in quotes."),
    ],
    segments: Annotated[Path, SEGMENTS] = Path("segments"),
    output: Annotated[
        Path, typer.Option(metavar="DIR", parser=READ_OUTPUT, help="Where to publish; made if it is not there.")
    ] = Path("output"),
    id_column: Annotated[str, ID_COLUMN] = "id",
    project: Annotated[str | None, PROJECT] = None,
    as_of: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="The moment for which the run holds, ISO 8601.  [default: now]"),
    ] = None,
    timezone: Annotated[str, TIMEZONE] = "UTC",
    strict: Annotated[bool, STRICT] = False,
    allow_empty: Annotated[
        bool, typer.Option("--allow-empty", help="Publish even if the snapshot has no contacts at all.")
    ] = False,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Evaluate every segment over a snapshot and publish the membership.

    Example: [bold]segbatch run --contacts contacts.parquet --segments segments --output output[/bold]
    """
    from segbatch import job  # noqa: PLC0415 - loads Polars, which other commands do without

    with console.show_progress() as progress:
        report = job.run(
            contacts,
            segments,
            output,
            id_column=id_column,
            project=project,
            as_of=as_of,
            timezone=timezone,
            strict=strict,
            allow_empty=allow_empty,
            progress=progress,
        )
    console.print_run(report, as_json=as_json)
    if report.run.status == "partial":
        raise typer.Exit(PARTIAL)


@app.command()
def query(
    sql: Annotated[str, typer.Argument(help="A statement of DuckDB's SQL over membership, segments and runs.")],
    output: Annotated[Path, PUBLISHED] = Path("output"),
    rows: Annotated[int, typer.Option(metavar="N", min=1, help="How many rows to show.")] = 1000,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Ask the published tables.

    Example: [bold]segbatch query "SELECT segment_id, member_count FROM segments"[/bold]
    """
    from segbatch.publishing import querying  # noqa: PLC0415 - loads DuckDB

    console.print_answer(querying.query(output, sql, rows), as_json=as_json)


@app.command()
def relink(
    output: Annotated[Path, PUBLISHED] = Path("output"),
) -> None:
    """Make segbatch.duckdb right again after its folder was moved or mounted elsewhere.

    Example: [bold]segbatch relink --output /mnt/audiences[/bold]
    """
    from segbatch.publishing.publish import rebuild_catalogue  # noqa: PLC0415 - loads DuckDB

    catalogue = rebuild_catalogue(output)
    with console.answering():
        typer.echo(printable(str(catalogue)))
