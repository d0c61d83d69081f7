"""The command for lists: lists."""

from pathlib import Path
from typing import Annotated

import typer

from segbatch.definitions.exclusions import Source
from segbatch.interfaces.cli.app import app
from segbatch.interfaces.cli.options import EXCLUDE, JSON, LISTS, SEGMENTS
from segbatch.interfaces.cli.render.lists import print_lists


@app.command("lists", epilog="Exit status: 0 printed; 2 a list cannot be used, or a definition has errors.")
def lists_(
    segments: Annotated[Path, SEGMENTS] = Path("segments"),
    exclude: Annotated[list[str] | None, EXCLUDE] = None,
    lists: Annotated[Path | None, LISTS] = None,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Show the lists that rules can name, with their sizes and the segments that use them.

    Example: [bold]segbatch lists --segments segments[/bold]
    """
    from segbatch.authoring.lists import show_lists  # noqa: PLC0415 - loads pydantic, which other commands do without

    report = show_lists(Source.of(segments, exclude or ()), lists)
    print_lists(report, as_json=as_json)
    if report.errors or report.problems:
        raise typer.Exit(2)
