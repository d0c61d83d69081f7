"""JSON texts, and values of several kinds at one path: the kind that they have in common, and each read by it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from .kinds import NULL, TEXT, Kind, KindName

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_DIGITS_OF_DOUBLES = 15
_NUMBERS = {"integer", "decimal", "float", "number"}
_NESTED = {"struct", "map", "other"}


class Number(str):
    """A JSON number as it was written."""

    __slots__ = ()


def parse(text: str | None) -> dict[str, Any] | None:
    """Read a text that is a JSON object; None for a null, a broken text and a text that is no object."""
    try:
        parsed = json.loads(text or "", parse_int=Number, parse_float=Number, parse_constant=_refuse)
    except ValueError:
        return None
    return parsed if isinstance(parsed, dict) else None


def _refuse(constant: str) -> None:
    raise ValueError(constant)


def type_of_values(values: Iterable[Any]) -> Kind:
    """Tell the one kind of all the JSON values that one path, or one list's elements, show."""
    shown = [value for value in values if value is not None]
    names = {_name(value) for value in shown}
    if "list" in names and "struct" not in names:
        elements = [element for value in shown for element in (value if isinstance(value, list) else [value])]
        return Kind("list", item=type_of_values(elements))
    match sorted(names):
        case []:
            return NULL
        case ["float", "integer"]:
            whole = [value for value in shown if _name(value) == "integer"]
            longest = max(len(number.lstrip("-")) for number in whole)
            return Kind("float" if longest <= _DIGITS_OF_DOUBLES else "number")
        case [one]:
            return Kind(one)
        case _:
            return TEXT


def common(kinds: Sequence[Kind]) -> Kind:
    """Tell the one kind of values from several places."""
    first = kinds[0]
    names = {kind.name for kind in kinds}
    if all(kind == first for kind in kinds):
        return first
    if names <= _NUMBERS:
        return Kind("integer") if names == {"integer"} else Kind("float" if names == {"float"} else "number")
    if "list" in names and not names & _NESTED:
        return Kind("list", item=common([(kind.item or NULL) if kind.name == "list" else kind for kind in kinds]))
    return first if len(names) == 1 and first.name == "datetime" else TEXT


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


def shaped(value: Any, kind: Kind) -> Any:
    """Read a value as the kind that all the values have."""
    if value is None:
        return None
    match kind.name:
        case "list":
            return [shaped(element, kind.item or NULL) for element in (value if isinstance(value, list) else [value])]
        case "integer" if isinstance(value, Number):
            return int(value)
        case "float" if isinstance(value, Number):
            return float(value)
        case "number" if isinstance(value, Number):
            return int(value) if _name(value) == "integer" else float(value)
        case "text" if type(value) is not str:
            return _compact(value)
        case _:
            return value


def _compact(value: object) -> str:
    """Write a value without white space, its numbers as they were written."""
    match value:
        case Number():
            return str(value)
        case list():
            return f"[{','.join(map(_compact, value))}]"
        case dict():
            return "{" + ",".join(f"{_compact(key)}:{_compact(child)}" for key, child in value.items()) + "}"
        case _:
            return json.dumps(value, ensure_ascii=False)
