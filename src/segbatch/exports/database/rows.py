"""The rows to send: read from the files of published runs in batches, in the types that the database expects."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from segbatch.errors import PublishError, UsageError
from segbatch.exports.database.contact_order import sort_by_contact
from segbatch.exports.database.dialects import Dialect
from segbatch.exports.database.tables import Table, Tables
from segbatch.model.manifest import Manifest, PastRun
from segbatch.model.record import Record
from segbatch.platform.iterators import gather
from segbatch.snapshot.arrow.arrays import convert
from segbatch.snapshot.arrow.types import is_text
from segbatch.snapshot.id_format import is_uuid
from segbatch.storage.id_types import stored_type
from segbatch.storage.layout import RUNS
from segbatch.storage.manifest_io import ensure_readable, read_manifest
from segbatch.storage.record_columns import column_values
from segbatch.storage.run_files import is_changes, is_membership, written_files

_SEGMENT_ID, _CONTACT_ID, _CHANGE = "segment_id", "contact_id", "change"
_BATCH = 65_536
_SORTED = 8 * _BATCH
"""The number of changes that are sorted at a time."""
_DAMAGED = "is damaged, or was deleted in the meantime; check it with segbatch verify --all"

OnRows = Callable[[int], None]
"""Called with the number of rows of each batch that was read."""


@dataclass(slots=True)
class Rows:
    """Rows for a table.

    Attributes:
        on_rows: Called with the number of rows of each batch.
        done: The number of rows that were read.
    """

    schema: pa.Schema
    batches: Iterator[pa.RecordBatch]
    on_rows: OnRows | None = None
    done: int = 0
    _failure: BaseException | None = None

    def reader(self) -> pa.RecordBatchReader:
        """Return the rows for a driver."""
        return pa.RecordBatchReader.from_batches(self.schema, self._counted())

    def raise_failure(self) -> None:
        """Raise the error that ended the rows too early. The driver only knows that there was one."""
        if self._failure is not None:
            raise self._failure

    def _counted(self) -> Iterator[pa.RecordBatch]:
        try:
            for batch in self.batches:
                self.done += len(batch)
                if self.on_rows:
                    self.on_rows(len(batch))
                yield batch
        except BaseException as error:
            self._failure = error
            raise


_PUBLISHED: Mapping[str, pa.DataType] = {
    "VARCHAR": pa.string(),
    "JSON": pa.string(),
    "BIGINT": pa.int64(),
    "TIMESTAMP": pa.timestamp("us"),
    "VARCHAR[]": pa.list_(pa.string()),
}
"""The Arrow types of values that do not come from files."""


def sent_schema(dialect: Dialect, table: Table) -> pa.Schema:
    """Return the columns of a table as they are sent to a database."""
    return pa.schema([(name, dialect.arrow_type(kind)) for name, kind in table.columns.items()])


def value_rows(dialect: Dialect, table: Table, values: Mapping[str, Sequence[object]]) -> Rows:
    """Return rows with the given values of each column."""
    schema = sent_schema(dialect, table)
    published = (pa.array(values[name], _PUBLISHED[kind]) for name, kind in table.columns.items())
    arrays = [_encode(array, kind) for array, kind in zip(published, schema.types, strict=True)]
    return Rows(schema, iter([pa.record_batch(arrays, schema=schema)]))


def record_rows(dialect: Dialect, table: Table, records: Sequence[Record], **more: Sequence[int]) -> Rows:
    """Return one row per record, with more columns of numbers."""
    types = {name: kind for name, kind in table.columns.items() if name not in more}
    return value_rows(dialect, table, {**column_values(records, types), **more})


def member_rows(dialect: Dialect, table: Table, folder: Path, manifest: Manifest, on_rows: OnRows | None) -> Rows:
    """Return the members of all segments of a run.

    Args:
        folder: The folder of the run.
    """
    schema = sent_schema(dialect, table)

    def batches() -> Iterator[pa.RecordBatch]:
        for file in written_files(manifest, is_membership):
            for batch in _read(folder / file.path, file.size, [_SEGMENT_ID, _CONTACT_ID]):
                yield _converted(batch.columns, schema)

    return Rows(schema, batches(), on_rows)


def change_rows(
    dialect: Dialect,
    table: Table,
    output: Path,
    runs: Sequence[tuple[PastRun, Mapping[str, str]]],
    on_rows: OnRows | None,
) -> Rows:
    """Return the changes of runs, sorted by contact within many rows, as the tables are indexed.

    Args:
        table: A table with columns of `membership_changes`.
        runs: The runs, each with the present ids of segments that had other ids then.
    """
    schema = sent_schema(dialect, table)
    names = [*table.columns]

    def batches() -> Iterator[pa.RecordBatch]:
        for past, present in runs:
            for batch in _read_changes(output / RUNS / past.folder, names):
                yield batch.set_column(names.index(_SEGMENT_ID), _SEGMENT_ID, _renamed(batch[_SEGMENT_ID], present))

    converted = (_converted(batch.columns, schema) for batch in _sorted(batches()))
    return Rows(schema, converted, on_rows)


@dataclass(frozen=True, slots=True)
class ChangesPart:
    """Some changes of a run, sorted by contact.

    Attributes:
        entered: The members that entered.
        exited: The members that exited.
        changes: All of these, for `membership_changes`.
    """

    entered: Rows
    exited: Rows
    changes: Rows


def change_parts(
    dialect: Dialect, tables: Tables, output: Path, past: PastRun, on_rows: OnRows | None
) -> Iterator[ChangesPart]:
    """Yield all changes of the last run, which are read once for several tables."""
    read = _read_changes(output / RUNS / past.folder, [*tables.changes.columns])
    for many in gather(read, _SORTED, len):
        batches = [*sort_by_contact(many, _BATCH)]
        entered, exited = ([*_of_kind(batches, change)] for change in ("entered", "exited"))
        yield ChangesPart(
            _rows_for(dialect, tables.membership, entered, on_rows),
            _rows_for(dialect, tables.membership, exited, on_rows),
            _rows_for(dialect, tables.changes, batches, on_rows),
        )


def _of_kind(batches: Sequence[pa.RecordBatch], change: str) -> Iterator[pa.RecordBatch]:
    return (batch.filter(pc.equal(batch[_CHANGE], change)) for batch in batches)


def _rows_for(dialect: Dialect, table: Table, batches: Sequence[pa.RecordBatch], on_rows: OnRows | None) -> Rows:
    schema, names = sent_schema(dialect, table), [*table.columns]
    return Rows(schema, (_converted(batch.select(names).columns, schema) for batch in batches), on_rows)


def _sorted(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Sort many rows at a time by contact."""
    return (batch for many in gather(batches, _SORTED, len) for batch in sort_by_contact(many, _BATCH))


