"""A snapshot of contacts: one or more Parquet files that are read once, in batches."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

import polars as pl
import pyarrow as pa

from segbatch.contacts.columns import polars_schema, shared_schema, to_frame
from segbatch.contacts.contact_ids import write_id
from segbatch.contacts.custom_fields import Form, Opened, form_of, open_form
from segbatch.contacts.files import SnapshotFile, open_file, read_batches
from segbatch.contacts.finding import find_files
from segbatch.contacts.ids import find_id_column, ids_as_series
from segbatch.contacts.places import Place
from segbatch.errors import Problem

__all__ = ["Batch", "Snapshot", "open_files", "open_snapshot"]

_COLUMN_BATCH = 100_000


@dataclass(frozen=True, slots=True)
class Batch:
    """Some contacts of a snapshot.

    Attributes:
        ids: The ids, in the type in which the snapshot has them.
        frame: The columns that were asked for, a row a contact in the order of `ids`.
    """

    ids: pa.Array
    frame: pl.DataFrame


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Contacts at one moment.

    Attributes:
        files: Its Parquet files, in the order in which they are read.
        schema: Its columns with their Polars types.
        id_column: The column that has the contacts' ids.
        id_type: The Arrow type of the ids.
        forms: The columns that have to be opened before a path can lead into them.
        opened: Those of them that `with_fields` has opened.
    """

    files: tuple[SnapshotFile, ...]
    schema: Mapping[str, pl.DataType]
    id_column: str
    id_type: pa.DataType
    forms: Mapping[str, Form] = field(default_factory=dict)
    opened: Mapping[str, Opened] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """The number of contacts."""
        return sum(file.rows for file in self.files)

    def batches(self, leaves: Iterable[str], rows: int) -> Iterator[Batch]:
        """Read the snapshot from beginning to end.

        Args:
            leaves: Dotted paths of the columns to read; of a struct only these parts are.
            rows: The largest number of contacts in a batch.

        Yields:
            The contacts, batch by batch; the frame of a batch has at least the columns asked for.

        Raises:
            SnapshotError: A file cannot be read, is damaged, or was written meanwhile.
        """
        columns = self.columns(leaves)
        for file in self.files:
            for batch in read_batches(file, columns, rows):
                frame = to_frame(pa.Table.from_batches([batch]))
                yield Batch(batch.column(self.id_column), self._decoded(self._with_types(frame)))
            file.ensure_unchanged()

    def columns(self, leaves: Iterable[str]) -> list[str]:
        """Return what is read of the files for some paths: these parts, whole columns that were opened, and the ids."""
        return sorted({self.id_column, *map(self._stored, leaves)})

    def nobody(self, leaves: Iterable[str]) -> pl.DataFrame:
        """Return the columns to which paths lead, as a batch has them, of no contact at all."""
        stored, named = self.files[0].schema, [f"{leaf}." for leaf in leaves]
        columns = [field for field in stored if any(leaf.startswith(f"{field.name}.") for leaf in named)]
        frame = to_frame(pa.schema(columns).empty_table())
        return self._decoded(self._with_types(frame))

    def _stored(self, leaf: str) -> str:
        """Return what has to be read from the file for a path: of an opened column, all of it."""
        if leaf in self.schema:
            return leaf
        return next((column for column in self.opened if leaf.startswith(column + ".")), leaf)

    def _decoded(self, frame: pl.DataFrame) -> pl.DataFrame:
        there = (column for column in self.opened if column in frame.columns)
        return frame.with_columns(self.opened[column].decode(frame.get_column(column)) for column in there)

    def _with_types(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Give the columns that have no type in this file, being all null, the type they have in another."""
        untyped = [name for name, dtype in frame.schema.items() if isinstance(dtype, pl.Null)]
        return frame.with_columns(pl.lit(None, dtype=self.schema[name]).alias(name) for name in untyped)

    def with_fields(self, fields: Iterable[str]) -> "Snapshot":
        """Open the columns of JSON texts and of maps into which fields lead; that reads them once.

        Args:
            fields: The fields that rules name.

        Raises:
            SnapshotError: A file cannot be read, or is damaged.
        """
        names = sorted(set(fields) - self.schema.keys())
        inside = {column: [name for name in names if name.startswith(column + ".")] for column in self.forms}
        opened = {
            column: open_form(form, column, self.schema[column], inside[column], self._column(column), self._id_at)
            for column, form in self.forms.items()
            if inside[column] or column in fields
        }
        schema = {**self.schema, **{column: found.dtype for column, found in opened.items()}}
        return replace(self, schema=schema, opened=opened)

    def _column(self, name: str) -> Iterator[pl.Series]:
        return (batch.frame.get_column(name) for batch in self.batches([name], _COLUMN_BATCH))

    def _id_at(self, row: int) -> str | int | None:
        """Read the id of the contact in a row, counted from 0; None where it is null."""
        for ids in self.ids(_COLUMN_BATCH):
            if row < len(ids):
                return None if ids[row] is None else write_id(ids[row], self.id_type)
            row -= len(ids)
        raise AssertionError(row)

    @property
    def problems(self) -> list[Problem]:
        """What is wrong with values of the columns that were opened."""
        return [found.problem for found in self.opened.values() if found.problem]

    def ids(self, rows: int) -> Iterator[pl.Series]:
        """Read the ids alone, in batches of at most so many rows."""
        return (ids_as_series(batch.ids) for batch in self.batches([], rows))


def open_snapshot(path: str, id_column: str = "id") -> Snapshot:
    """Open a snapshot and look at its columns, without reading any contact.

    Args:
        path: A Parquet file, a folder of them, or a glob; or the address of such in object storage.
        id_column: The name of the column with the contacts' ids.

    Raises:
        SnapshotError: There is no such file, one is no Parquet or cut short, files do not fit each other, or there
            is no such id column.
    """
    return open_files(find_files(path), id_column)


def open_files(places: Iterable[Place], id_column: str = "id") -> Snapshot:
    """Open a snapshot of which the files are known; the errors are those of `open_snapshot`.

    Args:
        places: Its Parquet files, at least one.
        id_column: The name of the column with the contacts' ids.
    """
    files = tuple(map(open_file, places))
    schema = shared_schema({str(file.place): file.schema for file in files})
    forms = {column.name: form for column in schema if (form := form_of(column)) is not None}
    return Snapshot(files, polars_schema(schema), id_column, find_id_column(schema, id_column), forms)
