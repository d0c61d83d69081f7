"""The command line: it reads options, calls one function, and shows its answer."""

import io
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from segbatch import console
from segbatch.errors import DefinitionError, SegbatchError, UsageError
from segbatch.version import __version__

__all__ = ["app", "main"]

PARTIAL = 3
"""The exit status of a run that published, but without some segments."""

INTERRUPTED = 130


class _Commands(TyperGroup):
    """The commands; what a user can mend ends one with a message and an exit status, and without a traceback."""

    def invoke(self, ctx: Any) -> object:
        """Run the command that was asked for."""
        try:
            return super().invoke(ctx)
        except DefinitionError as error:
            console.print_problems(error.problems)
            raise typer.Exit(error.exit_code) from None
        except SegbatchError as error:
            console.print_error(str(error))
            raise typer.Exit(error.exit_code) from None
        except OSError as error:
            console.print_error(f"{error.filename}: {error.strerror}" if error.filename else str(error))
            raise typer.Exit(1) from None
        except KeyboardInterrupt:
            console.print_error("interrupted; nothing was published")
            raise typer.Exit(INTERRUPTED) from None


app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _read_path(text: str | Path) -> Path:
    """Read a path, but not an empty one: it would mean the current folder, and comes of a variable that is not set."""
    if not str(text):
        raise UsageError("a path is empty; is a variable not set?")
    return Path(text)


_SEGMENTS = typer.Option(
    metavar="PATH",
    parser=_read_path,
    help="A JSON file of segment definitions, or a folder of such files.",
    show_default=True,
)
_ID_COLUMN = typer.Option(metavar="NAME", help="The column with the contacts' ids.")
_PROJECT = typer.Option(
    metavar="ID", help="Only the segments of this project (and those of none), over its contacts alone."
)
_TIMEZONE = typer.Option(metavar="TZ", help="The IANA time zone of calendar days and of times without an offset.")
_STRICT = typer.Option("--strict", help="A custom field that no contact has is an error of its segment.")
_PUBLISHED = typer.Option(metavar="DIR", parser=_read_path, help="The folder that runs publish in.")
_JSON = typer.Option("--json", help="Print JSON to stdout, and nothing else there.")


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"segbatch {__version__}")
        raise typer.Exit


@app.callback()
def segbatch(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Turn segment definitions into audiences.

    Definitions are JSON files, contacts are Parquet, and what comes out is a membership table for DuckDB.

    Start with [bold]segbatch check[/bold], then [bold]segbatch run[/bold].
    """


@app.command(
    epilog="Exit status: 0 published; 3 published, but some segments failed; 1 nothing published; 2 wrong usage."
)
def run(
    contacts: Annotated[
        str,
        typer.Option(metavar="PATH", help="The snapshot: a Parquet file, a folder of them, or a glob in quotes."),
    ],
    segments: Annotated[Path, _SEGMENTS] = Path("segments"),
    output: Annotated[
        Path, typer.Option(metavar="DIR", parser=_read_path, help="Where to publish; made if it is not there.")
    ] = Path("output"),
    id_column: Annotated[str, _ID_COLUMN] = "id",
    project: Annotated[str | None, _PROJECT] = None,
    as_of: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="The moment for which the run holds, ISO 8601.  [default: now]"),
    ] = None,
    timezone: Annotated[str, _TIMEZONE] = "UTC",
    strict: Annotated[bool, _STRICT] = False,
    allow_empty: Annotated[
        bool, typer.Option("--allow-empty", help="Publish even if the snapshot has no contacts at all.")
    ] = False,
    as_json: Annotated[bool, _JSON] = False,
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


@app.command(
    epilog="Exit status: 0 nothing is wrong (there may be warnings); 2 something is; 1 the snapshot cannot be used."
)
def check(
    segments: Annotated[Path, _SEGMENTS] = Path("segments"),
    contacts: Annotated[
        str | None,
        typer.Option(metavar="PATH", help="Check fields and types against this snapshot's columns too."),
    ] = None,
    id_column: Annotated[str, _ID_COLUMN] = "id",
    project: Annotated[str | None, _PROJECT] = None,
    timezone: Annotated[str, _TIMEZONE] = "UTC",
    strict: Annotated[bool, _STRICT] = False,
    as_json: Annotated[bool, _JSON] = False,
) -> None:
    """Find what is wrong with definitions, without evaluating them.

    Example: [bold]segbatch check --segments segments --contacts contacts.parquet[/bold]
    """
    from segbatch import checking  # noqa: PLC0415 - loads Polars, which other commands do without

    report = checking.check(segments, contacts, id_column=id_column, project=project, timezone=timezone, strict=strict)
    console.print_check(report, as_json=as_json)
    if report.errors:
        raise typer.Exit(2)


@app.command()
def query(
    sql: Annotated[str, typer.Argument(help="A statement of DuckDB's SQL over membership, segments and runs.")],
    output: Annotated[Path, _PUBLISHED] = Path("output"),
    rows: Annotated[int, typer.Option(metavar="N", min=1, help="How many rows to show.")] = 1000,
    as_json: Annotated[bool, _JSON] = False,
) -> None:
    """Ask the published tables.

    Example: [bold]segbatch query "SELECT segment_id, member_count FROM segments"[/bold]
    """
    from segbatch.publishing import querying  # noqa: PLC0415 - loads DuckDB

    console.print_answer(querying.query(output, sql, rows), as_json=as_json)


@app.command()
def relink(
    output: Annotated[Path, _PUBLISHED] = Path("output"),
) -> None:
    """Make segbatch.duckdb right again after its folder was moved or mounted elsewhere.

    Example: [bold]segbatch relink --output /mnt/audiences[/bold]
    """
    from segbatch.publishing.publish import rebuild_catalogue  # noqa: PLC0415 - loads DuckDB

    typer.echo(str(rebuild_catalogue(output)))


@app.command(epilog="Exit status: 0 printed; 2 the segment is wrong, or the dialect cannot say it.")
def sql(
    segment: Annotated[str, typer.Argument(help="The id of the segment.")],
    contacts: Annotated[
        str, typer.Option(metavar="PATH", help="The snapshot, whose columns decide what a rule means.")
    ],
    segments: Annotated[Path, _SEGMENTS] = Path("segments"),
    dialect: Annotated[
        str, typer.Option(help="duckdb, postgres, snowflake, bigquery, clickhouse or spark.")
    ] = "duckdb",
    table: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The table to select from.  [default: the snapshot's files]"),
    ] = None,
    id_column: Annotated[str, _ID_COLUMN] = "id",
    project: Annotated[str | None, _PROJECT] = None,
    as_of: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="What relative dates are measured from, ISO 8601.  [default: now]"),
    ] = None,
    timezone: Annotated[str, _TIMEZONE] = "UTC",
) -> None:
    """Print a segment as one SQL query, to be reviewed or run elsewhere.

    Example: [bold]segbatch sql pro-plan-users --contacts contacts.parquet[/bold]
    """
    from segbatch.sql.asking import write_sql  # noqa: PLC0415 - loads Polars and sqlglot

    text = write_sql(
        segment,
        contacts,
        segments,
        dialect=dialect,
        table=table,
        id_column=id_column,
        project=project,
        as_of=as_of,
        timezone=timezone,
    )
    typer.echo(f"{text};")


def main() -> None:
    """Run the command line."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a name that the terminal cannot show ends no run
    app()
