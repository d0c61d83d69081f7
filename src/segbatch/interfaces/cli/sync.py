"""The command that brings the published tables to a database: sync."""

from typing import Annotated

import typer

from segbatch.interfaces.cli.app import app
from segbatch.interfaces.cli.options import JSON, OUTPUT, PUBLISHED
from segbatch.interfaces.cli.render.bar import opened, show_progress
from segbatch.interfaces.cli.render.base import print_waiting
from segbatch.interfaces.cli.render.sync import print_synced
from segbatch.storage.output_lock import LockPolicy


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
    print_synced(report, as_json=as_json)
