"""A snapshot of contacts: one or more Parquet files that are read once, in batches."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

import polars as pl
import pyarrow as pa

from segbatch.errors import Problem
from segbatch.platform.iterators import read_ahead
from segbatch.snapshot.arrow.arrays import convert
from segbatch.snapshot.arrow.binary_text import BytesPath, find_texts, has_bytes, with_part, with_texts
from segbatch.snapshot.arrow.polars_types import polars_schema, to_frame
from segbatch.snapshot.arrow.types import leaves_of, part_of
from segbatch.snapshot.batch import Batch
from segbatch.snapshot.encoded_texts import WORTH_ENCODING, DictionaryReader, encode_columns, text_leaves
from segbatch.snapshot.fields.custom_fields import FieldReader, Form, form_of
from segbatch.snapshot.fields.field_look import FieldLook
from segbatch.snapshot.fields.kept_values import KeptValues
from segbatch.snapshot.fields.keys import (
    CUSTOM_FIELDS,
    PROJECT_COLUMN,
    Columns,
    UnknownColumnError,
    exact_name,
    find_column,
    longest_key,
    names_by_case,
)
from segbatch.snapshot.fields.resolution import FieldColumns
from segbatch.snapshot.hive_partitions import differing_columns
from segbatch.snapshot.id_checks import ids_as_series
from segbatch.snapshot.id_format import write_id
from segbatch.snapshot.lakehouse.address import TableAddress
from segbatch.snapshot.parquet.files import SnapshotFile
from segbatch.snapshot.parquet.record_batches import read_batches
from segbatch.snapshot.related.query import TableQuery
from segbatch.snapshot.scan import LOCAL, Scanner
from segbatch.text import clipped

_COLUMN_BATCH = 100_000
_FIELD_BATCH = 1 << 16
_ID_BATCH = 1_000_000
_NO_TEXTS: Mapping[str, int] = {}


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Contacts at one point in time.

    Attributes:
        files: The Parquet files, in reading order.
        arrow: The columns with the Arrow types that they are read as.
        schema: The columns with their Polars types.
        id_type: The Arrow type of the ids.
        forms: The columns that are read in another form than they are stored in.
        reader: Reads the fields that `with_fields` found in the data of columns.
        notes: Notes on how names were matched.
        byte_texts: The columns that are stored as bytes, in whole or in part, and are read as text.
        findings: Warnings about files that are not read, and about paths that contradict their files.
        queries: Aggregates of related tables, whose keys are columns of the contacts too.
        source: The version of a table that the files belong to; None for files on their own.
        scanner: Reads columns whose values must be known before the contacts are read.
    """

    files: tuple[SnapshotFile, ...]
    arrow: pa.Schema
    schema: FieldColumns
    id_column: str
    id_type: pa.DataType
    forms: Mapping[str, Form] = field(default_factory=dict)
    reader: FieldReader | None = None
    notes: tuple[Problem, ...] = ()
    byte_texts: tuple[str, ...] = ()
    findings: tuple[Problem, ...] = ()
    queries: tuple[TableQuery, ...] = ()
    source: TableAddress | None = None
    scanner: Scanner = LOCAL

    @property
    def rows(self) -> int:
        """The number of contacts."""
        return sum(file.rows for file in self.files)

    @property
    def file_rows(self) -> list[tuple[str, int]]:
        """The names of the files, each with its number of contacts."""
        return [(str(file.location), file.rows) for file in self.files]

    def batches(self, leaves: Iterable[str], rows: int, texts: Mapping[str, int] = _NO_TEXTS) -> Iterator[Batch]:
        """Read the whole snapshot in batches.

        Args:
            leaves: Dotted paths of the columns to read. Only these parts of structs are read.
            rows: The maximum number of contacts in a batch.
            texts: Those of the leaves that the caller can use as `EncodedTexts`, each with how often it is used.

        Yields:
            The contacts, batch by batch. The frame of a batch has at least the requested columns, except those that the
            batch has as `texts`.

        Raises:
            SnapshotError: A file cannot be read, is damaged, or was written while it was read.
        """
        leaves = {*leaves}
        queries = [query for query in self.queries if leaves & query.columns.keys()]
        own = leaves - {key for query in queries for key in query.columns}
        batches = self._own_batches(own, rows, texts)
        if not queries:
            return batches
        from segbatch.snapshot.related.values import with_aggregates  # noqa: PLC0415 - only if needed

        return with_aggregates(batches, queries, self.ids)

    def _own_batches(self, leaves: set[str], rows: int, texts: Mapping[str, int]) -> Iterator[Batch]:
        derived = leaves & self.reader.derived.keys() if self.reader else set[str]()
        kept = self.reader.read_kept(self.files, derived, texts) if self.reader and derived else None
        leaves -= set() if kept is None else derived
        columns = self.columns(leaves)
        from_files, decodable = self._encodable(texts, leaves)
        dictionaries = DictionaryReader(from_files)
        for file in self.files:
            for batch in read_batches(file, columns, rows, from_files):
                encoded = dictionaries.read(batch)
                schema = self._part({*columns} - encoded.keys())
                frame = self._decoded(to_frame(pa.Table.from_batches([batch]), schema, str(file.location)), leaves)
                frame, decoded = encode_columns(frame, decodable) if kept is None else kept.add_to(frame, file)
                yield Batch(convert(batch.column(self.id_column), self.id_type), frame, {**encoded, **decoded})
            file.ensure_unchanged()

    def _encodable(self, texts: Mapping[str, int], leaves: set[str]) -> tuple[set[str], list[str]]:
        """Return the leaves that are texts as stored and that no other leaf is read from, and derived fields."""
        derived = self.reader.derived.keys() if self.reader else set[str]()
        needed = {self.id_column}.union(*(self._stored(leaf) for leaf in leaves & derived))
        stored = text_leaves(self.arrow, texts.keys() & leaves - derived - needed)
        return stored, [name for name in texts if name in leaves & derived and texts[name] >= WORTH_ENCODING]

    def columns(self, leaves: Iterable[str]) -> list[str]:
        """Return the columns to read from the files for some paths, including sources of derived fields and the ids."""
        aggregates = {key for query in self.queries for key in query.columns}
        return sorted({self.id_column}.union(*map(self._stored, {*leaves} - aggregates)))

    def empty_frame(self, leaves: Iterable[str]) -> pl.DataFrame:
        """Return a frame without rows that has the columns of some paths, as a batch does."""
        leaves = {*leaves}
        schema = self._part(set[str]().union(*map(self._stored, leaves)))
        return self._decoded(to_frame(pa.table({}), schema), leaves)

    def _part(self, columns: Iterable[str]) -> pa.Schema:
        """Return the schema of the columns at some dotted paths, with structs reduced to these parts."""
        paths: dict[str, set[str]] = {}
        for column in sorted(columns):
            name, path = longest_key(column, self.schema)
            if name is not None:
                paths.setdefault(name, set()).add(path or "")
        return pa.schema([(name, part_of(self.arrow.field(name).type, found)) for name, found in paths.items()])

    def _stored(self, leaf: str) -> set[str]:
        """Return the columns to read from the files for a leaf. For a derived field, these are all its sources."""
        if self.reader is not None and leaf in self.reader.derived:
            return self.reader.leaves_of(leaf)
        return {leaf}

    def _decoded(self, frame: pl.DataFrame, leaves: set[str]) -> pl.DataFrame:
        if self.reader is None:
            return frame
        return self.reader.decode(frame, leaves & self.reader.derived.keys())

    def with_fields(self, fields: Iterable[str]) -> "Snapshot":
        """Look up the fields that rules name, including those in JSON texts and maps. These columns are read once.

        Raises:
            SnapshotError: A file cannot be read, or is damaged.
        """
        fields = {*fields}
        stored = {leaf for name in fields if (leaf := self._leaf_of(name)) is not None}
        named = {name.lower() for name in (*fields, PROJECT_COLUMN)}
        in_paths = self.files if self.source is None else ()  # the paths of a table's files have no meaning
        differing = differing_columns(
            in_paths, (name for name in self.schema if name.lower() in named), self.schema.words
        )
        snapshot = replace(self, findings=(*self.findings, *differing))
        return snapshot.with_texts(stored).with_forms(fields)

    def _leaf_of(self, name: str) -> str | None:
        """Return a field's path with the exact name of its column; None if the field is not found."""
        try:
            found = find_column(name, self.schema)
        except UnknownColumnError:
            return None
        return None if found is None else found[0] if found[1] is None else f"{found[0]}.{found[1]}"

    def with_texts(self, fields: Iterable[str]) -> "Snapshot":
        """Read bytes as text if rules name these fields and all their values are UTF-8.

        Raises:
            SnapshotError: A file cannot be read, or is damaged.
        """
        snapshot = self
        whole = {column.name for column in self.arrow if pa.types.is_struct(column.type)}
        for part in self._part({*fields} - {self.id_column} - whole):  # no rule compares a whole struct
            if has_bytes(part.type):
                texts = with_texts(part.type, self.scanner.scan(self, partial(_find_texts, part=part)))
                read_as = with_part(self.arrow.field(part.name).type, texts)
                snapshot = snapshot._with_type(part.name, read_as)
        return snapshot

    def _with_type(self, column: str, arrow_type: pa.DataType) -> "Snapshot":
        """Return the snapshot with another type for a column, such as text in place of bytes."""
        before = self.arrow.field(column).type
        if before == arrow_type:
            return self
        arrow = self.arrow.set(self.arrow.get_field_index(column), pa.field(column, arrow_type))
        return replace(with_types(self, arrow), byte_texts=(*self.byte_texts, column))

    def arrays(self, part: pa.Field) -> Iterator[pa.Array]:
        """Yield the arrays of a column, or of a part of a column."""
        for file in self.files:
            for batch in read_batches(file, leaves_of(part), _COLUMN_BATCH):
                if part.name in batch.schema.names:
                    yield convert(batch.column(part.name), part.type)

    def with_text_ids(self) -> "Snapshot":
        """Read ids that are bytes as text if all of them are UTF-8."""
        column = self.arrow.field(self.id_column)
        arrow_type = with_texts(column.type, self.scanner.scan(self, partial(_find_texts, part=column)))
        return replace(self._with_type(self.id_column, arrow_type), id_type=arrow_type)

    def with_forms(self, fields: Iterable[str]) -> "Snapshot":
        """Look up the fields that rules name in the data of columns: JSON texts and maps. These columns are read once.

        Raises:
            SnapshotError: A file cannot be read, or is damaged.
        """
        fields = {*fields}
        reader = FieldReader(fields, self.schema, self.forms)
        if reader.leaves:
            reader.kept = KeptValues()
            look_at = partial(_look_at_fields, fields=frozenset(fields), kept=reader.kept)
            for look in self.scanner.scan(self, look_at):
                reader.add(look)
        reader.finish()
        schema = FieldColumns(self.schema, self.schema.alias, reader.derived, self.schema.words)
        notes = (*self.notes, *names_by_case(fields, schema))
        return replace(self, schema=schema, reader=reader, notes=tuple(dict.fromkeys(notes)))

    def _id_at(self, row: int) -> str | int | None:
        """Return the id of the contact in a row, counted from 0; None if the id is null."""
        for ids in self.ids(_COLUMN_BATCH):
            if row < len(ids):
                return None if ids[row] is None else write_id(ids[row], self.id_type)
            row -= len(ids)
        raise AssertionError(row)

    @property
    def problems(self) -> list[Problem]:
        """All findings and notes, a note for each column of bytes that is read as text, and problems in JSON texts."""
        why = "is stored as bytes without the UTF-8 annotation; it is read as text because all of it is UTF-8"
        notes = [Problem(f"'{clipped(column)}' {why}", severity="note") for column in self.byte_texts]
        return [*self.findings, *self.notes, *notes, *(self.reader.problems(self._id_at) if self.reader else ())]

    def ids(self, rows: int = _ID_BATCH) -> Iterator[pl.Series]:
        """Read only the ids, in batches of at most `rows` rows."""
        return (ids_as_series(batch.ids) for batch in self.batches([], rows))


