"""Columns of the snapshot, and paths into them, that an export adds to the contact ids."""

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl
import pyarrow as pa

from segbatch.errors import Problem, UsageError
from segbatch.snapshot.fields.children import chosen
from segbatch.snapshot.fields.json_numbers import number_texts
from segbatch.snapshot.fields.keys import UnknownColumnError
from segbatch.snapshot.fields.resolution import Field, resolve
from segbatch.snapshot.fields.types import ANY_LENGTH, Kind, element_type, has_opaque_part
from segbatch.snapshot.id_checks import ids_as_series
from segbatch.snapshot.snapshot import Snapshot
from segbatch.text import clipped, shown

_ROWS = 100_000


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
        raise UsageError(f"the column {shown(twice)} is named twice (--columns)")
    return tuple(names)


def _split(text: str) -> list[str]:
    try:
        return next(csv.reader([text], skipinitialspace=True, strict=True), None) or [""]
    except csv.Error:
        advice = """a name with a comma in it stands in double quotes as a whole, as in '"first, last",email'"""
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

    def pick(self, frame: pl.DataFrame) -> pl.DataFrame:
        wide = frame.with_columns(_writable(found).alias(name) for name, found in self.fields.items())
        return chosen(wide, self.fields)


@dataclass(frozen=True, slots=True)
class Contacts:
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
    def of(cls, snapshot: Snapshot, names: Sequence[str]) -> "Contacts":
        """Find columns in a snapshot.

        Raises:
            UsageError: The snapshot does not have the column, or its type cannot be exported.
            SnapshotError: A file cannot be read, or is damaged.
        """
        whole = {name: _find(name, snapshot.schema) for name in names if name in snapshot.schema}
        paths = [name for name in names if name not in whole]
        opened = snapshot.with_fields(paths) if paths else snapshot
        parts = {name: _find(name, opened.schema) for name in paths}
        warnings = [
            Problem(f"{found.warning} (--columns)", severity="warning")
            for found in (*whole.values(), *parts.values())
            if found.warning
        ]
        sources = [_Source(snapshot, whole), _Source(opened, parts)]
        doubts = [problem for problem in opened.problems if problem.severity != "note"]
        return cls(
            snapshot,
            names,
            (*warnings, *doubts),
            tuple(problem for problem in opened.problems if problem.severity == "note"),
            [source for source in sources if source.fields] or sources[:1],
        )

    @property
    def empty_frame(self) -> pl.DataFrame:
        """Return the exported columns without rows."""
        frames = [source.pick(source.snapshot.empty_frame(source.leaves)).head(0) for source in self._sources]
        return chosen(pl.concat(frames, how="horizontal"), self.names)

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
            frames = [source.pick(batch.frame) for source, batch in zip(self._sources, batches, strict=True)]
            yield ContactsBatch(ids_as_series(batches[0].ids), chosen(pl.concat(frames, how="horizontal"), self.names))

    @property
    def id_type(self) -> pa.DataType:
        """Return the Arrow type of the ids."""
        return self.snapshot.id_type


def _writable(found: Field) -> pl.Expr:
    """Return an expression that reads a field in a type that can be written. Numbers of any length are read as text."""
    if found.dtype == ANY_LENGTH:
        return number_texts(found.expr)
    if element_type(found.dtype) == ANY_LENGTH:
        return found.expr.list.eval(number_texts(pl.element()))
    return found.expr


def _find(name: str, schema: Mapping[str, pl.DataType]) -> Field:
    try:
        found = resolve(name, schema)
    except UnknownColumnError as error:
        raise UsageError(f"{error} (--columns)") from None
    if found.kind is Kind.NOTHING and name.endswith("."):
        whole = clipped(name.removesuffix("."))
        raise UsageError(f"'{whole}.' ends in a dot; say what in it is wanted, or {whole} for all of it (--columns)")
    if has_opaque_part(found.dtype):
        raise UsageError(f"the column '{clipped(name)}' is of a type that cannot be exported (--columns)")
    return found
