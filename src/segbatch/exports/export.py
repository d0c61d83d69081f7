"""Export of one segment of a published run to a file."""

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
from segbatch.exports.columns import ContactColumns, open_contacts, read_names
from segbatch.exports.destination import check_destination, ensure_not_in_snapshot, open_destination
from segbatch.exports.rows import CHANGE, CHANGES, CONTACT_ID, Join, read_id_type, read_rows
from segbatch.exports.selection import RowSelection, select_rows
from segbatch.exports.writers import Format, Layout, Writer, combine_frames, make_writer, resolve_format
from segbatch.snapshot.id_checks import ids_as_series
from segbatch.snapshot.snapshot import Snapshot
from segbatch.storage.layout import LAST
from segbatch.storage.remote.open_output import open_output
from segbatch.text import counted, shown

Progress = Callable[[int, int], None]
"""Called from time to time with the number of rows that are done and the total number of rows."""


@dataclass(frozen=True, slots=True)
class ExportReport:
    """The result of an export.

    Attributes:
        file: The path of the file; None for a stream.
        columns: The columns, in their order.
        rows: The number of rows.
        entered: The number of contacts that entered; None for an export of members.
        exited: The number of contacts that left; None for an export of members.
        not_in_snapshot: The number of rows with empty columns because the contact is not in the snapshot.
        guarded: The number of cells that got a `'` because they look like a formula.
        warnings: Reasons why the rows may not be what the user expects.
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
    format: str | None = None,  # noqa: A002 - the name of the option
    raw: bool = False,
    bom: bool = False,
    force: bool = False,
    progress: Progress | None = None,
) -> ExportReport:
    """Write the members of a segment, or the contacts that entered and left it, to a file.

    Args:
        segment_id: The segment to export.
        to: The file, whose suffix determines the format; or a stream of bytes.
        output: The folder that runs publish in, or its address in object storage.
        run: The run: its id, `last` or `previous`.
        changes: Export the contacts that entered and left in the run, instead of the members.
        since: Export the contacts that entered and left since this earlier run, without those whose changes cancel out.
        columns: Columns of the snapshot to add, or paths into them. `a,b` means two columns.
        contacts: The snapshot to take the columns from; by default the one that the run read.
        id_column: The id column of the snapshot; by default the same as in the run.
        custom_fields: The column of the snapshot that is called `custom_fields` here; by default the same as in the
            run.
        format: `csv`, `jsonl` or `parquet`. Required if the suffix does not determine it; for a stream the default is
            `csv`.
        raw: Leave texts in CSV unchanged, even if a spreadsheet would read them as formulas.
        bom: Start CSV with a byte order mark, so that Excel recognises UTF-8.
        force: Replace an existing file.
        progress: Called with the number of rows done and in total.

    Returns:
        The numbers of rows written, with warnings.

    Raises:
        UsageError: The run, segment, column or format does not exist, or the file exists already.
        SnapshotError: The snapshot cannot be used, or has changed since the run read it.
        ExportError: The segment never had members, or the file cannot be written. An existing file is unchanged.
        PublishError: The published data cannot be read.
    """
    path = Path(to) if isinstance(to, str | os.PathLike) else None
    file_format = resolve_format(format, path.suffix if path else "")
    _ensure_of_csv(file_format, raw=raw, bom=bom)
    if file_format == "parquet" and path is None and cast("IO[bytes]", to).isatty():
        raise UsageError("Parquet cannot be shown on a terminal; name a file (--to)")
    names = read_names(columns)
    with open_output(output, members=False) as folder:
        selection = select_rows(folder, segment_id, run, changes=changes, since=since)
        target = None if path is None else check_destination(path, folder, force=force)
        rows = _Rows(selection, read_id_type(selection))
        if names:
            snapshot, warnings = open_contacts(selection.manifest, contacts, id_column, custom_fields)
            if target:
                ensure_not_in_snapshot(target, [str(file.location) for file in snapshot.files])
            rows = rows.joined(ContactColumns.find(snapshot, rows.own(names, snapshot)), warnings)
        elif contacts is not None:
            raise UsageError("--contacts is only used with --columns; name the columns to add")
        layout = Layout(rows.empty, rows.id_type, rows.json_columns, raw, bom)
        with open_destination(target, force=force) if target else nullcontext(cast("IO[bytes]", to)) as file:
            counts = _write(rows, make_writer(file_format, cast("IO[bytes]", file), layout), progress)
        return _report(rows, counts, file_format, path)


def _ensure_of_csv(file_format: Format, *, raw: bool, bom: bool) -> None:
    for option, is_given in (("--raw", raw), ("--bom", bom)):
        if is_given and file_format != "csv":
            raise UsageError(f"{option} applies only to CSV; leave it out for {file_format}")


@dataclass(frozen=True, slots=True)
class _Rows:
    """The rows to write, with the facts that are known before they are read.

    Attributes:
        selection: The files that contain the rows.
        id_type: The Arrow type of the contact ids.
        join: Adds columns of the snapshot; None if only the rows' own columns are exported.
        warnings: Reasons why the added columns may not be what the user expects.
    """

    selection: RowSelection
    id_type: pa.DataType
    join: Join | None = None
    warnings: tuple[Problem, ...] = ()

    def own(self, names: Sequence[str], snapshot: Snapshot) -> list[str]:
        """Return the columns to read from the snapshot. The id column is left out if it has the name of the rows' own.

        Raises:
            UsageError: A column that is not the id column has the name of one of the rows' own columns.
        """
        for name in self._own.columns:
            if name in names and name != snapshot.id_column:
                raise UsageError(f"the export already has a column {shown(name)}; leave it out (--columns)")
        return [name for name in names if name not in self._own.columns]

    def joined(self, contacts: ContactColumns, warnings: Sequence[Problem]) -> "_Rows":
        """Return the same rows with columns of their contacts."""
        join = Join(partial(read_rows, self.selection), contacts, self.id_type)
        return replace(self, join=join, warnings=(*warnings, *contacts.warnings))

    def frames(self) -> Iterator[pl.DataFrame]:
        """Read the rows."""
        return self.join.frames() if self.join else read_rows(self.selection)

    @property
    def empty(self) -> pl.DataFrame:
        """Return the columns without rows."""
        return pl.concat([self._own, *([self.join.contacts.empty_frame] if self.join else [])], how="horizontal")

    @property
    def json_columns(self) -> frozenset[str]:
        """Return the columns with JSON texts."""
        return self.join.contacts.json_columns if self.join else frozenset()

    @property
    def _own(self) -> pl.DataFrame:
        ids = ids_as_series(pa.array([], self.id_type)).alias(CONTACT_ID)
        change = [] if self.selection.content == "members" else [pl.Series(CHANGE, [], CHANGES)]
        return pl.DataFrame([ids, *change])


@dataclass(slots=True)
class _Counts:
    """The numbers of rows and cells written so far."""

    is_changes: bool
    rows: int = 0
    entered: int = 0
    guarded: int = 0

    def add(self, frame: pl.DataFrame) -> None:
        self.rows += len(frame)
        if self.is_changes:
            self.entered += int((frame.get_column(CHANGE) == "entered").sum())


def _write(rows: _Rows, writer: Writer, progress: Progress | None) -> _Counts:
    counts = _Counts(rows.selection.content != "members")
    for frame in combine_frames(rows.frames()):
        writer.write(frame)
        counts.add(frame)
        if progress:
            progress(counts.rows, max(rows.selection.expected or 0, counts.rows))
    writer.finish()
    counts.guarded = writer.guarded
    return counts


def _report(rows: _Rows, counts: _Counts, file_format: Format, path: Path | None) -> ExportReport:
    selection, missing = rows.selection, rows.join.missing if rows.join else 0
    warnings = (*selection.warnings, *rows.warnings)
    if missing:
        verb, whose = ("is", "its") if missing == 1 else ("are", "their")
        message = f"{counted(missing, 'contact')} {verb} not in the snapshot; {whose} columns are empty"
        warnings = (*warnings, Problem(message, severity="warning"))
    return ExportReport(
        segment_id=selection.segment_id,
        run_id=selection.run_id,
        file=None if path is None else str(path),
        format=file_format,
        columns=tuple(rows.empty.columns),
        rows=counts.rows,
        entered=counts.entered if counts.is_changes else None,
        exited=counts.rows - counts.entered if counts.is_changes else None,
        not_in_snapshot=missing,
        guarded=counts.guarded,
        warnings=warnings,
        notes=rows.join.contacts.notes if rows.join else (),
    )
