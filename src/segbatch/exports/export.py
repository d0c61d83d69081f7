"""Export of one segment of a published run to a file."""

import errno
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast, get_args

import polars as pl

from segbatch.errors import ExportError, Problem, UsageError
from segbatch.exports.columns import ContactColumns, open_contacts, read_names
from segbatch.exports.rows import CHANGE, ExportRows, combine_frames, read_id_type
from segbatch.exports.selection import select_rows
from segbatch.exports.writers import Format, Layout, Writer, make_writer
from segbatch.platform.checksum_file import DigestingFile
from segbatch.platform.files import (
    UncertainError,
    UnflushedError,
    link_file,
    replace_file,
    resolve_destination,
    temporary_file,
)
from segbatch.platform.io_errors import describe_write_error
from segbatch.platform.shutdown import shutdown
from segbatch.platform.urls import is_url, redact_url
from segbatch.storage.layout import LAST, _real, ensure_unpublished
from segbatch.storage.remote.open_output import open_output
from segbatch.text import counted, did_you_mean, one_of, printable, shown

Progress = Callable[[int, int], None]
"""Called from time to time with the number of rows that are done and the total number of rows."""

_SUFFIXES: dict[str, Format] = {
    ".csv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
}

_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV}
"""Errors of file systems that do not support a second name for a file (a hard link)."""


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
    file_format = _resolve_format(format, path.suffix if path else "")
    _ensure_of_csv(file_format, raw=raw, bom=bom)
    if file_format == "parquet" and path is None and cast("IO[bytes]", to).isatty():
        raise UsageError("Parquet cannot be shown on a terminal; name a file (--to)")
    names = read_names(columns)
    with open_output(output, members=False) as folder:
        selection = select_rows(folder, segment_id, run, changes=changes, since=since)
        target = None if path is None else _check_destination(path, folder, force=force)
        rows = ExportRows(selection, read_id_type(selection))
        if names:
            snapshot, warnings = open_contacts(selection.manifest, contacts, id_column, custom_fields)
            if target:
                _ensure_not_in_snapshot(target, [str(file.location) for file in snapshot.files])
            rows = rows.joined(ContactColumns.find(snapshot, rows.own(names, snapshot)), warnings)
        elif contacts is not None:
            raise UsageError("--contacts is only used with --columns; name the columns to add")
        layout = Layout(rows.empty, rows.id_type, rows.json_columns, raw, bom)
        with _open_destination(target, force=force) if target else nullcontext(cast("IO[bytes]", to)) as file:
            counts = _write(rows, make_writer(file_format, cast("IO[bytes]", file), layout), progress)
        return _report(rows, counts, file_format, path)


def _resolve_format(name: str | None, suffix: str) -> Format:
    """Return the format of an export.

    Args:
        name: The name of the format, if given.
        suffix: The suffix of the file; empty for standard output.

    Raises:
        UsageError: The format does not exist, cannot be determined, or does not match the suffix.
    """
    by_suffix = _SUFFIXES.get(suffix.lower())
    if name is None:
        if by_suffix is None and suffix:
            raise UsageError(f"unknown file extension {shown(suffix)}: use {one_of(_SUFFIXES)}, or pass --format")
        return by_suffix or "csv"
    found = next((known for known in get_args(Format) if known == name), None)
    if found is None:
        hint = did_you_mean(name, get_args(Format)) or f": use {one_of(get_args(Format))}"
        raise UsageError(f"invalid --format {shown(name)}{hint}")
    if by_suffix not in {None, found}:
        raise UsageError(f"the file extension {suffix} contradicts --format {found}; drop one of them")
    return cast("Format", found)


def _ensure_of_csv(file_format: Format, *, raw: bool, bom: bool) -> None:
    for option, is_given in (("--raw", raw), ("--bom", bom)):
        if is_given and file_format != "csv":
            raise UsageError(f"{option} applies only to CSV; leave it out for {file_format}")


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


def _write(rows: ExportRows, writer: Writer, progress: Progress | None) -> _Counts:
    counts = _Counts(rows.selection.content != "members")
    for frame in combine_frames(rows.frames()):
        writer.write(frame)
        counts.add(frame)
        if progress:
            progress(counts.rows, max(rows.selection.expected or 0, counts.rows))
    writer.finish()
    counts.guarded = writer.guarded
    return counts


def _report(rows: ExportRows, counts: _Counts, file_format: Format, path: Path | None) -> ExportReport:
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


def _check_destination(path: Path, output: Path, *, force: bool) -> Path:
    """Check that a file can be written and is not a part of the published data.

    Returns:
        The path; for a link, its target.

    Raises:
        UsageError: A file exists that must not be replaced, or the folder does not exist.
    """
    if is_url(str(path)):
        message = "exports are written to a disk; use a pipe to object storage"
        raise UsageError(f"{redact_url(str(path))}: {message}: segbatch export … --to - | aws s3 cp - s3://…")
    found, name = resolve_destination(path, "--to", instead="export to -, the standard output"), printable(str(path))
    ensure_unpublished(found, name, output, "export elsewhere (--to)")
    if os.path.lexists(found) and not force:
        raise UsageError(f"{name}: already exists; choose another file, or overwrite it with --force")
    return found


def _ensure_not_in_snapshot(path: Path, files: Sequence[str]) -> None:
    """Check that a file is not one of the snapshot's files.

    Raises:
        UsageError: The file belongs to the snapshot.
    """
    if path in {_real(Path(file)) for file in files}:
        raise UsageError(f"{printable(str(path))}: is a file of the snapshot; choose another file (--to)")


@contextmanager
def _open_destination(path: Path, *, force: bool) -> Iterator[DigestingFile]:
    """Open a file for writing. If an error occurs, nothing is left of it, and an existing file is unchanged.

    Raises:
        UsageError: Another program has created the file in the meantime.
        ExportError: The file cannot be written.
    """
    try:
        with temporary_file(path) as new:
            with DigestingFile(new) as file, file.translate_errors():
                yield file
            with shutdown.uninterruptible(f"{printable(str(path))} may be written"):
                _move(new, path, force=force)
                shutdown.done_message = f"{printable(str(path))} is written"
    except FileExistsError:
        message = "was created by another program; choose another file, or overwrite it with --force"
        raise UsageError(f"{printable(str(path))}: {message}") from None
    except BrokenPipeError:
        raise
    except OSError as error:
        raise ExportError(f"{printable(str(path))}: {describe_write_error(error)}") from None


def _move(new: Path, path: Path, *, force: bool) -> None:
    if force:
        with suppress(FileNotFoundError):
            shutil.copymode(path, new)
        replace_file(new, path)
        return
    try:
        link_file(new, path)
    except (UnflushedError, UncertainError):
        raise
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        if os.path.lexists(path):
            raise FileExistsError from None
        replace_file(new, path)
