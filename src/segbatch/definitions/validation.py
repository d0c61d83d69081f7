"""Validation of JSON data as a segment; problems have readable messages and their place in the file."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from segbatch.definitions.strict_json import child_path
from segbatch.definitions.suggestions import CHOICES, suggest
from segbatch.errors import Problem
from segbatch.model.examples import Examples
from segbatch.model.invalid_values import invalid_reason
from segbatch.model.limits import MAX_CHANGE, MAX_DEFINITION_LENGTH, MAX_NAME_LENGTH, MAX_PROBLEMS
from segbatch.model.operators import AGGREGATES, OPERATORS
from segbatch.model.rule import Group, Rule, TableRule
from segbatch.model.segment import Segment
from segbatch.model.strict import keys_of
from segbatch.text import did_you_mean, nearest, shown

_HINTS = {
    "id": 'a text such as "pro-plan-users"',
    "name": "the display name of the segment",
    "rules": "a list of rules {field, operator, value}",
    "field": 'a column such as "status", or a path such as "custom_fields.plan"',
    "value_field": 'another field of the contact, such as "last_contacted_at"',
    "match": "one of all, any, none",
    "table": 'the name of a related table such as "orders", or the path of a list such as "custom_fields.orders"',
    "where": "a list of rules over the columns of the table; leave it out to count every row",
    "aggregate": f"one of {', '.join(AGGREGATES)}",
    "operator": f"one of {', '.join(OPERATORS)}",
}

_TYPES = {
    "string_type": "a text",
    "tuple_type": "a list",
    "bool_type": "true or false",
    "model_type": "an object",
    "model_attributes_type": "an object",
    "datetime_type": "a time like 2025-06-01T10:00:00.000Z",
}

_Part = Rule | TableRule | Group

_MODELS: dict[str | int, type[_Part]] = {"<rule>": Rule, "<table rule>": TableRule, "<group>": Group}

_NAMES: dict[type[BaseModel], str] = {TableRule: "rule on a table", Examples: "set of examples"}

_Location = tuple[int | str, ...]


@dataclass(frozen=True, slots=True)
class _Wrong:
    """A pydantic error, and the value at its place."""

    detail: ErrorDetails
    found: Any

    @property
    def key(self) -> str:
        return str(self.detail["loc"][-1])


def validate(data: object, path: str = "$") -> tuple[Segment | None, list[Problem]]:
    """Validate the data of one segment.

    Args:
        data: The data from the file, as returned by `strict_json.parse`.
        path: The place of the data in its file.

    Returns:
        The segment and no problems, or None and all the problems (without file), in the order of the data.
    """
    if not isinstance(data, Mapping):
        return None, [Problem(f"a segment is an object with 'name' and 'rules'; found {shown(data)}", path=path)]
    length = len(json.dumps(data, ensure_ascii=False))
    if length > MAX_DEFINITION_LENGTH:
        message = f"the definition has {length:,} characters; at most {MAX_DEFINITION_LENGTH:,} are allowed"
        return None, [Problem(message, path=path)]
    try:
        return Segment.model_validate(data), []
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
    problems = list(_problems(details[:MAX_PROBLEMS], data, path))
    if len(details) > MAX_PROBLEMS:
        problems.append(Problem("there are more problems; fix these first", path=path))
    return None, problems


def _problems(details: Sequence[ErrorDetails], data: object, root: str) -> Iterator[Problem]:
    """Yield a problem for each error, without duplicates.

    A misspelled key is not reported as missing too, and rules that are all wrong are not reported as missing rules.
    """
    misspelt = {_location_of_similar_key(detail) for detail in details if detail["type"] == "extra_forbidden"}
    for detail in details:
        path, found = _walk(detail["loc"], data, root)
        is_echo = detail["loc"] in misspelt if detail["type"] == "missing" else detail["type"] == "too_short" and found
        if not is_echo:
            key = detail.get("ctx", {}).get("key")
            message = _MESSAGES.get(detail["type"], _other)(_Wrong(detail, found))
            yield Problem(message, path=_place_of(path, key))


def _place_of(path: str, key: str | None) -> str:
    """Return the path of a key, or of a place below that a validator wrote as `.rules[0].table`."""
    if key is None:
        return path
    return path + key if key.startswith(".") else child_path(path, key)


def _location_of_similar_key(detail: ErrorDetails) -> _Location:
    """Return the location of the key that an unknown key was probably meant to be."""
    *parents, key = detail["loc"]
    near = nearest(str(key), keys_of(_model_at(detail["loc"])))
    return (*parents, near or key)


def _model_at(loc: _Location) -> type[Segment | _Part | Examples]:
    if loc[0] == "examples" and len(loc) > 1:
        return Examples
    tags = [_MODELS[step] for step in loc if isinstance(step, str) and step in _MODELS]
    return tags[-1] if tags else Segment


def _walk(loc: _Location, data: Any, path: str) -> tuple[str, Any]:
    """Follow an error's location through the data; return its path and the value there (None if it is missing).

    Pydantic puts the tags of a union between the keys; they are not part of the data and are dropped.
    """
    for step in loc:
        if step not in _MODELS:
            path = child_path(path, step)
            data = _child(data, step)
    return path, data


def _child(data: Any, step: str | int) -> Any:
    """Return the value at a key or an index; None if the key is missing."""
    return data.get(step) if isinstance(data, Mapping) else data[step]


def _missing(wrong: _Wrong) -> str:
    return f"'{wrong.key}' is missing; it is {_HINTS[wrong.key]}"


def _unknown_key(wrong: _Wrong) -> str:
    model = _model_at(wrong.detail["loc"])
    keys = keys_of(model)
    hint = did_you_mean(wrong.key, keys) or f"; its keys are {', '.join(keys)}"
    return f"{shown(wrong.key)} is not a key of a {_NAMES.get(model) or model.__name__.lower()}{hint}"


def _not_one_of(wrong: _Wrong) -> str:
    choices = CHOICES[wrong.key]
    hint = suggest(wrong.key, wrong.found) if isinstance(wrong.found, str) else ""
    what = f"an {wrong.key}" if wrong.key in {"operator", "aggregate"} else f"a value of '{wrong.key}'"
    return f"{shown(wrong.found)} is not {what}{hint or '; there are ' + ', '.join(choices)}"


def _wrong_type(wrong: _Wrong) -> str:
    return f"'{wrong.key}' must be {_TYPES[wrong.detail['type']]}; found {shown(wrong.found)}"


def _too_short(wrong: _Wrong) -> str:
    if wrong.key == "rules" and len(wrong.detail["loc"]) > 1:
        return "the group has no rules; add at least one"
    if wrong.key == "rules":
        return "there are no rules, and a segment without rules would contain all contacts; add at least one"
    return f"'{wrong.key}' is empty; it is {_HINTS[wrong.key]}"


def _too_long(wrong: _Wrong) -> str:
    return f"'{wrong.key}' has {len(str(wrong.found)):,} characters; at most {MAX_NAME_LENGTH} are allowed"


def _not_a_share(wrong: _Wrong) -> str:
    return f"'{wrong.key}' must be a share from 0 to {MAX_CHANGE}, such as 0.3 for 30 %; found {shown(wrong.found)}"


def _not_a_node(wrong: _Wrong) -> str:
    return f"a rule is an object {{field, operator, value}}, and a group {{match, rules}}; found {shown(wrong.found)}"


def _other(wrong: _Wrong) -> str:
    return invalid_reason(wrong.detail)


_MESSAGES: dict[str, Callable[[_Wrong], str]] = {
    "missing": _missing,
    "extra_forbidden": _unknown_key,
    "literal_error": _not_one_of,
    **dict.fromkeys(_TYPES, _wrong_type),
    "too_short": _too_short,
    "string_too_short": _too_short,
    "string_too_long": _too_long,
    "union_tag_not_found": _not_a_node,
    **dict.fromkeys(("float_type", "greater_than_equal", "less_than_equal"), _not_a_share),
}
