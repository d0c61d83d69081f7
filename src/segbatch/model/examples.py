"""Examples in a definition: contacts that the segment must contain, and contacts that it must not contain."""

import json
import math
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from segbatch.model.limits import MAX_EXAMPLE_LENGTH, MAX_EXAMPLES
from segbatch.model.strict import Strict
from segbatch.model.values import wrong
from segbatch.text import shown

FIELD_PATTERN = r"^[^.\u0000]+(\.[^.\u0000]+)*$"
"""The pattern of a column, or of a path into one."""

_LIKE = '{"status": "active"}'

Side = Literal["in", "out"]


def _contact(value: object) -> dict[str, Any]:
    """Validate a contact: an object with columns, or paths into columns, as keys."""
    if not isinstance(value, Mapping):
        raise wrong(f"an example is an object such as {_LIKE}; found {shown(value)}")
    for key in value:
        if not isinstance(key, str) or not all(key.split(".")) or "\0" in key:
            raise wrong(f"{shown(key)} cannot be a key of an example; write a column, or a path such as 'company.name'")
    if not _is_json(value):
        raise wrong("the example has a value that JSON cannot contain")
    length = len(json.dumps(value, ensure_ascii=False))
    if length > MAX_EXAMPLE_LENGTH:
        raise wrong(f"the example has {length:,} characters; at most {MAX_EXAMPLE_LENGTH:,} are allowed")
    return dict(value)


def _is_json(data: object) -> bool:
    """Return whether data has only JSON values; walks it without recursion."""
    waiting = [data]
    while waiting:
        match waiting.pop():
            case Mapping() as value:
                if not all(isinstance(key, str) for key in value):
                    return False
                waiting.extend(value.values())
            case list() as value:
                waiting.extend(value)
            case None | str() | int():
                pass
            case float() as number if math.isfinite(number):
                pass
            case _:
                return False
    return True


def _within_limit(contacts: tuple[dict[str, Any], ...]) -> tuple[dict[str, Any], ...]:
    if len(contacts) > MAX_EXAMPLES:
        raise wrong(f"there are {len(contacts):,} examples; at most {MAX_EXAMPLES} are allowed")
    return contacts


_Contacts = Annotated[
    tuple[Annotated[dict[str, Any], BeforeValidator(_contact)], ...],
    Field(strict=False),
    AfterValidator(_within_limit),
]


class Examples(Strict):
    """Contacts written by hand, which `check` evaluates.

    Attributes:
        in: Contacts that the segment must contain.
        out: Contacts that the segment must not contain.
    """

    inside: Annotated[_Contacts, Field(alias="in")] = ()
    outside: Annotated[_Contacts, Field(alias="out")] = ()

    @model_validator(mode="after")
    def _has_one(self) -> Self:
        if not self.inside and not self.outside:
            raise wrong("there are no examples; add a contact to 'in' or 'out', or remove 'examples'")
        return self

    def contacts(self) -> Iterator[tuple[str, Side, dict[str, Any]]]:
        """Yield each contact with its path, such as `$.examples.in[0]`, and its side."""
        sides: tuple[tuple[Side, tuple[dict[str, Any], ...]], ...] = (("in", self.inside), ("out", self.outside))
        for side, contacts in sides:
            for index, contact in enumerate(contacts):
                yield f"$.examples.{side}[{index}]", side, contact


def without_examples(definition: Any) -> Any:
    """Return a definition in JSON without its examples. They are contacts, and cannot change the members."""
    if not isinstance(definition, Mapping):  # a file that cannot be read
        return definition
    return {key: value for key, value in definition.items() if key != "examples"}


_CONTACTS_SCHEMA: dict[str, Any] = {
    "type": "array",
    "items": {
        "type": "object",
        "propertyNames": {"pattern": FIELD_PATTERN},
        "description": "A contact: columns, or paths into columns, with their values. Columns left out are missing.",
        "examples": [{"status": "active", "custom_fields.plan": "pro"}],
    },
    "maxItems": MAX_EXAMPLES,
}

EXAMPLES_SCHEMA: dict[str, Any] = {
    "type": ["object", "null"],
    "properties": {
        "in": {**_CONTACTS_SCHEMA, "description": "Contacts that the segment must contain."},
        "out": {**_CONTACTS_SCHEMA, "description": "Contacts that the segment must not contain."},
    },
    "additionalProperties": False,
    "anyOf": [{"properties": {key: {"minItems": 1}}, "required": [key]} for key in ("in", "out")],
}
"""JSON Schema of the examples of a definition."""
