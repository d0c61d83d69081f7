"""Output of the commands for the API: its address and its keys."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from rich.table import Table

from segbatch.interfaces.cli.render.base import err, escape, out, print_json, print_problems, print_table, stdout_guard
from segbatch.text import counted, some_of

if TYPE_CHECKING:
    from segbatch.interfaces.api.keys.key_file import Key
    from segbatch.interfaces.api.server import Listening


def print_new_key(key: "Key", secret: str, *, as_json: bool) -> None:
    """Print the secret of a new key to stdout and its description to stderr; or both as JSON to stdout."""
    with stdout_guard(f"key {key.id} was made, and its secret is lost; revoke it: "):
        if as_json:
            print_json({**_data(key), "secret": secret})
        else:
            print(secret)  # noqa: T201 - read by programs, so nothing may wrap or colour it
    if not as_json:
        what = f"key {key.id} for {some_of(key.projects)}, {_rights(key)}"
        err().print(escape(f"{what}; the secret is shown this once, so keep it now"))


@stdout_guard()
def print_keys(keys: Sequence["Key"], *, as_json: bool) -> None:
    """Print keys to stdout, one on each line, or as JSON."""
    if as_json:
        print_json(list(map(_data, keys)))
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("key", "projects", "rights", "created", "revoked", "name"):
        table.add_column(column, overflow="fold")
    for key in keys:
        table.add_row(
            escape(key.id),
            escape(some_of(key.projects)),
            _rights(key),
            _moment(key.created_at),
            f"[red]{_moment(key.revoked_at)}[/red]" if key.revoked_at else "-",
            escape(key.name or "-"),
        )
    print_table(table, records=True)
    out().print(counted(len(keys), "key"))


@stdout_guard()
def print_revoked_key(key: "Key", *, as_json: bool) -> None:
    """Print the revoked key: `revoked 1f0c52ab`, or JSON."""
    if as_json:
        print_json(_data(key))
    else:
        out().print(escape(f"revoked {key.id}"))


def _rights(key: "Key") -> str:
    return "read only" if key.read_only else "read and write"


def _moment(moment: datetime | None) -> str:
    return moment.isoformat().replace("+00:00", "Z") if moment else "-"


def _data(key: "Key") -> dict[str, Any]:
    return {
        "id": key.id,
        "name": key.name,
        "projects": list(key.projects),
        "read_only": key.read_only,
        "created_at": _moment(key.created_at),
        "revoked_at": _moment(key.revoked_at) if key.revoked_at else None,
    }


def print_listening(listening: "Listening") -> None:
    """Print the address of the server to stdout. Problems of definitions go to stderr."""
    print_problems(listening.problems)
    if listening.is_open:
        err().print("[yellow]no keys: any local user has full access[/yellow]")
    with stdout_guard():
        out().print(escape(f"{counted(listening.segments, 'segment')} at {listening.url}/api/v1/contacts/segments"))
