"""The command that reads a database into a snapshot file: snapshot."""

from pathlib import Path
from typing import Annotated

import typer

from segbatch.interfaces.cli.app import app
from segbatch.interfaces.cli.options import JSON, READ_SNAPSHOT
from segbatch.interfaces.cli.render.snapshot import print_snapshot, show_row_count


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
            metavar="FILE", parser=READ_SNAPSHOT, help="The Parquet file to write. It replaces an earlier snapshot."
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

    with show_row_count() as progress:
        written = write_snapshot(address, to, query=query, table=table, progress=progress)
    print_snapshot(written, as_json=as_json)
