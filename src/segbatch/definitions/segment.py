"""The model of a segment: a name, and rules over the fields of contacts."""

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    PlainSerializer,
    Tag,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from segbatch.definitions.operators import NEEDS_NO_VALUE, MatchName, MissingName, OperatorName
from segbatch.errors import shown

__all__ = ["ID_RULE", "MAX_DEPTH", "MAX_ID_LENGTH", "Group", "Node", "Rule", "RuleValue", "Segment"]

MAX_ID_LENGTH = 128
MAX_NAME_LENGTH = 200
MAX_DEPTH = 30
"""How many groups can stand inside each other, the segment itself counted."""

ID_RULE = f"an id has letters (A-Z, a-z), digits, '-', '_' and '.', and at most {MAX_ID_LENGTH} of them"

_ID = re.compile(r"[A-Za-z0-9._-]+")
_MAX_BITS = 1024
_NOT_AN_ID = {".", ".."}

RuleValue = str | int | float | bool
"""What a rule compares a field with."""


def _wrong(message: str) -> PydanticCustomError:
    """Make a validation error whose text is ours and is shown as it stands."""
    return PydanticCustomError("segbatch", "{message}", {"message": message})


def _scalar(value: object) -> object:
    """Refuse what can never be a value, before any column is known."""
    if isinstance(value, float) and not math.isfinite(value):
        raise _wrong(f"{value} is no value that a field could be compared with")
    if isinstance(value, int) and value.bit_length() > _MAX_BITS:
        raise _wrong("the number is larger than any that a column can hold")
    if value is None or isinstance(value, str | int | float):
        return value
    raise _wrong(f"a value is a text, a number, true or false; found {shown(value)}")


class _Strict(BaseModel):
    """What all parts of a definition share: unknown keys are refused, and nothing changes after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)


class Rule(_Strict):
    """One condition on one field of a contact.

    Attributes:
        field: A column of the snapshot, or a path into one, such as `custom_fields.plan`.
        operator: What is asked of the field; see `docs/rules.md`.
        value: What it is compared with; `exists` and `empty` need none.
        missing: `include` or `exclude` contacts for which the field is missing, whatever the operator would say.
    """

    field: Annotated[str, Field(min_length=1)]
    operator: OperatorName
    value: RuleValue | None = None
    missing: MissingName | None = None

    @field_validator("field")
    @classmethod
    def _has_no_empty_part(cls, field: str) -> str:
        if "" in field.split("."):
            raise _wrong(f"{shown(field)} has an empty part; a path looks like 'custom_fields.plan'")
        return field

    @field_validator("value", mode="before")
    @classmethod
    def _is_a_value(cls, value: object, info: ValidationInfo) -> object:
        if info.data.get("operator") in NEEDS_NO_VALUE:
            return value if isinstance(value, str | int | float) else None
        return _scalar(value)

    @model_validator(mode="after")
    def _fits_its_operator(self) -> Self:
        if self.operator in NEEDS_NO_VALUE:
            if self.missing is not None:
                raise _wrong(f"'missing' says nothing on '{self.operator}', which asks just that; remove it")
        elif self.value is None:
            raise _wrong(
                f"'{self.operator}' needs a 'value'; for contacts without one, the operators are 'empty' and 'exists'"
            )
        return self


def _kind_of_node(node: object) -> str | None:
    """Tell a rule from a group by its keys, so that an error speaks of the one that was meant."""
    if isinstance(node, Rule):
        return "<rule>"
    if isinstance(node, Group):
        return "<group>"
    if not isinstance(node, Mapping):
        return None
    return "<group>" if "rules" in node or ("match" in node and "operator" not in node) else "<rule>"


Node = Annotated[
    Annotated[Rule, Tag("<rule>")] | Annotated["Group", Tag("<group>")],
    Discriminator(_kind_of_node),
]
"""A rule, or a group of them."""


class Group(_Strict):
    """Rules that are joined.

    Attributes:
        match: `all` (every rule holds), `any` (at least one), or `none` (not one).
        rules: The rules and groups that are joined; at least one.
    """

    match: MatchName
    rules: Annotated[tuple[Node, ...], Field(min_length=1, strict=False)]


def _read_moment(value: object) -> object:
    """Read a time of the definition itself, which is always written in UTC."""
    if not isinstance(value, str):
        return value
    try:
        moment = datetime.fromisoformat(value)
        utc = moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise _wrong(f"{shown(value)} is no time; write it like 2025-06-01T10:00:00.000Z") from None
    if moment.tzinfo is None:
        raise _wrong(f"{shown(value)} has no offset; write it in UTC like 2025-06-01T10:00:00.000Z")
    return utc


def _write_moment(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


_Moment = Annotated[
    datetime, BeforeValidator(_read_moment), PlainSerializer(_write_moment, return_type=str, when_used="json")
]


def _depth(node: "Rule | Group | Segment") -> int:
    """Count the groups that stand inside each other, from this one down, without recursion."""
    deepest, waiting = 0, [(node, 1)]
    while waiting:
        current, depth = waiting.pop()
        if not isinstance(current, Rule):
            deepest = max(deepest, depth)
            waiting.extend((child, depth + 1) for child in current.rules)
    return deepest


class Segment(_Strict):
    """A named set of contacts, told by rules.

    Attributes:
        id: Unique among all the segments of a run, whatever their project.
        project_id: Whose contacts it holds, where the snapshot has a `project_id` column too.
        name: What people call it, 1 to 200 characters.
        description: What it is for.
        match: How the rules are joined: `all` unless told otherwise.
        rules: Rules and groups, at least one.
        list_id: Carried through to the output, not interpreted.
        created_at: When it was made, UTC.
        updated_at: When it was last changed, UTC.
    """

    id: str
    project_id: str | None = None
    name: Annotated[str, Field(min_length=1, max_length=MAX_NAME_LENGTH)]
    description: str | None = None
    match: MatchName = "all"
    rules: Annotated[tuple[Node, ...], Field(min_length=1, strict=False)]
    list_id: str | None = None
    created_at: _Moment | None = None
    updated_at: _Moment | None = None

    @field_validator("name")
    @classmethod
    def _is_not_blank(cls, name: str) -> str:
        if not name.strip():
            raise _wrong("the name is blank; it is what people call the segment")
        return name

    @field_validator("id")
    @classmethod
    def _is_an_id(cls, segment_id: str) -> str:
        if not _ID.fullmatch(segment_id) or segment_id in _NOT_AN_ID or len(segment_id) > MAX_ID_LENGTH:
            raise _wrong(f"{shown(segment_id)} cannot be an id; {ID_RULE}")
        return segment_id

    @model_validator(mode="after")
    def _is_not_too_deep(self) -> Self:
        if _depth(self) > MAX_DEPTH:
            raise _wrong(f"groups stand more than {MAX_DEPTH} deep inside each other; flatten them")
        return self

    def to_json(self) -> dict[str, Any]:
        """Return the definition as JSON data, with the keys that were set and no others."""
        return self.model_dump(mode="json", exclude_unset=True)
