"""One segment of a published run, as a file."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import IO, cast

import polars as pl
import pyarrow as pa

from segbatch.errors import Problem, UsageError
from segbatch.exports.columns import Contacts, read_names
from segbatch.exports.destination import ensure_free, ensure_not_read, written
from segbatch.exports.join import Join
from segbatch.exports.reader import CHANGE, CHANGES, CONTACT_ID, id_type_of, read_rows
from segbatch.exports.selection import Picked, pick
from segbatch.exports.snapshot_source import open_contacts
from segbatch.exports.writers import Format, Layout, Writer, format_of, make_writer, packed
from segbatch.snapshot.id_checks import ids_as_series
from segbatch.snapshot.snapshot import Snapshot
from segbatch.storage.layout import LAST, output_at
from segbatch.text import counted, shown

__all__ = ["ExportReport", "export"]

Progress = Callable[[int, int], None]
"""Told, now and then, how many rows are done and how many there are."""


@dataclass(frozen=True, slots=True)
class ExportReport:
    """What was written.

    Attributes:
        segment_id: The segment.
        run_id: The run.
        file: Where it was written; None for a stream.
        format: The form.
        columns: The columns, in their order.
        rows: How many rows there are.
        entered: How many of them entered; None for members.
        exited: How many of them left; None for members.
        not_in_snapshot: How many of their contacts are not in the snapshot, so that their columns are empty.
        guarded: How many cells got a `'`, since they are like a formula.
        warnings: What may not be as it is thought.
        notes: Facts about how the columns are read.
    """

    segment_id: str
    run_id: str
    file: str | None
    format: Format
    columns: tuple[str, ...]
    rows: int
    entered: int | None
    exited: int | None
    not_in_snapshot: int
    guarded: int
    warnings: tuple[Problem, ...]
    notes: tuple[Problem, ...] = ()


def export(
    segment_id: str,
    to: str | Path | IO[bytes],
    output: str | Path = "output",
    *,
    run: str = LAST,
    changes: bool = False,
    since: str | None = None,
    columns: Sequence[str] = (),
    contacts: str | Path | None = None,
    id_column: str | None = None,
    custom_fields: str | None = None,
    format: str | None = None,  # noqa: A002 - what the option is called
    raw: bool = False,
    bom: bool = False,
    force: bool = False,
    progress: Progress | None = None,
) -> ExportReport:
    """Write the members of a segment, or who entered and who left it, to a file.

    Args:
        segment_id: The segment.
        to: The file, whose suffix tells the format; or a stream of bytes.
        output: The folder that runs publish in.
        run: The run: its id, `last` or `previous`.
        changes: Whether to write who entered and who left with the run, and not the members.
        since: Write who entered and who left since this earlier run, and is still in or out.
        columns: Names of columns of the snapshot to write too, or paths into them; `a,b` are two.
        contacts: The snapshot to take these from; the one that the run read, if not given.
        id_column: Its column of ids; as in the run, if not given.
        custom_fields: Its column that is called `custom_fields` here; as in the run, if not given.
        format: `csv`, `jsonl` or `parquet`; needed where the file's name does not tell, and for a stream `csv` if not
            given.
        raw: Whether CSV has texts as they are, even where a spreadsheet would take them for a formula.
        bom: Whether CSV begins with a byte order mark, by which Excel knows UTF-8.
        force: Whether the file may take the place of another.
        progress: Told how far it is.

    Returns:
        What was written.

    Raises:
        UsageError: There is no such run, segment, column or format, or something is in the file's place.
        SnapshotError: The snapshot cannot be used, or is not what the run read.
        ExportError: The segment never had members, or the file cannot be written; what was there stands.
        PublishError: What is published cannot be read.
    """
    place = Path(to) if isinstance(to, str | os.PathLike) else None
    kind = format_of(format, place.suffix if place else "")
    _ensure_of_csv(kind, raw=raw, bom=bom)
    if kind == "parquet" and place is None and cast("IO[bytes]", to).isatty():
        raise UsageError("Parquet is nothing for a terminal; name a file (--to)")
    names = read_names(columns)
    folder = output_at(output)
    picked = pick(folder, segment_id, run, changes=changes, since=since)
    goal = None if place is None else ensure_free(place, folder, force=force)
    rows = _Rows(picked, id_type_of(picked))
    if names:
        snapshot, doubts = open_contacts(picked.manifest, contacts, id_column, custom_fields)
        if goal:
            ensure_not_read(goal, [str(file.place) for file in snapshot.files])
        rows = rows.joined(Contacts.of(snapshot, rows.own(names, snapshot)), doubts)
    elif contacts is not None:
        raise UsageError("a snapshot is read for columns of it alone; name some (--columns)")
    layout = Layout(rows.empty, rows.id_type, rows.json_columns, raw, bom)
    with written(goal, force=force) if goal else nullcontext(cast("IO[bytes]", to)) as file:
        tally = _write(rows, make_writer(kind, cast("IO[bytes]", file), layout), progress)
    return _report(rows, tally, kind, place)


def _ensure_of_csv(kind: Format, *, raw: bool, bom: bool) -> None:
    for option, is_given in (("--raw", raw), ("--bom", bom)):
        if is_given and kind != "csv":
            raise UsageError(f"{option} is for CSV alone; {kind} has no need of it")


@dataclass(frozen=True, slots=True)
class _Rows:
    """The rows that are written, and all that is known of them before.

    Attributes:
        picked: Where they stand.
        id_type: The Arrow type of the contacts' ids.
        join: What adds the columns of the snapshot, if some are wanted.
        doubts: What may not be as it is thought.
    """

    picked: Picked
    id_type: pa.DataType
    join: Join | None = None
    doubts: tuple[Problem, ...] = ()

    def own(self, names: Sequence[str], snapshot: Snapshot) -> list[str]:
        """Return the columns that have to be read from the snapshot: not the ids, if they are called the same.

        Raises:
            UsageError: A column is called as one of the rows' own, and is another.
        """
        for name in self._own.columns:
            if name in names and name != snapshot.id_column:
                raise UsageError(f"the export has a column {shown(name)} of its own; leave it out (--columns)")
        return [name for name in names if name not in self._own.columns]

    def joined(self, contacts: Contacts, doubts: Sequence[Problem]) -> "_Rows":
        """Return the same rows with columns of their contacts."""
        join = Join(partial(read_rows, self.picked), contacts, self.id_type)
        return replace(self, join=join, doubts=(*doubts, *contacts.warnings))

    def frames(self) -> Iterator[pl.DataFrame]:
        """Read them."""
        return self.join.frames() if self.join else read_rows(self.picked)

    @property
    def empty(self) -> pl.DataFrame:
        """The columns, without rows."""
        return pl.concat([self._own, *([self.join.contacts.nobody] if self.join else [])], how="horizontal")

    @property
    def json_columns(self) -> frozenset[str]:
        """The columns whose texts are JSON."""
        return self.join.contacts.json_columns if self.join else frozenset()

    @property
    def _own(self) -> pl.DataFrame:
        ids = ids_as_series(pa.array([], self.id_type)).alias(CONTACT_ID)
        change = [] if self.picked.what == "members" else [pl.Series(CHANGE, [], CHANGES)]
        return pl.DataFrame([ids, *change])


@dataclass(slots=True)
class _Tally:
    """How many rows were written."""

    is_changes: bool
    rows: int = 0
    entered: int = 0
    guarded: int = 0

    def add(self, frame: pl.DataFrame) -> None:
        self.rows += len(frame)
        if self.is_changes:
            self.entered += int((frame.get_column(CHANGE) == "entered").sum())


def _write(rows: _Rows, writer: Writer, progress: Progress | None) -> _Tally:
    tally = _Tally(rows.picked.what != "members")
    for frame in packed(rows.frames()):
        writer.write(frame)
        tally.add(frame)
        if progress:
            progress(tally.rows, max(rows.picked.expected or 0, tally.rows))
    writer.finish()
    tally.guarded = writer.guarded
    return tally


def _report(rows: _Rows, tally: _Tally, kind: Format, place: Path | None) -> ExportReport:
    picked, missing = rows.picked, rows.join.missing if rows.join else 0
    warnings = (*picked.warnings, *rows.doubts)
    if missing:
        message = f"{counted(missing, 'contact')} of them {'is' if missing == 1 else 'are'} not in the snapshot"
        warnings = (*warnings, Problem(f"{message}; what stands in the columns is empty there", severity="warning"))
    return ExportReport(
        segment_id=picked.segment_id,
        run_id=picked.run_id,
        file=None if place is None else str(place),
        format=kind,
        columns=tuple(rows.empty.columns),
        rows=tally.rows,
        entered=tally.entered if tally.is_changes else None,
        exited=tally.rows - tally.entered if tally.is_changes else None,
        not_in_snapshot=missing,
        guarded=tally.guarded,
        warnings=warnings,
        notes=rows.join.contacts.notes if rows.join else (),
    )
