"""`custom_fields` as JSON texts: the type that the whole snapshot shows, and each row read by it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from .kinds import NULL, TEXT, Kind, KindName

if TYPE_CHECKING:
    from collections.abc import Iterable


class Number(str):
    """A JSON number as it was written."""

    __slots__ = ()


def infer_json_type(texts: Iterable[str | None]) -> Kind:
    """Tell the struct that a whole column of JSON texts shows; broken texts and non-objects show nothing."""
    objects = [parsed for parsed in map(_parse, texts) if parsed is not None]
    return _kind(objects) if objects else Kind("struct")


def infer_map_type(cells: Iterable[list[tuple[str, str]] | None]) -> Kind:
    """Tell the struct that a whole column of maps shows: every key that some contact has, each a text."""
    return Kind("struct", fields={key: TEXT for cell in cells for key, _ in cell or ()})


def read_json(text: str | None, kind: Kind) -> dict[str, Any] | None:
    """Read one row by the type of the whole column.

    Returns:
        The object, or None for a null, a broken text and a text that is no object.
    """
    parsed = _parse(text)
    return None if parsed is None else _shape(parsed, kind)


def _parse(text: str | None) -> dict[str, Any] | None:
    try:
        parsed = json.loads(text or "", parse_int=Number, parse_float=Number, parse_constant=_refuse)
    except ValueError:
        return None
    return parsed if isinstance(parsed, dict) else None


def _refuse(constant: str) -> None:
    raise ValueError(constant)


def _kind(values: list[Any]) -> Kind:
    """Tell the one kind of all the values that one key, or one list's elements, show."""
    shown = [value for value in values if value is not None]
    match sorted({_name(value) for value in shown}):
        case []:
            return NULL
        case ["struct"]:
            keys = dict.fromkeys(key for value in shown for key in value)
            return Kind("struct", fields={key: _kind([value.get(key) for value in shown]) for key in keys})
        case ["list"]:
            return Kind("list", item=_kind([element for value in shown for element in value]))
        case [one]:
            return Kind(one)
        case ["float", "integer"]:
            return Kind("float")
        case _:
            return TEXT


def _name(value: object) -> KindName:
    match value:
        case bool():
            return "boolean"
        case Number():
            return "float" if set(value) & set(".eE") else "integer"
        case str():
            return "text"
        case list():
            return "list"
        case _:
            return "struct"


def _shape(value: Any, kind: Kind) -> Any:
    if value is None:
        return None
    match kind.name:
        case "struct":
            shaped: Any = {key: _shape(value.get(key), child) for key, child in kind.fields.items()}
        case "list":
            shaped = [_shape(element, kind.item or NULL) for element in value]
        case "integer" | "float":
            shaped = int(value) if kind.name == "integer" else float(value)
        case "text" if type(value) is not str:
            shaped = _compact(value)
        case _:
            shaped = value
    return shaped


def _compact(value: object) -> str:
    """Write a JSON value without white space, its numbers as they were written."""
    match value:
        case Number():
            return str(value)
        case list():
            return f"[{','.join(map(_compact, value))}]"
        case dict():
            return "{" + ",".join(f"{_compact(key)}:{_compact(child)}" for key, child in value.items()) + "}"
        case _:
            return json.dumps(value, ensure_ascii=False)