def _read_changes(folder: Path, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """Read columns of the changes that a run wrote to its folder."""
    for written in written_files(read_manifest(folder), is_changes):
        yield from _read(folder / written.path, written.size, columns)


def read_id_type(output: Path, files: Sequence[Path]) -> str:
    """Return the type of contact ids in the tables, by the name of DuckDB's type: one that fits all files.

    Args:
        output: The output, for messages.
        files: Files of members and changes.

    Raises:
        PublishError: A file is missing or damaged.
        UsageError: The ids have a type that cannot be sent.
    """
    types = []
    for file in files:
        with _translate_errors(file):
            types.append(stored_type(pq.read_schema(file).field(_CONTACT_ID).type))
    names = {_id_type(found) for found in types}
    if names == {"BIGINT", "UBIGINT"}:
        return "UBIGINT"
    if None in names or len(names) > 1:
        shown_types = ", ".join(map(str, dict.fromkeys(types)))
        raise UsageError(f"{output}: contact ids of the type {shown_types} cannot be written to a database; use text")
    return str(names.pop())


def _id_type(arrow_type: pa.DataType) -> str | None:
    if is_uuid(arrow_type):
        return "UUID"
    if is_text(arrow_type):
        return "VARCHAR"
    if pa.types.is_integer(arrow_type):
        return "UBIGINT" if arrow_type == pa.uint64() else "BIGINT"
    if pa.types.is_decimal128(arrow_type):
        return f"DECIMAL({arrow_type.precision}, 0)"
    return "BLOB" if pa.types.is_binary(arrow_type) or pa.types.is_fixed_size_binary(arrow_type) else None


def _read(file: Path, size: int, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """Read columns of a file in batches, in the given order. Texts are dictionaries.

    Raises:
        PublishError: The file is missing or damaged.
    """
    ensure_readable(file, size)
    with _translate_errors(file), pq.ParquetFile(file, read_dictionary=columns) as opened:
        for batch in opened.iter_batches(_BATCH, columns=columns):
            yield batch.select(columns)


@contextmanager
def _translate_errors(file: Path) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError):
        raise PublishError(f"{file}: {_DAMAGED}") from None


def _renamed(segment_ids: pa.Array, present: Mapping[str, str]) -> pa.Array:
    if not present:
        return segment_ids
    names = [present.get(name, name) for name in segment_ids.dictionary.to_pylist()]
    return pa.DictionaryArray.from_arrays(segment_ids.indices, pa.array(names, pa.string()))


def _converted(columns: Sequence[pa.Array], schema: pa.Schema) -> pa.RecordBatch:
    arrays = [_encode(column, kind) for column, kind in zip(columns, schema.types, strict=True)]
    return pa.record_batch(arrays, schema=schema)


def _encode(array: pa.Array, target: pa.DataType) -> pa.Array:
    """Convert an array to the type that it is sent as."""
    if pa.types.is_list(array.type) and is_text(target):
        return pa.array([json.dumps(texts, ensure_ascii=False) for texts in array.to_pylist()], target)
    if pa.types.is_timestamp(target):
        return array.cast(target)  # a time without a zone is in UTC
    if is_uuid(array.type) and not isinstance(array, pa.ExtensionArray):
        array = pa.ExtensionArray.from_storage(pa.uuid(), array)
    return convert(array, target)
