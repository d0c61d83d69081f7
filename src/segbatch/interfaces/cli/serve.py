"""The command that serves the API."""

import re
from pathlib import Path
from typing import Annotated, Any

import typer

from segbatch.definitions.source import Source
from segbatch.interfaces.cli.app import app
from segbatch.interfaces.cli.keys import KEY_FILE, KEYS
from segbatch.interfaces.cli.option_groups import SOURCE, TABLES, expand_groups
from segbatch.interfaces.cli.options import (
    CUSTOM_FIELDS,
    ID_COLUMN,
    LISTS,
    PUBLISHED,
)
from segbatch.interfaces.cli.render.api import print_listening
from segbatch.text import shown

_NUMBER = re.compile("[0-9]{1,9}")


def _port(text: str) -> int:
    if not _NUMBER.fullmatch(str(text)):
        raise typer.BadParameter(f"{shown(text)} is not a port; use a whole number from 0 (any free port) to 65535")
    return int(text)


@app.command(epilog="Exit status: 143 ended by SIGTERM; 130 by Ctrl-C; 1 the address is taken; 2 wrong usage.")
@expand_groups
def serve(
    *,
    source: Annotated[Source, SOURCE],
    output: Annotated[str, PUBLISHED] = "output",
    contacts: Annotated[
        str | None,
        typer.Option(
            metavar="PATH",
            envvar="SEGBATCH_CONTACTS",
            show_default="that of the last run",
            help="The snapshot for previews.",
        ),
    ] = None,
    keys: Annotated[Path | None, KEYS] = None,
    host: Annotated[
        str, typer.Option(metavar="HOST", envvar="SEGBATCH_SERVE_HOST", help="The name or address to listen on.")
    ] = "127.0.0.1",
    port: Annotated[
        int,
        typer.Option(
            metavar="PORT",
            parser=_port,
            envvar="SEGBATCH_SERVE_PORT",
            help="The port to listen on; 0 for any free port.",
        ),
    ] = 8765,
    id_column: Annotated[str, ID_COLUMN] = "id",
    custom_fields: Annotated[str | None, CUSTOM_FIELDS] = None,
    tables: Annotated[Any, TABLES],
    lists: Annotated[Path | None, LISTS] = None,
    timezone: Annotated[
        str | None,
        typer.Option(
            metavar="TZ",
            envvar="SEGBATCH_TIMEZONE",
            show_default="that of the last run",
            help="The IANA time zone for previews.",
        ),
    ] = None,
) -> None:
    """Serve the REST API over saved segments, until a signal ends it.

    Without a file of keys, any local user has full access, and other machines have none.

    Example: [bold]segbatch serve --segments segments[/bold]
    """
    from segbatch.interfaces.api import server  # noqa: PLC0415 - loads pydantic, which other commands do without

    number = server.serve(
        source,
        output,
        server.Address(host, port),
        keys=server.KeysLocation(keys or KEY_FILE, may_be_missing=keys is None),
        contacts=contacts,
        id_column=id_column,
        custom_fields=custom_fields,
        tables=tables,
        lists=lists,
        timezone=timezone,
        on_listening=print_listening,
    )
    raise typer.Exit(128 + number)
