"""Lists inside contacts as related tables: each element is a row of its contact."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import polars as pl
import pyarrow as pa

from segbatch.snapshot.batch import Batch
from segbatch.snapshot.fields.custom_fields import FieldReader
from segbatch.snapshot.fields.field_look import FieldLook
from segbatch.snapshot.fields.resolution import Field, FieldColumns
from segbatch.snapshot.fields.types import Kind, children_of, element_type, kind_of
from segbatch.snapshot.snapshot import Snapshot
from segbatch.snapshot.source_words import SourceWords, list_words

VALUE = "value"
"""The column of a list of single values."""

_CONTACTS = 10_000
_ROW = "row"


@dataclass(frozen=True, slots=True)
class ListTable:
    """The elements of a list in the contacts, as rows.

    Attributes:
        contacts: The contacts, with the list looked up.
        path: The path of the list.
        field: The list.
        schema: The columns of the rows.
        reader: Reads the columns of JSON objects; None for other elements.
    """

    contacts: Snapshot
    path: str
    field: Field
    schema: FieldColumns
    reader: FieldReader | None = None

    def batches(self, leaves: Iterable[str], rows: int) -> Iterator[Batch]:  # noqa: ARG002 - contacts bound the rows
        """Read all rows, a number of contacts at a time.

        Args:
            leaves: The columns to read; JSON objects have the columns that rules name, other elements have all.
            rows: Not used: lists of contacts stay together.

        Yields:
            The rows with the ids of their contacts.

        Raises:
            SnapshotError: A file cannot be read, is damaged, or was written while it was read.
        """
        for ids, elements in self._elements():
            yield Batch(ids, self._frame(elements))

    @property
    def id_type(self) -> pa.DataType:
        """The type of the ids of contacts."""
        return self.contacts.id_type

    def empty_frame(self, leaves: Iterable[str]) -> pl.DataFrame:  # noqa: ARG002 - a batch has all columns too
        """Return a frame without rows that has the columns of a batch."""
        frame = self.contacts.empty_frame(self._leaves)
        return self._frame(frame.select(_lists(self.field).alias(_ROW)).to_series().explode())

    @property
    def _leaves(self) -> list[str]:
        return [] if self.field.kind is Kind.NOTHING else [self.field.leaf]

    def _elements(self) -> Iterator[tuple[pa.Array, pl.Series]]:
        """Yield elements with the ids of their contacts."""
        for batch in self.contacts.batches(self._leaves, _CONTACTS):
            lists = batch.frame.select(_lists(self.field).alias(_ROW)).to_series()
            lengths = lists.list.len().fill_null(0).to_numpy()
            elements = lists.filter(pl.Series(lengths > 0)).explode()
            owners = np.repeat(np.arange(len(lengths)), lengths)
            yield batch.ids.take(pa.array(owners)), elements

    def _frame(self, elements: pl.Series) -> pl.DataFrame:
        if self.reader is not None:
            texts = elements.cast(pl.String).alias(self.path).to_frame()
            names = {_inside(self.path, name): name for name in self.schema.derived}
            decoded = self.reader.decode(texts, [name for name in names if self.reader.derived[name].ways])
            found = [pl.col(old).alias(new) for old, new in names.items() if old in decoded.columns]
            return decoded.select(pl.col(self.path), *found)
        if isinstance(elements.dtype, pl.Struct):
            return elements.struct.unnest()
        return elements.alias(VALUE).to_frame()


def _lists(field: Field) -> pl.Expr:
    """Return the lists of a field; those without a known element type as lists of texts."""
    if field.kind is Kind.NOTHING:
        return pl.repeat(None, n=pl.len(), dtype=pl.List(pl.String))
    return field.expr.cast(pl.List(pl.String)) if kind_of(element_type(field.dtype)) is Kind.NOTHING else field.expr


def open_list(path: str, field: Field, fields: Iterable[str], contacts: Snapshot) -> ListTable:
    """Open a list in the contacts as a table, and look up the fields that rules read.

    Args:
        path: The path of the list.
        field: The list, or a field that is missing for every contact.
        fields: The columns of the rows, or paths into them, that rules name.
        contacts: The contacts, with the list looked up.

    Raises:
        SnapshotError: A file cannot be read, or is damaged.
    """
    words, element = list_words(path), element_type(field.dtype)
    children = children_of(element)
    if children:
        return ListTable(contacts, path, field, FieldColumns(children, words=words))
    if kind_of(element) not in {Kind.NOTHING, Kind.STRUCT}:
        return ListTable(contacts, path, field, FieldColumns({VALUE: element}, words=words))
    return _open_objects(ListTable(contacts, path, field, FieldColumns({}, words=words)), fields, words)


def _open_objects(table: ListTable, fields: Iterable[str], words: SourceWords) -> ListTable:
    """Look up the fields of JSON objects in the data."""
    names = {_inside(table.path, name): name for name in fields}
    reader = _reader_of(table, names)
    of_none = replace(table, contacts=replace(table.contacts, files=()))
    for look in table.contacts.scanner.scan(table.contacts, partial(_look_at_objects, table=of_none, names=(*names,))):
        reader.add(look)
    reader.finish()
    derived = {names[name]: found for name, found in reader.derived.items()}
    schema = FieldColumns({}, None, derived, words)
    return ListTable(table.contacts, table.path, table.field, schema, reader)


def _reader_of(table: ListTable, names: Iterable[str]) -> FieldReader:
    columns = FieldColumns({table.path: pl.String()}, words=table.schema.words)
    return FieldReader(names, columns, {table.path: "json"})


def _look_at_objects(contacts: Snapshot, table: ListTable, names: Sequence[str]) -> FieldLook:
    """Return the look at the elements of a list in some contacts."""
    reader = _reader_of(table, names)
    for _, elements in replace(table, contacts=contacts)._elements():  # noqa: SLF001 - of the same class
        reader.examine(elements.cast(pl.String).alias(table.path).to_frame())
    return reader.look


def _inside(path: str, name: str) -> str:
    return f"{path}.{name}"
