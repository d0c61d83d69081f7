"""The commands for saved segments: segments list, get, create, update, rename, delete; and schema."""

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from segbatch.definitions.source import Source
from segbatch.errors import Problem, UsageError
from segbatch.interfaces.cli.app import app
from segbatch.interfaces.cli.option_groups import FILTER, SOURCE, OptionGroup, expand_groups
from segbatch.interfaces.cli.options import JSON, MATCH, PUBLISHED
from segbatch.interfaces.cli.render.bar import opened
from segbatch.interfaces.cli.render.base import print_problems
from segbatch.interfaces.cli.render.segments import (
    print_definition,
    print_etag,
    print_listing,
    print_renamed,
    print_saved,
    print_schema,
)
from segbatch.model.operators import MatchName
from segbatch.text import printable

if TYPE_CHECKING:
    from segbatch.definitions.definition import Entry

ID = typer.Argument(metavar="ID", help="The id of the segment.")
FILE = typer.Argument(metavar="FILE", help="A JSON file with the definition, or - for standard input.")
PROJECT = typer.Option(metavar="ID", envvar="SEGBATCH_PROJECT", help="Only segments of this project or of none.")
IF_MATCH = typer.Option(metavar="ETAG", help="Only if the segment still has this ETag (see 'segments get --etag').")
NAME = typer.Option(metavar="TEXT", help="The name of the segment.")
DESCRIPTION = typer.Option(metavar="TEXT", help="The description of the segment.")
RULE = typer.Option(metavar="RULE", help="A rule, FIELD OPERATOR VALUE, that replaces those of the file; repeatable.")
LIST_ID = typer.Option(metavar="ID", help="Copied to the tables, not interpreted.")
PROJECT_ID = typer.Option(metavar="ID", help="The project of the segment.")
OWNER = typer.Option(metavar="TEXT", help="The person or team that owns the segment.")
TAG = typer.Option(metavar="TEXT", help="A tag; repeatable. The tags replace those of the file.")
EXPIRES_AT = typer.Option(metavar="TIME", help="From this date or time on, the segment has no members.")
ENABLED = typer.Option("--enable/--disable", help="Whether runs evaluate it. A disabled segment has no members.")
MAX_CHANGE = typer.Option(metavar="SHARE", help="The limit of its change from run to run, such as 30%.")

KEYS = OptionGroup(
    {
        "name": (Annotated[str | None, NAME], None),
        "description": (Annotated[str | None, DESCRIPTION], None),
        "rule": (Annotated[list[str] | None, RULE], None),
        "match": (Annotated[MatchName | None, MATCH], None),
        "list_id": (Annotated[str | None, LIST_ID], None),
        "project_id": (Annotated[str | None, PROJECT_ID], None),
        "max_change": (Annotated[str | None, MAX_CHANGE], None),
        "enabled": (Annotated[bool | None, ENABLED], None),
        "owner": (Annotated[str | None, OWNER], None),
        "tag": (Annotated[list[str] | None, TAG], None),
        "expires_at": (Annotated[str | None, EXPIRES_AT], None),
    },
    lambda given: {{"rule": "rules", "tag": "tags"}.get(name, name): value for name, value in given.items()},
)
"""The keys of a definition; None for a key that is not given."""

_OF_GET = "Exit status: 0 printed; 4 the segment does not exist; 2 it has errors."

commands = typer.Typer(
    rich_markup_mode="rich", no_args_is_help=True, context_settings={"help_option_names": ["-h", "--help"]}
)
app.add_typer(commands, name="segments", help="Manage saved segments: list, get, create, update, rename, delete.")


