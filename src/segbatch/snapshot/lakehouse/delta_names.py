"""Names of the columns of a Delta table in its files, by the column mapping in the table's schema."""

from collections.abc import Iterable, Mapping
from typing import Any

from segbatch.snapshot.parquet.field_names import FieldName, FieldNames, Shape

_ID, _PHYSICAL_NAME = "delta.columnMapping.id", "delta.columnMapping.physicalName"


def field_names(schema: Mapping[str, Any], mode: str) -> FieldNames:
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
