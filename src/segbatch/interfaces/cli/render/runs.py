"""Output of published runs: lists, details, differences between two runs, and results of verification."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rich.table import Table

from segbatch.interfaces.cli.render.base import err, escape, out, print_json, print_table, stdout_guard
from segbatch.snapshot.lakehouse.address import address_of
from segbatch.text import counted

if TYPE_CHECKING:
    from segbatch.model.input_records import SourceRecord
    from segbatch.model.manifest import Manifest, RunRecord, SegmentRecord
    from segbatch.runs.diff import RunsDiff, SegmentDiff
    from segbatch.runs.history import ListedRun, RunDetails
    from segbatch.runs.verification import Verified
    from segbatch.storage.retention import Pruned

_MOST_SHOWN = 100
_DROPPABLE = (
    "members of",
    "definition",
    "sha256",
    "what",
    "kept",
    "changes",
    "exited",
    "entered",
    "memberships",
    "then",
    "members",
)
"""Columns to leave out on a narrow terminal, the first one first."""

_DIGEST = 12
"""The number of characters of a digest that are shown."""

_WHOLE_DIGEST = 64
_NAMES = {
    "as_of": "as of",
    "timezone": "time zone",
    "project_id": "project",
    "snapshot_fingerprint": "snapshot",
}
_STATUS_COLOUR = {"ok": "green", "failed": "red", "held": "yellow", "disabled": "dim"}


@stdout_guard()
def print_runs(runs: "Sequence[ListedRun]", *, as_json: bool) -> None:
    """Print runs to stdout, one on each line, the last one first; or as JSON."""
    if as_json:
        print_json([_listed_data(listed) for listed in reversed(runs)])
        return
    numbers = ("contacts", "memberships", "changes")
    table = _table("run", "as of", "segments", *numbers, "kept", right=numbers)
    for listed in list(reversed(runs))[:_MOST_SHOWN]:
        run = listed.past.run
        sizes = (run.contacts, run.memberships, listed.past.changes)
        kept = "yes" if listed.keeps_members else "no"
        moment = f"{run.as_of.astimezone(UTC):%Y-%m-%d %H:%M}"
        table.add_row(escape(run.run_id), moment, _segments_of(run), *(f"{size:,}" for size in sizes), kept)
    _print_table(table, len(runs))


def _listed_data(listed: "ListedRun") -> dict[str, object]:
    more = {"changes": listed.past.changes, "members_kept": listed.keeps_members, "folder": listed.past.folder}
    return listed.past.run.model_dump(mode="json") | more


def _segments_of(run: "RunRecord") -> str:
    """Return the number of segments of a run by status."""
    failed = f", [red]{run.segments_failed:,} failed[/red]" if run.segments_failed else ""
    held = f", [yellow]{run.segments_held:,} held[/yellow]" if run.segments_held else ""
    disabled = f", [dim]{run.segments_disabled:,} disabled[/dim]" if run.segments_disabled else ""
    left_out = f", [dim]{run.segments_left_out:,} left out[/dim]" if run.segments_left_out else ""
    return f"{run.segments_ok:,} ok{failed}{held}{disabled}{left_out}"


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


@stdout_guard()
def print_run_details(details: "RunDetails", *, as_json: bool) -> None:
    """Print the details of a run to stdout, as text or JSON."""
    manifest = details.manifest
    if as_json:
        more = {"changes": details.listed.past.changes, "members_kept": details.listed.keeps_members}
        print_json(manifest.model_dump(mode="json") | more | {"folder": str(details.folder)})
        return
    out().print(_facts(details))
    out().print()
    files = _table("snapshot", "rows", "bytes", "sha256", right=("rows", "bytes"))
    for file in manifest.snapshot[:_MOST_SHOWN]:
        files.add_row(escape(file.path), f"{file.rows:,}", f"{file.size:,}", file.sha256 or "")
    _print_table(files, len(manifest.snapshot))
    out().print()
    _print_table(_segments(manifest.segments[:_MOST_SHOWN]), len(manifest.segments))
    wrong = [segment for segment in manifest.segments if segment.error]
    for segment in wrong[:_MOST_SHOWN]:
        for line in (segment.error or "").splitlines():
            colour = _STATUS_COLOUR[segment.status]
            text = f"[{colour}]{segment.status}:[/{colour}] {escape(segment.segment_id)}: {escape(line)}"
            out().print(text, soft_wrap=True)


def _source(source: "SourceRecord | None") -> dict[str, str]:
    return {} if source is None else {"contacts from": escape(str(address_of(source)))}


def _engine(manifest: "Manifest") -> dict[str, str]:
    if manifest.engine is None:
        return {}
    buckets = "" if manifest.buckets is None else f", {counted(manifest.buckets.number, 'bucket')}"
    return {"engine": escape(manifest.engine) + buckets}


def _facts(details: "RunDetails") -> Table:
    run, manifest = details.manifest.run, details.manifest
    seconds = (run.finished_at - run.started_at).total_seconds()
    facts = {
        "run": escape(run.run_id),
        "folder": escape(str(details.folder)),
        "as of": f"{_moment(run.as_of)} UTC, time zone {run.timezone}",
        "started": f"{_moment(run.started_at)} UTC",
        "finished": f"{_moment(run.finished_at)} UTC, {seconds:,.1f} s later",
        **_engine(manifest),
        "project": escape(run.project_id or "all"),
        "segments": _segments_of(run),
        "contacts": f"{run.contacts:,}",
        "memberships": f"{run.memberships:,}" + ("" if details.listed.keeps_members else ", pruned"),
        "changes": f"{details.listed.past.changes:,}",
        **_source(manifest.source),
        "snapshot": run.snapshot_fingerprint,
        "versions": escape(
            ", ".join(f"{name} {version}" for name, version in {"segbatch": run.version, **manifest.versions}.items())
        ),
    }
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(no_wrap=True, style="bold")
    table.add_column(overflow="fold")
    for name, value in facts.items():
        table.add_row(name, value)
    for warning in manifest.warnings[:_MOST_SHOWN]:
        table.add_row("warning", escape(warning))
    if len(manifest.warnings) > _MOST_SHOWN:
        table.add_row("", f"and {counted(len(manifest.warnings) - _MOST_SHOWN, 'more warning')}, with --json")
    for note in manifest.notes:
        table.add_row("note", escape(note))
    return table


def _segments(segments: "Sequence[SegmentRecord]") -> Table:
    numbers = ("members", "entered", "exited")
    table = _table("segment", "status", *numbers, "definition", "members of", right=numbers)
    for segment in segments:
        colour = _STATUS_COLOUR[segment.status]
        table.add_row(
            escape(segment.segment_id),
            f"[{colour}]{segment.status}[/{colour}]",
            f"{segment.member_count:,}" if segment.run_id else "-",
            *("-" if number is None else f"{number:,}" for number in (segment.entered, segment.exited)),
            (segment.fingerprint or "-")[:_DIGEST],
            escape(segment.run_id or "-"),
        )
    return table


@stdout_guard()
def print_pruned(pruned: "Pruned", *, dry_run: bool, as_json: bool) -> None:
    """Print the pruned runs to stdout, one on each line, or as JSON."""
    if as_json:
        run_ids = [run.run.run_id for run in pruned.runs]
        print_json({"pruned": run_ids, "taken_back": list(pruned.taken_back), "dry_run": dry_run})
        return
    for run in pruned.runs:
        out().print(f"{escape(run.run.run_id)}: {counted(run.run.memberships, 'membership')}", soft_wrap=True)
    for folder in pruned.taken_back:
        out().print(f"{escape(folder)}: the folder of a rolled-back run", soft_wrap=True)
    number = len(pruned.runs) + len(pruned.taken_back)
    done = "would be pruned" if dry_run else "pruned"
    out().print(f"{counted(number, 'run')} {done}" if number else "nothing to prune")


@stdout_guard()
def print_diff(found: "RunsDiff", *, as_json: bool) -> None:
    """Print the differences between two runs and the reasons to stdout, as text or JSON."""
    if as_json:
        print_json(_diff_data(found))
        return
    differing = [segment for segment in found.segments if segment.differs]
    if differing:
        numbers = ("then", "now", "entered", "exited")
        table = _table("segment", *numbers, "what", right=numbers)
        for segment in differing[:_MOST_SHOWN]:
            table.add_row(escape(segment.segment_id), *_diff_cells(segment))
        _print_table(table, len(differing))
    same = len(found.segments) - len(differing)
    out().print(f"{counted(same, 'segment')} with the same members and definition")
    for line in _reasons(found):
        out().print(line, soft_wrap=True)


def _diff_cells(segment: "SegmentDiff") -> tuple[str, ...]:
    sizes = ("-" if size is None else f"{size:,}" for size in (segment.then, segment.now))
    changes = (
        f"{sign}{number:,}" if number else "" for sign, number in (("+", segment.entered), ("-", segment.exited))
    )
    definition = "" if segment.definition == "same" else segment.definition
    return (*sizes, *changes, ", ".join(filter(None, (definition, _status(segment)))))


def _status(segment: "SegmentDiff") -> str:
    """Return the change of a segment's status; empty if it was and is `ok`."""
    then, now = segment.status_then, segment.status_now
    if then == now:
        return "" if now == "ok" else f"still {now}"
    return f"now {now}" if then and now else now if now and now != "ok" else ""


