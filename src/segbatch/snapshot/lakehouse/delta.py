"""Delta tables: the files of a version, and the names of their columns, by the table's log.

The log is read with the library deltalake.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.compute as pc

from segbatch.errors import SnapshotError, UsageError
from segbatch.platform.urls import is_url
from segbatch.snapshot.lakehouse.address import TableAddress
from segbatch.snapshot.lakehouse.file_locations import locate_files
from segbatch.snapshot.lakehouse.table import DataFile, TableFile, TableVersion, missing_error
from segbatch.snapshot.parquet.field_names import FieldName, FieldNames, Shape
from segbatch.text import clipped, counted, nearest, shown

if TYPE_CHECKING:
    from deltalake import DeltaTable

_VECTORS, _VACUUM_CHECK = "deletionVectors", "vacuumProtocolCheck"
_UNDERSTOOD = {_VECTORS, _VACUUM_CHECK, "columnMapping", "timestampNtz", "v2Checkpoint"}
"""Reader features whose meaning is known here. Any other one may change what the data files mean."""

_MAPPING = "delta.columnMapping.mode"
_ID, _PHYSICAL_NAME = "delta.columnMapping.id", "delta.columnMapping.physicalName"
_GONE = re.compile("not found|no such", re.IGNORECASE)
_FEATURE = re.compile(r"[Ff]eature '?(\w+)'? is not supported|unsupported reader features?:? *\W*(\w+)")


def open_delta_table(address: TableAddress) -> TableVersion:
    """Find the files of a version of a Delta table.

    Raises:
        SnapshotError: The table or the version does not exist, or has features that are not understood.
        UsageError: The library deltalake is not installed, or the environment lacks a setting.
    """
    table = _load(address)
    address = address.at(table.version())
    _ensure_understood(address, table)
    schema = pa.schema(table.schema().to_arrow())
    names = _field_names(json.loads(table.schema().to_json()), table.metadata().configuration.get(_MAPPING, "none"))
    return TableVersion(address, schema, _data_files(address, table, schema), names)


def _load(address: TableAddress) -> "DeltaTable":
    try:
        from deltalake import DeltaTable  # noqa: PLC0415 - optional, and slow to load
    except ImportError:
        hint = "run: pip install 'segbatch[delta]'"
        raise UsageError(f"{address}: Delta tables are read with deltalake, which is not installed; {hint}") from None
    path, options = _storage(address)
    with _translate_errors(address):
        return DeltaTable(path, version=address.version, storage_options=options)


def _storage(address: TableAddress) -> tuple[str, dict[str, str] | None]:
    """Return the path or the URL of a table, and the options for its storage."""
    if not is_url(address.table):
        return address.table, None
    from segbatch.snapshot.object_store.delta_options import delta_options, delta_url  # noqa: PLC0415 - only if needed
    from segbatch.snapshot.object_store.discovery import find_delta_table  # noqa: PLC0415 - imported only if needed

    place, bucket = find_delta_table(address.table)
    return delta_url(place), delta_options(place, bucket)


@contextmanager
def _translate_errors(address: TableAddress) -> Iterator[None]:
    """Translate errors of deltalake, whose messages are paragraphs and may contain parts of addresses.

    Raises:
        SnapshotError: Reading the log failed inside the block.
    """
    from deltalake.exceptions import DeltaError, TableNotFoundError  # noqa: PLC0415 - optional

    try:
        yield
    except TableNotFoundError:
        if address.version is not None:
            raise _version_error(address) from None
        raise SnapshotError(f"{address}: {_not_found(address)}") from None
    except (DeltaError, OSError, ValueError) as error:
        found = _FEATURE.search(str(error))
        if found:
            raise _feature_error(address, found[1] or found[2]) from None
        if address.version is not None:
            raise _version_error(address) from None
        raise SnapshotError(f"{address}: {_unreadable(address)}") from None


def _not_found(address: TableAddress) -> str:
    """Return the problem with the address of a table that does not exist."""
    path = Path(address.table)
    if is_url(address.table) or path.is_dir():
        return "is not a Delta table; it has no _delta_log"
    near = nearest(path.name, [one.name for one in path.parent.iterdir()]) if path.parent.is_dir() else None
    if near is not None:
        meant = str(TableAddress("delta", str(path.with_name(near))))
        return f"no such folder; did you mean {clipped(meant) if meant.endswith('@') else shown(near)}?"
    hint = "; a version is a whole number after the last '@'" if "@" in path.name else "; check the path of the table"
    return f"no such folder{hint}"


def _unreadable(address: TableAddress) -> str:
    if not is_url(address.table) and "%" in str(Path(address.table).absolute()):
        return "deltalake cannot open a table whose path has a '%'; rename the folder"
    return "the log of the table cannot be read; check it with another program"


def _version_error(address: TableAddress) -> SnapshotError:
    newest = _load(address.at(None)).version()
    if address.version is not None and address.version > newest:
        return SnapshotError(f"{address}: the newest version of the table is {newest}")
    reason = f"the log of the table does not lead to this version any more; the newest version is {newest}"
    return SnapshotError(f"{address}: {reason}")


def _ensure_understood(address: TableAddress, table: "DeltaTable") -> None:
    features = {*(table.protocol().reader_features or ())}
    for feature in sorted(features - _UNDERSTOOD):
        raise _feature_error(address, feature)
    if {_VECTORS, _VACUUM_CHECK} <= features:  # deltalake returns no deletion vectors of such tables
        raise _feature_error(address, _VACUUM_CHECK, f" together with '{_VECTORS}'")


def _feature_error(address: TableAddress, feature: str, more: str = "") -> SnapshotError:
    reason = f"the table uses the feature '{clipped(feature)}'{more}, which segbatch does not read"
    return SnapshotError(f"{address}: {reason}; write a plain Parquet copy with a program that does, and pass that")


def _data_files(address: TableAddress, table: "DeltaTable", schema: pa.Schema) -> tuple[DataFile, ...]:
    actions = list(_actions(table))
    deleted = _deleted_rows(address, table)
    if unknown := deleted.keys() - {path for path, _ in actions}:
        raise SnapshotError(f"{address}: the log has deletion vectors of {counted(len(unknown), 'unknown file')}")
    locations = locate_files([_absolute(address, path) for path, _ in actions])
    files = [
        DataFile(
            TableFile(location, address),
            {name: value.cast(schema.field(name).type) for name, value in partition.items()},
            deleted=deleted.get(path),
        )
        for location, (path, partition) in zip(locations, actions, strict=True)
    ]
    return tuple(sorted(files, key=lambda file: str(file.location)))


def _absolute(address: TableAddress, path: str) -> str:
    is_absolute = is_url(path) or path.startswith("/")
    return path if is_absolute else f"{address.table.rstrip('/')}/{path}"


def _actions(table: "DeltaTable") -> Iterator[tuple[str, Mapping[str, pa.Scalar]]]:
    """Yield the path of each data file, relative to the table or absolute, and its partition values."""
    actions = pa.table(table.get_add_actions())
    paths = map(unquote, actions.column("path").to_pylist())
    if "partition" not in actions.schema.names:
        return ((path, {}) for path in paths)
    return zip(paths, map(dict, actions.column("partition")), strict=True)


def _deleted_rows(address: TableAddress, table: "DeltaTable") -> dict[str, pa.Int64Array]:
    """Return the positions of deleted rows, by the path of their file, relative to the table or absolute."""
    if _VECTORS not in (table.protocol().reader_features or ()):
        return {}
    root = f"{table.table_uri.rstrip('/')}/"
    with _translate_vector_errors(address):
        vectors = pa.RecordBatchReader.from_stream(table.deletion_vectors())
        return {
            unquote(path.as_py().removeprefix(root)): _positions(keep)
            for batch in vectors
            for path, keep in zip(*batch.columns, strict=True)
        }


@contextmanager
def _translate_vector_errors(address: TableAddress) -> Iterator[None]:
    """Translate errors of reading deletion vectors.

    Raises:
        SnapshotError: A deletion vector is missing, or damaged.
    """
    from deltalake.exceptions import DeltaError  # noqa: PLC0415 - optional

    try:
        yield
    except (DeltaError, OSError) as error:
        if _GONE.search(str(error)):
            raise missing_error(address, "a deletion vector") from None
        reason = "a deletion vector of the table cannot be read"
        raise SnapshotError(f"{address}: {reason}; check the table with another program") from None


def _positions(keep: pa.ListScalar) -> pa.Int64Array:
    """Return the positions of the false values of a list."""
    return pc.indices_nonzero(pc.invert(keep.values)).cast(pa.int64())


def _field_names(schema: Mapping[str, Any], mode: str) -> FieldNames:
    """Return how the columns of a table are found in its files.

    Args:
        schema: The schema of the table as in its log.
        mode: The mode of column mapping: `none`, `name` or `id`.
    """
    shape = _struct(schema["fields"], mode)
    return FieldNames(by_id=shape) if mode == "id" else FieldNames(by_name=shape, are_same=mode == "none")


def _struct(fields: Iterable[Mapping[str, Any]], mode: str) -> Shape:
    return Shape(fields=tuple(_field(field, mode) for field in fields))


def _shape(kind: Any, mode: str) -> Shape | None:
    match kind:
        case {"type": "struct", "fields": fields}:
            return _struct(fields, mode)
        case {"type": "array", "elementType": element}:
            return Shape(parts=(_shape(element, mode),))
        case {"type": "map", "keyType": key, "valueType": value}:
            return Shape(parts=(_shape(key, mode), _shape(value, mode)))
        case _:
            return None


def _field(field: Mapping[str, Any], mode: str) -> FieldName:
    name, metadata, shape = field["name"], field.get("metadata", {}), _shape(field["type"], mode)
    match mode:
        case "id":
            return FieldName(name, field_id=metadata[_ID], shape=shape)
        case "name":
            return FieldName(name, stored=frozenset({metadata[_PHYSICAL_NAME]}), shape=shape)
        case _:
            return FieldName(name, stored=frozenset({name}), shape=shape)
