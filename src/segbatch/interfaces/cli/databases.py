"""The commands for SQL databases: snapshot reads one, sync writes to one."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from segbatch.interfaces.cli.app import app
from segbatch.interfaces.cli.options import JSON, OUTPUT, PUBLISHED, path_parser
from segbatch.interfaces.cli.render.bar import Bar, opened, show_progress
from segbatch.interfaces.cli.render.base import (
    err,
    escape,
    out,
    print_json,
    print_problems,
    print_table,
    print_waiting,
    stdout_guard,
)
from segbatch.storage.output_lock import LockPolicy
from segbatch.text import counted, some_of

if TYPE_CHECKING:
    from segbatch.exports.database.sync import SyncReport
    from segbatch.snapshot.database.write import WrittenSnapshot


@app.command(
    epilog="Exit status: 0 written; 1 not written, and an existing file is unchanged; 2 wrong usage, or the existing "
    "file is not a snapshot."
)
def snapshot(
    address: Annotated[
        str, typer.Argument(help="The database: postgresql://, sqlite:///, snowflake://, bigquery://, grpc+tls://.")
    ],
    to: Annotated[
        Path,
        typer.Option(
            metavar="FILE",
            parser=path_parser("snapshot", "--to"),
            help="The Parquet file to write. It replaces an earlier snapshot.",
        ),
    ],
    query: Annotated[str | None, typer.Option(metavar="SQL", help="The query that selects the rows.")] = None,
    table: Annotated[
        str | None,
        typer.Option("--from", metavar="TABLE", help="The table to read, such as crm.contacts, in place of a query."),
    ] = None,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Read a query or a table of a database once, into a Parquet file.

    The file has the query, the time and a digest in its metadata. Runs over it copy them into their manifest.

    Example: [bold]segbatch snapshot postgresql://db.example.com/crm --from contacts --to contacts.parquet[/bold]
    """
    from segbatch.snapshot.database.write import write_snapshot  # noqa: PLC0415 - loads PyArrow

    with _show_row_count() as progress:
        written = write_snapshot(address, to, query=query, table=table, progress=progress)
    _print_snapshot(written, as_json=as_json)


@contextmanager
def _show_row_count() -> Iterator[Callable[[int], None]]:
    """Show the number of rows on stderr if that is a terminal.

    Yields:
        A function to call with the number of rows that are done.
    """
    console = err()
    bar = Bar("rows", console, is_shown=console.is_terminal)
    bar.start()
    try:
        yield lambda rows: bar.update(rows, None)
    finally:
        bar.stop()


@stdout_guard("the snapshot is written, but ")
def _print_snapshot(written: "WrittenSnapshot", *, as_json: bool) -> None:
    """Print the result of a snapshot to stdout, in one line or as JSON."""
    source = written.source
    if as_json:
        file = {"file": written.file, "size": written.size, "sha256": written.sha256}
        print_json(file | source.model_dump(mode="json"))
        return
    out().print(escape(f"{counted(source.rows, 'row')} of {source.address} in {written.file}"), soft_wrap=True)


@app.command(
    epilog="Exit status: 0 the tables have the published run; 1 they are unchanged, because the database or the output "
    "cannot be used; 2 wrong usage, or tables of another program have their names; 75 another synchronisation is "
    "writing them."
)
def sync(
    database: Annotated[
        str,
        typer.Argument(
            envvar="SEGBATCH_DATABASE",
            show_envvar=False,
            help="The address of a database, such as postgresql://HOST/DATABASE or sqlite:///FILE.",
        ),
    ],
    schema: Annotated[
        str | None,
        typer.Option(metavar="NAME", show_default="audiences", help="The schema of the tables; SQLite has none."),
    ] = None,
    output: Annotated[str, PUBLISHED] = "output",
    full: Annotated[
        bool, typer.Option("--full", help="Compare all rows, not only the changes since the last synchronisation.")
    ] = False,
    wait: Annotated[
        bool,
        typer.Option(
            "--wait/--no-wait",
            show_default=False,
            envvar="SEGBATCH_WAIT",
            rich_help_panel=OUTPUT,
            help="Wait until no other synchronisation writes the tables.",
        ),
    ] = False,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Write the published tables to a database, or only what changed since they were written there.

    Example: [bold]segbatch sync postgresql://warehouse/analytics --schema audiences[/bold]
    """
    from segbatch.exports.database.sync import sync as write_tables  # noqa: PLC0415 - loads PyArrow

    with opened(output) as folder, show_progress("rows") as progress:
        report = write_tables(
            database,
            folder,
            schema=schema,
            full=full,
            lock_policy=LockPolicy(wait, print_waiting),
            progress=progress,
        )
    _print_synced(report, as_json=as_json)


@stdout_guard()
def _print_synced(report: "SyncReport", *, as_json: bool) -> None:
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