@commands.command("list")
@expand_groups
def list_all(
    *,
    source: Annotated[Source, SOURCE],
    output: Annotated[str, PUBLISHED] = "output",
    project: Annotated[str | None, PROJECT] = None,
    only: Annotated[Any, FILTER],
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """List the saved segments, with their size and status in the last run.

    Example: [bold]segbatch segments list[/bold]
    """
    from segbatch.authoring.manage import list_segments  # noqa: PLC0415 - loads pydantic, which other commands do without

    with opened(output, members=False, must_exist=False) as folder:
        print_listing(list_segments(source, folder, project, only), as_json=as_json)


@commands.command("show", epilog=_OF_GET, short_help="Print a definition as JSON; the same as get.")
@commands.command(epilog=_OF_GET)
@expand_groups
def get(
    segment_id: Annotated[str, ID],
    *,
    source: Annotated[Source, SOURCE],
    project: Annotated[str | None, PROJECT] = None,
    etag: Annotated[bool, typer.Option("--etag", help="Print only the segment's ETag.")] = False,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Print a definition as JSON.

    Example: [bold]segbatch segments get pro-plan-users[/bold]
    """
    from segbatch.definitions.store.segment_store import SegmentStore  # noqa: PLC0415 - loads pydantic

    stored = SegmentStore(source).get(segment_id, project=project)
    if etag:
        print_etag(stored)
    else:
        print_definition(stored, as_json=as_json)


@commands.command(epilog="Exit status: 0 saved; 2 the definition is wrong; 5 a segment with that id exists.")
@expand_groups
def create(
    file: Annotated[str | None, FILE] = None,
    segment_id: Annotated[
        str | None,
        typer.Option("--id", metavar="ID", show_default="derived from the name", help="The id of the segment."),
    ] = None,
    *,
    keys: Annotated[dict[str, Any], KEYS],
    source: Annotated[Source, SOURCE],
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Save a new segment in its own file.

    Example: [bold]segbatch segments create --name "Pro Users" --rule "custom_fields.plan eq pro"[/bold]
    """
    from segbatch.authoring.manage import create_segment, read_options  # noqa: PLC0415 - loads pydantic

    changes, warnings = read_options({"id": segment_id, **keys}), list[Problem]()
    stored = create_segment(source, file, changes, warn=warnings.append)
    _print_saved("created", stored, warnings, as_json=as_json)


@commands.command(
    epilog="Exit status: 0 saved; 2 the definition has errors; 4 unknown segment; 6 another writer changed it."
)
@expand_groups
def update(
    segment_id: Annotated[str, ID],
    file: Annotated[str | None, FILE] = None,
    *,
    keys: Annotated[dict[str, Any], KEYS],
    clear: Annotated[
        list[str] | None, typer.Option(metavar="KEY", help="Remove this key, such as description; repeatable.")
    ] = None,
    if_match: Annotated[str | None, IF_MATCH] = None,
    source: Annotated[Source, SOURCE],
    project: Annotated[str | None, PROJECT] = None,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Change the given parts of a saved segment. Rules are replaced as a whole.

    Example: [bold]segbatch segments update pro-users --description "All customers"[/bold]
    """
    from segbatch.authoring.manage import read_options, update_segment  # noqa: PLC0415 - loads pydantic

    changes, warnings = read_options(keys, clear or ()), list[Problem]()
    stored = update_segment(source, segment_id, file, changes, if_match=if_match, project=project, warn=warnings.append)
    _print_saved("updated", stored, warnings, as_json=as_json)


@commands.command(
    epilog="Exit status: 0 removed; 4 unknown segment; 6 another writer changed it; 7 other segments refer to it."
)
@expand_groups
def delete(
    segment_id: Annotated[str, ID],
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Do not ask for confirmation; required without a terminal.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Delete even if other segments refer to it; they fail then.")
    ] = False,
    if_match: Annotated[str | None, IF_MATCH] = None,
    *,
    source: Annotated[Source, SOURCE],
    project: Annotated[str | None, PROJECT] = None,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Delete a saved segment, and its file if that has no other segments.

    Example: [bold]segbatch segments delete pro-users[/bold]
    """
    from segbatch.definitions.store.segment_store import SegmentStore  # noqa: PLC0415 - loads pydantic

    warnings = list[Problem]()
    store = SegmentStore(source, warn=warnings.append)
    entry = store.find(segment_id, project=project)
    if not yes:
        _ask(f"Delete segment '{printable(entry.segment_id)}' ({entry.file})?")
    deleted = store.delete(segment_id, if_match or entry.etag, force=force, project=project)
    _print_saved("deleted", deleted, warnings, as_json=as_json)


@commands.command(
    epilog="Exit status: 0 renamed; 2 the id or the definition is wrong; 4 unknown segment; 5 the new id is in use."
)
@expand_groups
def rename(
    segment_id: Annotated[str, typer.Argument(metavar="OLD", help="The id of the segment.")],
    new_id: Annotated[str, typer.Argument(metavar="NEW", help="Its new id.")],
    *,
    source: Annotated[Source, SOURCE],
    project: Annotated[str | None, PROJECT] = None,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Give a segment another id. Its members and history continue, and references to it are changed.

    Example: [bold]segbatch segments rename pro-users paying-users[/bold]
    """
    from segbatch.definitions.store.segment_store import SegmentStore  # noqa: PLC0415 - loads pydantic

    warnings = list[Problem]()
    store = SegmentStore(source, warn=warnings.append)
    renamed, users = store.rename(segment_id, new_id, project=project)
    print_problems(warnings)
    print_renamed(segment_id, renamed, users, as_json=as_json)


@app.command()
def schema() -> None:
    """Print the JSON Schema of a definition, for editors to complete and check files.

    Example: [bold]segbatch schema > segment.schema.json[/bold]
    """
    from segbatch.model.json_schema import segment_schema  # noqa: PLC0415 - loads pydantic

    print_schema(segment_schema())


def _print_saved(done: str, entry: "Entry", warnings: list[Problem], *, as_json: bool) -> None:
    print_problems(warnings)
    print_saved(done, entry, as_json=as_json)


def _ask(question: str) -> None:
    """Ask for confirmation, and end the command if the answer is no."""
    if sys.stdin is None or not sys.stdin.isatty():  # None is Python's value for a closed stdin
        raise UsageError("not a terminal: pass --yes to confirm the deletion")
    typer.confirm(question, abort=True, err=True)
