"""Output of the commands for saved segments."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.table import Table

from segbatch.interfaces.cli.render.base import escape, out, print_json, print_problems, print_table, stdout_guard
from segbatch.text import counted, some_of

if TYPE_CHECKING:
    from segbatch.authoring.manage import ListedSegment, Listing
    from segbatch.definitions.definition import Definition, Entry

_STATUS_COLOUR = {"ok": "green", "failed": "red", "held": "yellow", "broken": "red", "disabled": "dim"}


@stdout_guard()
def print_listing(listing: "Listing", *, as_json: bool) -> None:
    """Print saved segments to stdout, one on each line, or as JSON. With text, problems go to stderr."""
    if as_json:
        print_json([_listed_data(listed) for listed in listing.segments])
        return
    print_problems(listing.warnings)
    print_problems(listing.problems)
    table = Table(box=None, header_style="bold", pad_edge=False)
    optional = [column for column in ("owner", "tags") if any(getattr(one.entry, column) for one in listing.segments)]
    for column in ("segment", "project", "members", "status", *optional, "name"):
        is_number = column == "members"
        table.add_column(column, justify="right" if is_number else "left", no_wrap=is_number, overflow="fold")
    for listed in listing.segments:
        table.add_row(*_cells(listed, optional))
    print_table(table, droppable=("name", "tags", "owner", "project", "members", "status"))
    run = f"; run {escape(listing.run_id)}" if listing.run_id else ""
    out().print(f"{counted(len(listing.segments), 'segment')}{run}", soft_wrap=True)


def _cells(listed: "ListedSegment", optional: Sequence[str]) -> tuple[str, ...]:
    entry, last = listed.entry, listed.last
    more = {"owner": entry.owner or "-", "tags": ", ".join(entry.tags) or "-"}
    status = _status(listed)
    colour = _STATUS_COLOUR.get(status)
    return (
        escape(entry.segment_id),
        escape(entry.project_id or "-"),
        f"{last.member_count:,}" if last and last.run_id else "-",
        f"[{colour}]{status}[/{colour}]" if colour else status,
        *(escape(more[column]) for column in optional),
        escape(entry.name or "-"),
    )


def _status(listed: "ListedSegment") -> str:
    if listed.entry.problems:
        return "broken"
    return listed.last.status if listed.last else "-"


def _listed_data(listed: "ListedSegment") -> dict[str, Any]:
    last = listed.last
    shown = {"status", "error", "member_count", "entered", "exited", "run_id"}
    return {
        **_data(listed.entry),
        "problems": list(map(str, listed.entry.problems)),
        "last_run": last.model_dump(mode="json", include=shown) if last else None,
    }


def _data(entry: "Entry") -> dict[str, Any]:
    return {
        "id": entry.segment_id,
        "project_id": entry.project_id,
        "name": entry.name,
        "owner": entry.owner,
        "tags": list(entry.tags),
        "etag": entry.etag,
        "file": entry.file,
        "path": entry.path,
    }


@stdout_guard()
def print_definition(stored: "Definition", *, as_json: bool) -> None:
    """Print a definition to stdout as the text of a file, or as JSON with its location."""
    if as_json:
        print_json({**_data(stored), "definition": stored.to_json()})
    else:
        print(stored.to_text(), end="")  # noqa: T201 - the content of a file, so nothing may wrap or colour it


@stdout_guard()
def print_etag(entry: "Entry") -> None:
    """Print only the ETag of a segment to stdout."""
    out().print(entry.etag)


@stdout_guard()
def print_saved(done: str, entry: "Entry", *, as_json: bool) -> None:
    """Print the change to a segment: `created pro-plan-users: segments/pro-plan-users.json`, or JSON."""
    if as_json:
        print_json(_data(entry))
    else:
        out().print(escape(f"{done} {entry.segment_id}: {entry.file}"), soft_wrap=True)


@stdout_guard()
def print_renamed(old_id: str, entry: "Entry", users: Sequence[str], *, as_json: bool) -> None:
    """Print that a segment was renamed, and the first segments whose references were changed; or JSON."""
    if as_json:
        print_json({**_data(entry), "renamed_from": old_id, "changed": list(users)})
        return
    out().print(escape(f"renamed {old_id} to {entry.segment_id}: {entry.file}"), soft_wrap=True)
    if users:
        out().print(escape(f"changed references in {counted(len(users), 'segment')}: {some_of(users)}"), soft_wrap=True)


@stdout_guard()
def print_schema(schema: dict[str, Any]) -> None:
    """Print a JSON Schema to stdout."""
    print_json(schema)
