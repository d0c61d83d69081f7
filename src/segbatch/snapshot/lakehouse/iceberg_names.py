"""Names of the columns of an Iceberg table in its files, by field ids or by the table's name mapping."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from segbatch.snapshot.parquet.field_names import FieldName, FieldNames, Shape

if TYPE_CHECKING:
    from pyiceberg.schema import Schema
    from pyiceberg.table.name_mapping import MappedField, NameMapping
    from pyiceberg.types import IcebergType, NestedField

_Stored = Mapping[int, frozenset[str]]


def field_names(schema: "Schema", mapping: "NameMapping | None") -> FieldNames:
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
