"""The commands for the API's keys: keys create, list, revoke."""

from pathlib import Path
from typing import Annotated

import typer

from segbatch.errors import Problem
from segbatch.interfaces.cli.app import app
from segbatch.interfaces.cli.options import JSON, path_parser
from segbatch.interfaces.cli.render.api import print_keys, print_new_key, print_revoked_key
from segbatch.interfaces.cli.render.base import print_problems

KEY_FILE = Path("segbatch-keys.json")
KEYS = typer.Option(
    metavar="FILE",
    envvar="SEGBATCH_KEYS",
    parser=path_parser("keys", "--keys"),
    help="The file of the API's keys; never commit it.",
)

commands = typer.Typer(
    rich_markup_mode="rich", no_args_is_help=True, context_settings={"help_option_names": ["-h", "--help"]}
)
app.add_typer(commands, name="keys", help="Manage the API's keys: create, list, revoke.")


@commands.command(epilog="Exit status: 0 made; 1 the file of keys cannot be used; 2 wrong usage.")
def create(
    project: Annotated[
        list[str],
        typer.Option(metavar="ID", help="A project that the key can access; repeatable."),
    ],
    read_only: Annotated[bool, typer.Option("--read-only", help="Allow reading only.")] = False,
    name: Annotated[
        str | None, typer.Option(metavar="TEXT", help="The purpose of the key, shown by 'keys list'.")
    ] = None,
    keys: Annotated[Path, KEYS] = KEY_FILE,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Create a key and print its secret to stdout. The secret is not stored and cannot be shown again.

    Example: [bold]segbatch keys create --project proj-1 --name "The CRM"[/bold]
    """
    from segbatch.interfaces.api.keys.key_store import KeyRing  # noqa: PLC0415 - loads pydantic, which other commands do without

    warnings = list[Problem]()
    key, secret = KeyRing(keys, warn=warnings.append).create(project, read_only=read_only, name=name)
    print_problems(warnings)
    print_new_key(key, secret, as_json=as_json)


@commands.command("list", epilog="Exit status: 0 listed; 1 the file of keys cannot be used.")
def list_all(keys: Annotated[Path, KEYS] = KEY_FILE, as_json: Annotated[bool, JSON] = False) -> None:
    """List the keys, without their secrets.

    Example: [bold]segbatch keys list[/bold]
    """
    from segbatch.interfaces.api.keys.key_store import KeyRing  # noqa: PLC0415 - as above

    listed = KeyRing(keys).list()
    if not keys.exists():
        message = "the file does not exist; 'segbatch keys create' creates it (--keys)"
        print_problems([Problem(message, file=str(keys), severity="warning")])
    print_keys(listed, as_json=as_json)


@commands.command(epilog="Exit status: 0 revoked; 1 the file of keys cannot be used; 4 unknown key.")
def revoke(
    key_id: Annotated[str, typer.Argument(metavar="ID", help="The id of the key (see 'keys list').")],
    keys: Annotated[Path, KEYS] = KEY_FILE,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Revoke a key. Takes effect on the next request.

    Example: [bold]segbatch keys revoke 1f0c52ab[/bold]
    """
    from segbatch.interfaces.api.keys.key_store import KeyRing  # noqa: PLC0415 - as above

    warnings = list[Problem]()
    key = KeyRing(keys, warn=warnings.append).revoke(key_id)
    print_problems(warnings)
    print_revoked_key(key, as_json=as_json)