def _look_at_fields(snapshot: Snapshot, fields: frozenset[str], kept: KeptValues) -> FieldLook:
    """Return the look at the data of the columns that fields are read from, and keep the values."""
    reader = FieldReader(fields, snapshot.schema, snapshot.forms)
    for batch in read_ahead(snapshot.batches(reader.leaves, _FIELD_BATCH)):
        reader.examine(batch.frame, kept)
        if reader.is_done:
            kept.discard()
            break
    kept.finish(snapshot.files)
    return reader.look


def _find_texts(snapshot: Snapshot, part: pa.Field) -> frozenset[BytesPath]:
    """Return where a column, or a part of a column, has bytes that are text."""
    return find_texts(part.type, snapshot.arrays(part))


def with_types(snapshot: Snapshot, arrow: pa.Schema) -> Snapshot:
    """Return the snapshot with its columns read in the types of a schema."""
    columns = polars_schema(arrow)
    custom = snapshot.schema.alias or exact_name(CUSTOM_FIELDS, Columns(columns))
    forms = {column.name: form for column in arrow if (form := form_of(column, custom)) is not None}
    schema = FieldColumns(columns, snapshot.schema.alias, snapshot.schema.derived, snapshot.schema.words)
    return replace(snapshot, arrow=arrow, schema=schema, forms=forms)
