"""Nested values of a query as JSON has them, with decimals that keep all of their digits.

DuckDB writes most decimals within JSON as the nearest double. As texts, they are exact.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal

import duckdb

Column = duckdb.sqltypes.DuckDBPyType
Restore = Callable[[object], object]

NESTED = frozenset({"list", "array", "struct", "map", "union"})
_TEXT = duckdb.sqltypes.VARCHAR


def json_of(column: str, kind: Column) -> str:
    """Return the SQL for a column as JSON, in which decimals are texts, except in the keys of maps, which all are."""
    texts = _text_type(kind)
    exact = column if texts == kind else f"CAST({column} AS {texts})"
    return f"CAST(to_json({exact}) AS VARCHAR)"


def json_reader(kind: Column) -> Restore:
    """Return a function that reads this JSON. Its decimals are numbers again."""
    restore = _restorer(kind)
    return lambda cell: None if cell is None else restore(json.loads(str(cell)))


def _text_type(kind: Column) -> Column:
    """Return a type with texts in place of decimals."""
    match kind.id:
        case "decimal":
            return _TEXT
        case "list":
            return duckdb.list_type(_text_type(_parts(kind)["child"]))
        case "array":
            return duckdb.array_type(_text_type(_parts(kind)["child"]), _length(kind))
        case "struct":
            return duckdb.struct_type({name: _text_type(part) for name, part in _parts(kind).items()})
        case "tuple":
            return duckdb.sqltype(f"TUPLE({', '.join(str(_text_type(part)) for part in _fields(kind))})")
        case "map":
            return duckdb.map_type(_parts(kind)["key"], _text_type(_parts(kind)["value"]))
        case "union":
            return duckdb.union_type({name: _text_type(part) for name, part in _parts(kind).items()})
        case _:
            return kind


def _parts(kind: Column) -> dict[str, Column]:
    """Return the types within a type by their names. That of the tag of a union has none."""
    return {name: part for name, part in kind.children if name and isinstance(part, Column)}


def _fields(kind: Column) -> list[Column]:
    """Return the types of the fields of a tuple, which have no names."""
    return [part for _, part in kind.children if isinstance(part, Column)]


def _length(kind: Column) -> int:
    """Return the length of arrays."""
    return next(part for _, part in kind.children if isinstance(part, int))


def _restorer(kind: Column) -> Restore:
    """Return a function that makes numbers of the texts in place of decimals."""
    match kind.id:
        case _ if _text_type(kind) == kind:
            return lambda value: value
        case "decimal":
            return lambda value: None if value is None else Decimal(str(value))
        case "list" | "array":
            return _of_list(_restorer(_parts(kind)["child"]))
        case "tuple":
            return _of_tuple([_restorer(part) for part in _fields(kind)])
        case "map":
            return _of_map(_restorer(_parts(kind)["value"]))
        case _:
            return _of_object({name: _restorer(part) for name, part in _parts(kind).items()})


def _of_list(restore: Restore) -> Restore:
    return lambda value: [restore(item) for item in value] if isinstance(value, list) else value


def _of_tuple(restorers: Sequence[Restore]) -> Restore:
    def restored(value: object) -> object:
        if not isinstance(value, list):
            return value
        return [restore(item) for restore, item in zip(restorers, value, strict=True)]

    return restored


def _of_map(restore: Restore) -> Restore:
    return lambda value: {key: restore(item) for key, item in value.items()} if isinstance(value, dict) else value


def _of_object(restorers: Mapping[str, Restore]) -> Restore:
    """Return a function for structs, which have all of the fields, and unions, which have one of them."""

    def restored(value: object) -> object:
        if not isinstance(value, dict):
            return value
        return {name: restorers[name](item) for name, item in value.items()}

    return restored
