"""Columns of the snapshot, and paths into them, that an export adds to the contact ids."""

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from threading import Event

import polars as pl
import pyarrow as pa

from segbatch.errors import Problem, SnapshotError, UsageError
from segbatch.model.manifest import Manifest
from segbatch.platform.urls import redact_url
from segbatch.snapshot.discovery import locations_of
from segbatch.snapshot.fields.children import select_columns
from segbatch.snapshot.fields.json_numbers import number_texts
from segbatch.snapshot.fields.keys import UnknownColumnError
from segbatch.snapshot.fields.resolution import Field, resolve
from segbatch.snapshot.fields.types import ANY_LENGTH, Kind, element_type, has_opaque_part
from segbatch.snapshot.hive_partitions import partition_text
from segbatch.snapshot.id_checks import ids_as_series
from segbatch.snapshot.lakehouse.address import address_of
from segbatch.snapshot.open_snapshot import open_files, open_snapshot
from segbatch.snapshot.snapshot import Snapshot
from segbatch.text import clipped, printable, shown

_ROWS = 100_000
_ID_COLUMN = "id"
_OTHERS = "pass a snapshot by --contacts, this one too"


def read_names(columns: Iterable[str]) -> tuple[str, ...]:
    """Split texts such as `email,custom_fields.plan` into names. A name with a comma must be in double quotes.

    Raises:
        UsageError: A name is empty, or appears twice, or a double quote is not closed.
    """
    names = [name for text in columns for name in _split(text)]
    if not all(names):
        raise UsageError("the name of a column is empty; write them as in email,country (--columns)")
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise UsageError(f"the column {shown(twice)} is listed twice (--columns)")
    return tuple(names)


def _split(text: str) -> list[str]:
    try:
        return next(csv.reader([text], skipinitialspace=True, strict=True), None) or [""]
    except csv.Error:
        advice = """put a whole name with a comma into double quotes, as in '"first, last",email'"""
        raise UsageError(f"{shown(text)} cannot be split into names; {advice} (--columns)") from None


@dataclass(frozen=True, slots=True)
class ContactsBatch:
    """A batch of contacts of the snapshot.

    Attributes:
        ids: The contact ids.
        frame: The exported columns, one row for each contact.
    """

    ids: pl.Series
    frame: pl.DataFrame


@dataclass(frozen=True, slots=True)
class _Source:
    """Some of the columns, and the snapshot opened to read them."""

    snapshot: Snapshot
    fields: Mapping[str, Field]

    @property
    def leaves(self) -> list[str]:
        return [found.leaf for found in self.fields.values()]

    def select(self, frame: pl.DataFrame) -> pl.DataFrame:
        wide = frame.with_columns(_exportable(found).alias(name) for name, found in self.fields.items())
        return select_columns(wide, self.fields)


@dataclass(frozen=True, slots=True)
class ContactColumns:
    """The contacts of a snapshot, with the exported columns.

    A column of JSON texts is exported unparsed, and a path into it as the parsed value. The column is read twice if
    both are exported.

    Attributes:
        snapshot: The opened snapshot.
        names: The exported columns, in their order.
        warnings: Columns that no contact has, and other warnings about the fields.
        notes: Facts about how the columns are read.
    """

    snapshot: Snapshot
    names: Sequence[str]
    warnings: tuple[Problem, ...]
    notes: tuple[Problem, ...]
    _sources: Sequence[_Source] = field(default=(), repr=False)

    @classmethod
    def find(cls, snapshot: Snapshot, names: Sequence[str]) -> "ContactColumns":
        """Find columns in a snapshot.

        Raises:
            UsageError: The snapshot does not have the column, or its type cannot be exported.
            SnapshotError: A file cannot be read, or is damaged.
        """
        whole = {name: _find_field(name, snapshot.schema) for name in names if name in snapshot.schema}
        paths = [name for name in names if name not in whole]
        opened = snapshot.with_fields(paths) if paths else snapshot
        parts = {name: _find_field(name, opened.schema) for name in paths}
        warnings = [
            Problem(f"{found.warning} (--columns)", severity="warning")
            for found in (*whole.values(), *parts.values())
            if found.warning
        ]
        sources = [_Source(snapshot, whole), _Source(opened, parts)]
        problems = [problem for problem in opened.problems if problem.severity != "note"]
        return cls(
            snapshot,
            names,
            (*warnings, *problems),
            tuple(problem for problem in opened.problems if problem.severity == "note"),
            [source for source in sources if source.fields] or sources[:1],
        )

    @property
    def empty_frame(self) -> pl.DataFrame:
        """Return the exported columns without rows."""
        frames = [source.select(source.snapshot.empty_frame(source.leaves)).head(0) for source in self._sources]
        return select_columns(pl.concat(frames, how="horizontal"), self.names)

    @property
    def json_columns(self) -> frozenset[str]:
        """Return the columns with JSON texts.

        These are whole columns of JSON, and objects and lists inside them whose values do not fit one type.
        """
        dtypes = self.empty_frame.schema
        return frozenset(
            name
            for source in self._sources
            for name, found in source.fields.items()
            if dtypes[name] == pl.String
            and (source.snapshot.forms.get(name) == "json" or found.kind in {Kind.STRUCT, Kind.LIST})
        )

    def ids(self) -> Iterator[pl.Series]:
        """Read only the ids."""
        return self.snapshot.ids(_ROWS)

    def batches(self) -> Iterator[ContactsBatch]:
        """Read the exported columns.

        Raises:
            SnapshotError: A file cannot be read, is damaged, or was changed while it was read.
        """
        readers = (source.snapshot.batches(source.leaves, _ROWS) for source in self._sources)
        for batches in zip(*readers, strict=True):
            frames = [source.select(batch.frame) for source, batch in zip(self._sources, batches, strict=True)]
            yield ContactsBatch(
                ids_as_series(batches[0].ids), select_columns(pl.concat(frames, how="horizontal"), self.names)
            )

    @property
    def id_type(self) -> pa.DataType:
        """Return the Arrow type of the ids."""
        return self.snapshot.id_type