def _reasons(found: "RunsDiff") -> list[str]:
    """Return the differences in the circumstances of two runs, one on each line."""
    lines = [
        f"{_NAMES.get(reason.what, reason.what)}: {_shorten(reason.then)}, now {_shorten(reason.now)}"
        for reason in found.reasons
    ]
    counts = {name: found.definitions(name) for name in ("new", "deleted", "changed")}
    definitions = ", ".join(f"{number:,} {name}" for name, number in counts.items() if number)
    return [*lines, *([f"definitions: {definitions}"] if definitions else [])]


def _shorten(circumstance: str | None) -> str:
    """Format a circumstance of a run. Digests are shortened."""
    text = circumstance or "-"
    return escape(text[:_DIGEST] if len(text) == _WHOLE_DIGEST else text)


def _diff_data(found: "RunsDiff") -> dict[str, object]:
    return {
        "then": found.then.model_dump(mode="json"),
        "now": found.now.model_dump(mode="json"),
        "reasons": [asdict(reason) for reason in found.reasons],
        "segments": [asdict(segment) for segment in found.segments],
    }


@stdout_guard()
def print_verified(verified: "Verified", *, as_json: bool) -> None:
    """Print the result of verification to stdout, as text or JSON. With text, errors go to stderr, one on each line."""
    if as_json:
        print_json(asdict(verified))
        return
    for problem in verified.problems:
        err().print(f"[red]error:[/red] {escape(problem)}")
    looked = f"{counted(verified.files, 'file')} of {counted(verified.runs, 'run')}, {counted(verified.size, 'byte')}"
    out().print(f"{looked} verified: {counted(len(verified.problems), 'error')}", soft_wrap=True)


def _table(*columns: str, right: Sequence[str] = ()) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in columns:
        is_number = column in right
        table.add_column(
            column, justify="right" if is_number else "left", no_wrap=is_number, overflow="fold", min_width=len(column)
        )
    return table


def _print_table(table: Table, of_all: int) -> None:
    print_table(table, droppable=_DROPPABLE, records=True)
    if of_all > _MOST_SHOWN:
        out().print(f"and {of_all - _MOST_SHOWN:,} more, with --json")
