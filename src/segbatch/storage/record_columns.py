"""The columns of `segments` and `runs`, which follow from the fields of their records."""

import json
from collections.abc import Sequence
from datetime import UTC
from typing import Any, Literal, get_args, get_origin

from pydantic import AwareDatetime, BaseModel

_TYPES: dict[Any, str] = {str: "VARCHAR", int: "BIGINT", AwareDatetime: "TIMESTAMP", Any: "JSON"}
_TEXTS = "VARCHAR[]"


def column_types(model: type[BaseModel]) -> dict[str, str]:
    """Return the DuckDB type of each column of the table that a record is a row of."""
    return {column: _column_type(info.annotation) for column, info in model.model_fields.items()}


def column_values(records: Sequence[BaseModel], types: dict[str, str]) -> dict[str, list[object]]:
    """Return the values of each column: times in UTC without a zone, JSON data as text."""
    return {
        column: [_cell(getattr(record, column), column_type) for record in records]
        for column, column_type in types.items()
    }


def _column_type(annotation: Any) -> str:
    if get_origin(annotation) is Literal:
        return _TYPES[str]
    if get_origin(annotation) is tuple:
        return _TEXTS
    return _TYPES[next(iter(get_args(annotation)), annotation)]  # `str | None` is a text that may be null


def _cell(value: Any, column_type: str) -> object:
    match column_type:
        case "JSON":
            return None if value is None else json.dumps(value, ensure_ascii=False)
        case "TIMESTAMP":
            return None if value is None else value.astimezone(UTC).replace(tzinfo=None)
        case "VARCHAR[]":
            return list(value)
        case _:
            return value