def _exportable(found: Field) -> pl.Expr:
    """Return an expression that reads a field in a type that can be written. Numbers of any length are read as text."""
    if found.dtype == ANY_LENGTH:
        return number_texts(found.expr)
    if element_type(found.dtype) == ANY_LENGTH:
        return found.expr.list.eval(number_texts(pl.element()))
    return found.expr


def _find_field(name: str, schema: Mapping[str, pl.DataType]) -> Field:
    try:
        found = resolve(name, schema)
    except UnknownColumnError as error:
        raise UsageError(f"{error} (--columns)") from None
    if found.kind is Kind.NOTHING and name.endswith("."):
        whole = clipped(name.removesuffix("."))
        raise UsageError(f"'{whole}.' ends in a dot; name a key in it, or {whole} for all of it (--columns)")
    if has_opaque_part(found.dtype):
        raise UsageError(f"the column '{clipped(name)}' has a type that cannot be exported (--columns)")
    return found


def open_contacts(
    manifest: Manifest, contacts: str | Path | None, id_column: str | None, custom_fields: str | None = None
) -> tuple[Snapshot, Sequence[Problem]]:
    """Open the snapshot of a run, or another one.

    Args:
        manifest: The manifest of the run.
        contacts: The snapshot to use; by default the one that the run read.
        id_column: The id column; by default the same as in the run.
        custom_fields: The column that definitions call `custom_fields`; by default the same as in the run.

    Returns:
        The snapshot, and a warning if it is not the one that the run read.

    Raises:
        SnapshotError: The snapshot cannot be used; or `contacts` is not given and the snapshot has changed since the
            run.
    """
    run_id, column = manifest.run.run_id, id_column or manifest.id_column or _ID_COLUMN
    custom_fields = custom_fields or manifest.custom_fields
    if contacts is None:
        try:
            snapshot = _open_again(manifest, column, custom_fields)
        except SnapshotError as error:
            raise SnapshotError(f"{error} (run {run_id} read it; pass another snapshot by --contacts)") from None
        if not _is_that_of(snapshot, manifest):
            place = snapshot.source or snapshot.files[0].location
            raise SnapshotError(f"{place}: is not the snapshot that run {run_id} read; {_OTHERS}")
        return snapshot, ()
    snapshot = open_snapshot(str(contacts), column, custom_fields)
    if _is_that_of(snapshot, manifest):
        return snapshot, ()
    message = (
        f"{redact_url(str(contacts))}: is not the snapshot that run {run_id} read; contacts may have changed since"
    )
    return snapshot, (Problem(message, severity="warning"),)


def _open_again(manifest: Manifest, column: str, custom_fields: str | None) -> Snapshot:
    """Open the files that a run read, or the version of a table."""
    if manifest.source is not None:
        return open_snapshot(str(address_of(manifest.source)), column, custom_fields)
    return open_files(locations_of(file.path for file in manifest.snapshot), column, custom_fields)


def _is_that_of(snapshot: Snapshot, manifest: Manifest) -> bool:
    """Return whether the snapshot is the one in the manifest.

    Sizes are compared first, then digests. Of the paths of the files, only the partitions are compared. Versions of
    tables are compared by their number and by the names and sizes of their files.
    """
    if snapshot.source is not None or manifest.source is not None:
        return _is_version_of(snapshot, manifest)
    names = [partition_text(printable(str(file.location))) for file in snapshot.files]
    before = [partition_text(file.path) for file in manifest.snapshot]
    sizes = zip([file.size for file in snapshot.files], names, strict=True)
    if sorted(sizes) != sorted(zip([file.size for file in manifest.snapshot], before, strict=True)):
        return False
    digests = zip([file.digest(Event()) for file in snapshot.files], names, strict=True)
    return sorted(digests) == sorted(zip([str(file.sha256) for file in manifest.snapshot], before, strict=True))


def _is_version_of(snapshot: Snapshot, manifest: Manifest) -> bool:
    """Return whether a version of a table is the one in the manifest; the table may have another path."""
    source, before = snapshot.source, manifest.source
    if source is None or before is None or (source.format, source.version) != (before.format, before.version):
        return False
    names = sorted((PurePosixPath(str(file.location)).name, file.size) for file in snapshot.files)
    return names == sorted((PurePosixPath(file.path).name, file.size) for file in manifest.snapshot)
