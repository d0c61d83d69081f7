"""Iceberg tables: the files of a snapshot, and the names of their columns, by the table's metadata.

The catalog and the metadata are read with the library pyiceberg.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from segbatch.errors import SegbatchError, SnapshotError, UsageError
from segbatch.snapshot.lakehouse.address import TableAddress
from segbatch.snapshot.lakehouse.file_locations import locate_files
from segbatch.snapshot.lakehouse.table import DataFile, TableFile, TableVersion, translate_missing
from segbatch.snapshot.parquet.field_names import FieldName, FieldNames, Shape
from segbatch.text import clipped, did_you_mean

if TYPE_CHECKING:
    from pyiceberg.catalog import Catalog
    from pyiceberg.manifest import DataFile as IcebergFile
    from pyiceberg.schema import Schema
    from pyiceberg.table import FileScanTask, Table
    from pyiceberg.table.name_mapping import MappedField, NameMapping
    from pyiceberg.types import IcebergType, NestedField

_COPY = "write a plain Parquet copy with a program that does, and pass that"
_REGION, _FIRST_REGION = "s3.region", "us-east-1"
_VARIABLES: Mapping[str, tuple[str, ...]] = {
    "s3.endpoint": ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"),
    _REGION: ("AWS_REGION", "AWS_DEFAULT_REGION"),
}

_Stored = Mapping[int, frozenset[str]]
"""The names of fields in files, by the ids of the fields."""


def open_iceberg_table(address: TableAddress) -> TableVersion:
    """Find the files of a snapshot of an Iceberg table.

    Raises:
        SnapshotError: The catalog cannot be read, or the table or the snapshot does not exist, or has files that are
            not understood.
        UsageError: The library pyiceberg is not installed, or the catalog is not configured.
    """
    load_catalog = _loader(address)
    name = address.table.partition("/")[0]
    with _translate_errors(address), load_catalog(name, **storage_properties(name)) as catalog:
        table = _find_table(address, catalog)
        address, schema = _snapshot(address, table)
        with translate_missing(address, "a file of the metadata"):
            tasks = [] if address.version is None else list(table.scan(snapshot_id=address.version).plan_files())
    _ensure_no_nested_defaults(address, schema)
    arrow, partitions = _arrow_schema(schema), _Partitions(table, schema)
    locations = locate_files([task.file.file_path for task in tasks])
    files = [
        DataFile(TableFile(location, address), defaults=partitions.defaults(_understood(address, task), arrow))
        for location, task in zip(locations, tasks, strict=True)
    ]
    files.sort(key=lambda file: str(file.location))
    return TableVersion(address, arrow, tuple(files), _field_names(schema, table.name_mapping()))


def storage_properties(catalog: str) -> dict[str, str]:
    """Return properties of a catalog that let pyiceberg use the settings of segbatch's own clients for object storage.

    They are the settings that are only in the environment of AWS, and not in the configuration of the catalog.
    Credentials are found in the environment by PyArrow.
    """
    from pyiceberg.utils.config import Config  # noqa: PLC0415 - optional

    found = {
        name: value
        for name, variables in _VARIABLES.items()
        if (value := next(filter(None, map(os.environ.get, variables)), None)) is not None
    }
    if found and _REGION not in found:
        found[_REGION] = _FIRST_REGION
    configured = Config().get_catalog_config(catalog) or {}
    return {name: value for name, value in found.items() if name not in configured}


def _loader(address: TableAddress) -> "Callable[..., Catalog]":
    """Return the function of pyiceberg that loads a catalog by its name."""
    try:
        from pyiceberg.catalog import load_catalog  # noqa: PLC0415 - optional, and slow to load
    except ImportError:
        hint = "run: pip install 'segbatch[iceberg]'"
        raise UsageError(f"{address}: Iceberg tables are read with pyiceberg, which is not installed; {hint}") from None
    return load_catalog


def _find_table(address: TableAddress, catalog: "Catalog") -> "Table":
    name = address.table.partition("/")[2]
    if catalog.table_exists(name):
        return catalog.load_table(name)
    namespace = tuple(name.split(".")[:-1])
    tables = catalog.list_tables(namespace) if catalog.namespace_exists(namespace) else []
    hint = did_you_mean(name, [".".join(found) for found in tables]) or "; check the namespace and the name"
    raise SnapshotError(f"{address}: the catalog has no table '{clipped(name)}'{hint}")


@contextmanager
def _translate_errors(address: TableAddress) -> Iterator[None]:
    """Translate errors of catalogs. Their messages may have addresses and credentials, so they are not passed on.

    Raises:
        SnapshotError: The catalog or the metadata cannot be read.
        UsageError: The catalog is not configured, or needs a package that is not installed.
    """
    from pyiceberg.exceptions import NotInstalledError  # noqa: PLC0415 - optional

    catalog = clipped(address.table.partition("/")[0])
    variable = f"PYICEBERG_CATALOG__{catalog.upper()}__URI"
    try:
        yield
    except (SegbatchError, FileNotFoundError):
        raise
    except NotInstalledError:
        hint = "install pyiceberg with its extra for this kind of catalog, such as 'pyiceberg[sql-postgres]'"
        raise UsageError(f"{address}: the catalog '{catalog}' needs a package that is not installed; {hint}") from None
    except Exception as error:  # noqa: BLE001 - catalogs use many libraries, each with errors of its own
        if str(error).startswith("URI missing"):
            hint = f"set {variable}, or add the catalog to ~/.pyiceberg.yaml"
            raise UsageError(f"{address}: the catalog '{catalog}' is not configured; {hint}") from None
        if "equality deletes" in str(error):
            raise _delete_files_error(address) from None
        reason = f"the catalog '{catalog}' or the metadata of the table cannot be read ({type(error).__name__})"
        hint = "check the configuration of the catalog, its credentials and the network"
        raise SnapshotError(f"{address}: {reason}; {hint}") from None


def _snapshot(address: TableAddress, table: "Table") -> "tuple[TableAddress, Schema]":
    """Return the address of the snapshot to read, and the columns at that time."""
    newest = table.current_snapshot()
    if address.version is None:
        return address.at(newest.snapshot_id if newest else None), table.schema()
    snapshot = table.snapshot_by_id(address.version)
    if snapshot is None:
        now = f"the newest is {newest.snapshot_id}" if newest else "it has none"
        reason = f"the table has no such snapshot; it may have expired, and {now}"
        raise SnapshotError(f"{address}: {reason}")
    schemas = table.schemas()
    return address, schemas[snapshot.schema_id] if snapshot.schema_id in schemas else table.schema()


def _understood(address: TableAddress, task: "FileScanTask") -> "IcebergFile":
    """Return the file of a task.

    Raises:
        SnapshotError: The file is not Parquet, or rows of it are deleted by other files.
    """
    if task.delete_files:
        raise _delete_files_error(address)
    if task.file.key_metadata is not None:
        raise SnapshotError(f"{address}: the table has encrypted data files, which segbatch does not read; {_COPY}")
    if task.file.file_format.value != "PARQUET":
        reason = f"the table has data files in the format {task.file.file_format.value}, which segbatch does not read"
        raise SnapshotError(f"{address}: {reason}; {_COPY}")
    return task.file


def _delete_files_error(address: TableAddress) -> SnapshotError:
    reason = "the snapshot has delete files, which segbatch does not read"
    return SnapshotError(f"{address}: {reason}; compact the table, or {_COPY}")


def _ensure_no_nested_defaults(address: TableAddress, schema: "Schema") -> None:
    from pyiceberg.schema import index_by_id  # noqa: PLC0415 - optional

    own = {one.field_id for one in schema.fields}
    for field_id, one in index_by_id(schema).items():
        if field_id not in own and one.initial_default is not None:
            reason = f"the field '{clipped(one.name)}' in a struct has a default for old files"
            raise SnapshotError(f"{address}: {reason}, which segbatch does not read; {_COPY}")


class _Partitions:
    """The values of columns that files need not have: those of identity partitions, and defaults of the schema."""

    def __init__(self, table: "Table", schema: "Schema") -> None:
        from pyiceberg.transforms import IdentityTransform  # noqa: PLC0415 - optional

        self._columns = {
            spec_id: [
                (position, name)
                for position, field in enumerate(spec.fields)
                if isinstance(field.transform, IdentityTransform) and (name := _column(schema, field.source_id))
            ]
            for spec_id, spec in table.specs().items()
        }
        self._initial = {one.name: one.initial_default for one in schema.fields if one.initial_default is not None}

    def defaults(self, file: "IcebergFile", arrow: pa.Schema) -> Mapping[str, pa.Scalar]:
        """Return the values of columns, for a file that does not have them."""
        values = self._initial | {name: file.partition[position] for position, name in self._columns[file.spec_id]}
        return {name: partition_scalar(value, arrow.field(name).type) for name, value in values.items()}


def _column(schema: "Schema", field_id: int) -> str | None:
    return next((one.name for one in schema.fields if one.field_id == field_id), None)


def partition_scalar(value: Any, arrow_type: pa.DataType) -> pa.Scalar:
    """Return a value of the metadata, where dates and times are numbers."""
    if isinstance(value, int) and pa.types.is_temporal(arrow_type):
        return pa.scalar(value, pa.int32() if pa.types.is_date32(arrow_type) else pa.int64()).cast(arrow_type)
    if isinstance(arrow_type, pa.BaseExtensionType):
        stored = getattr(value, "bytes", value)
        return pa.ExtensionScalar.from_storage(arrow_type, pa.scalar(stored, arrow_type.storage_type))
    return pa.scalar(value, arrow_type)


def _arrow_schema(schema: "Schema") -> pa.Schema:
    from pyiceberg.io.pyarrow import schema_to_pyarrow  # noqa: PLC0415 - optional

    return pa.schema([(one.name, _small(one.type)) for one in schema_to_pyarrow(schema, include_field_ids=False)])


def _small(arrow_type: pa.DataType) -> pa.DataType:
    """Return a type without the layouts for large values, which pyiceberg always declares."""
    if pa.types.is_struct(arrow_type):
        return pa.struct([(one.name, _small(one.type)) for one in arrow_type])
    if pa.types.is_map(arrow_type):
        return pa.map_(_small(arrow_type.key_type), _small(arrow_type.item_type))
    if pa.types.is_large_list(arrow_type):
        return pa.list_(_small(arrow_type.value_type))
    return {pa.large_string(): pa.string(), pa.large_binary(): pa.binary()}.get(arrow_type, arrow_type)


def _field_names(schema: "Schema", mapping: "NameMapping | None") -> FieldNames:
    """Return how the columns of a table are found in its files.

    Args:
        mapping: The names of fields in files without field ids.
    """
    stored = {} if mapping is None else dict(_stored(mapping.root))
    return FieldNames(by_id=_struct(schema.fields, {}), by_name=_struct(schema.fields, stored) if stored else None)


def _stored(fields: "Iterable[MappedField]") -> "Iterable[tuple[int, frozenset[str]]]":
    for field in fields:
        if field.field_id is not None:
            yield field.field_id, frozenset(field.names)
        yield from _stored(field.fields)


def _struct(fields: "Iterable[NestedField]", stored: _Stored) -> Shape:
    return Shape(fields=tuple(_field(field, stored) for field in fields))


def _field(field: "NestedField", stored: _Stored) -> FieldName:
    shape = _shape(field.field_type, stored)
    if stored:
        return FieldName(field.name, stored=stored.get(field.field_id, frozenset()), shape=shape)
    return FieldName(field.name, field_id=field.field_id, shape=shape)


def _shape(kind: "IcebergType", stored: _Stored) -> Shape | None:
    from pyiceberg.types import ListType, MapType, StructType  # noqa: PLC0415 - optional

    match kind:
        case StructType():
            return _struct(kind.fields, stored)
        case ListType():
            return Shape(parts=(_shape(kind.element_type, stored),))
        case MapType():
            return Shape(parts=(_shape(kind.key_type, stored), _shape(kind.value_type, stored)))
        case _:
            return None
