"""Model of a segment: a name, and rules over the fields of contacts."""

import re
from collections.abc import Iterator, Mapping
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

from segbatch.errors import UsageError
from segbatch.model.limits import MAX_CHANGE, MAX_DEPTH, MAX_ID_LENGTH, MAX_NAME_LENGTH, MAX_RULES
from segbatch.model.operators import TAKES_IGNORE_CASE, MatchName, MissingName, OperatorName, Shape, shape_of
from segbatch.model.pattern import reason_against
from segbatch.model.share import read_share
from segbatch.model.values import RuleValue, check_value, wrong
from segbatch.text import shown

ID_RULE = f"an id has letters (A-Z, a-z), digits, '-', '_' and '.', and at most {MAX_ID_LENGTH} of them"

SCHEMA_KEY = "$schema"
"""The key for the JSON Schema of a definition, for editors; it does not affect the segment."""

RESERVED_ID = "all"
"""The word for all segments, in commands that take ids."""

_ID = re.compile(r"[A-Za-z0-9._-]+")
_HINTS_FOR_NULL: dict[Shape, str] = {
    "one": "; to find contacts without a value, use 'empty' or 'exists'",
    "text": ", a text",
    "list": ', a list such as ["pro", "team"]',
    "pair": ", a list [low, high]",
    "duration": " such as '30d'",
    "segment": ", the id of a segment",
}

_NOT_AN_ID = {".", ".."}


class _Strict(BaseModel):
    """Base of all parts of a definition: unknown keys are rejected, and nothing changes after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)


class Rule(_Strict):
    """One condition on one field of a contact.

    Attributes:
        field: A column of the snapshot, or a path into one, such as `custom_fields.plan`; None if the operator refers
            to another segment.
        operator: How the field is compared with the value; see `docs/rules.md`.
        value: The value to compare with: a text, number or boolean, or for some operators a list of them.
        missing: `include` or `exclude` contacts without a value for the field, instead of the operator's default.
        ignore_case: Whether texts are compared in lower case.
    """

    field: Annotated[str | None, Field(min_length=1)] = None
    operator: OperatorName
    value: RuleValue | None = None
    missing: MissingName | None = None
    ignore_case: bool = False

    @property
    def shape(self) -> Shape:
        """The kind of value that the operator takes."""
        return shape_of(self.operator)

    @field_validator("field")
    @classmethod
    def _can_be_a_path(cls, field: str | None) -> str | None:
        if field is not None and "" in field.split("."):
            raise wrong(f"{shown(field)} has an empty part; a path looks like 'custom_fields.plan'")
        if field is not None and "\0" in field:
            raise wrong(f"{shown(field)} has a NUL character, which no column or key can have; rename the key")
        return field

    @field_validator("value", mode="before")
    @classmethod
    def _fits_its_operator(cls, value: object, info: ValidationInfo) -> object:
        operator = info.data.get("operator")
        checked = check_value(value, shape_of(operator)) if operator else None
        reason = reason_against(checked) if operator == "matches" and isinstance(checked, str) else None
        if reason:
            raise wrong(reason)
        return checked

    @model_validator(mode="after")
    def _has_what_its_operator_needs(self) -> Self:
        if self.shape == "segment":
            self._ensure_unset("field", "missing", "ignore_case")
        elif self.field is None:
            raise wrong(
                '\'field\' is missing; it is a column such as "status", or a path such as "custom_fields.plan"', "field"
            )
        if self.shape == "nothing":
            self._ensure_unset("missing", "ignore_case")
        elif self.value is None:
            raise wrong(self._need_of_a_value() + _HINTS_FOR_NULL[self.shape], "value")
        if self.ignore_case and self.operator not in TAKES_IGNORE_CASE:
            raise wrong(f"'ignore_case' does not apply to '{self.operator}'; remove it", "ignore_case")
        return self

    def _need_of_a_value(self) -> str:
        if "value" in self.model_fields_set:
            return f"null is not a value, and '{self.operator}' needs one"
        return f"'{self.operator}' needs a 'value'"

    def _ensure_unset(self, *keys: str) -> None:
        for key in keys:
            if getattr(self, key):
                raise wrong(f"'{key}' does not apply to '{self.operator}'; remove it", key)


def kind_of_node(node: object) -> str | None:
    """Return the tag of a rule or a group, based on its keys, so that an error message refers to the right one."""
    if isinstance(node, Rule):
        return "<rule>"
    if isinstance(node, Group):
        return "<group>"
    if not isinstance(node, Mapping):
        return None
    return "<group>" if "rules" in node or ("match" in node and "operator" not in node) else "<rule>"


Node = Annotated[
    Annotated[Rule, Tag("<rule>")] | Annotated["Group", Tag("<group>")],
    Discriminator(kind_of_node),
]
"""A rule, or a group of them."""


class Group(_Strict):
    """Rules that are combined.

    Attributes:
        match: `all` (every rule matches), `any` (at least one matches), or `none` (none matches).
        rules: The rules and groups to combine; at least one.
    """

    match: MatchName
    rules: Annotated[tuple[Node, ...], Field(min_length=1, strict=False)]


def _read_moment(value: object) -> object:
    """Parse a time of the definition itself, which is always in UTC."""
    if not isinstance(value, str):
        return value
    try:
        moment = datetime.fromisoformat(value)
        utc = moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise wrong(f"{shown(value)} is not a valid time; write it like 2025-06-01T10:00:00.000Z") from None
    if moment.tzinfo is None:
        raise wrong(f"{shown(value)} has no offset; write it in UTC like 2025-06-01T10:00:00.000Z")
    return utc


def _as_share(value: object) -> object:
    """Convert a share in quotes, such as `"30%"`, to a number."""
    if not isinstance(value, str):
        return value
    try:
        return read_share(value)
    except UsageError as error:
        raise wrong(str(error).removesuffix(" (--max-change)")) from None


def write_moment(moment: datetime) -> str:
    """Return the text of a time of the definition itself."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


_Moment = Annotated[
    datetime, BeforeValidator(_read_moment), PlainSerializer(write_moment, return_type=str, when_used="json")
]


def _measure(segment: "Segment") -> tuple[int, int]:
    """Return the nesting depth of groups and the number of rules and groups; works without recursion."""
    deepest, number = 0, 0
    waiting: list[tuple[Rule | Group | Segment, int]] = [(segment, 1)]
    while waiting:
        current, depth = waiting.pop()
        if not isinstance(current, Rule):
            deepest = max(deepest, depth)
            number += len(current.rules)
            waiting.extend((child, depth + 1) for child in current.rules)
    return deepest, number


class Segment(_Strict):
    """A named set of contacts, defined by rules.

    Attributes:
        id: The id, unique among all segments of a run, in all projects.
        project_id: The project whose contacts the segment is restricted to.
        name: The display name, 1 to 200 characters.
        description: The purpose of the segment.
        match: How the rules are combined; `all` by default.
        rules: The rules and groups to combine; at least one.
        list_id: An id that is copied to the output.
        max_change: The maximum change of the segment's size between runs, as a share of the previous size. If it is
            exceeded, the segment is held back.
        created_at: The time of creation, UTC.
        updated_at: The time of the last change, UTC.
    """

    id: str
    project_id: str | None = None
    name: Annotated[str, Field(min_length=1, max_length=MAX_NAME_LENGTH)]
    description: str | None = None
    match: MatchName = "all"
    rules: Annotated[tuple[Node, ...], Field(min_length=1, strict=False)]
    list_id: str | None = None
    max_change: Annotated[float, BeforeValidator(_as_share), Field(ge=0, le=MAX_CHANGE, allow_inf_nan=False)] | None = (
        None
    )
    created_at: _Moment | None = None
    updated_at: _Moment | None = None

    @model_validator(mode="before")
    @classmethod
    def _without_its_schema(cls, data: object) -> object:
        if not isinstance(data, Mapping) or SCHEMA_KEY not in data:
            return data
        if not isinstance(data[SCHEMA_KEY], str):
            raise wrong(f"'{SCHEMA_KEY}' must be a text; found {shown(data[SCHEMA_KEY])}", SCHEMA_KEY)
        return {key: value for key, value in data.items() if key != SCHEMA_KEY}

    @field_validator("name")
    @classmethod
    def _is_not_blank(cls, name: str) -> str:
        if not name.strip():
            raise wrong("the name is blank; it is the display name of the segment")
        return name

    @field_validator("id")
    @classmethod
    def _is_an_id(cls, segment_id: str) -> str:
        if not _ID.fullmatch(segment_id) or segment_id in _NOT_AN_ID or len(segment_id) > MAX_ID_LENGTH:
            raise wrong(f"{shown(segment_id)} cannot be an id; {ID_RULE}")
        if segment_id == RESERVED_ID:
            raise wrong("'all' cannot be an id, since --accept all accepts every segment; choose another id")
        return segment_id

    @model_validator(mode="after")
    def _is_within_limits(self) -> Self:
        depth, rules = _measure(self)
        if depth > MAX_DEPTH:
            message = f"groups are nested more than {MAX_DEPTH} levels deep, including the segment itself"
            raise wrong(f"{message}; flatten them")
        if rules > MAX_RULES:
            raise wrong(f"there are {rules:,} rules; at most {MAX_RULES:,} are allowed; use 'in' for many values")
        return self

    def rule_paths(self) -> Iterator[tuple[str, Rule]]:
        """Yield every rule with its path, such as `$.rules[0].rules[1]`, in the order of the definition."""
        waiting: list[tuple[str, Rule | Group]] = [(f"$.rules[{i}]", node) for i, node in enumerate(self.rules)]
        while waiting:
            path, node = waiting.pop(0)
            if isinstance(node, Rule):
                yield path, node
            else:
                waiting = [(f"{path}.rules[{i}]", child) for i, child in enumerate(node.rules)] + waiting

    def references(self) -> Iterator[tuple[str, str]]:
        """Yield the path of each rule that references a segment, and the id of that segment."""
        return ((path, str(rule.value)) for path, rule in self.rule_paths() if rule.shape == "segment")

    def to_json(self) -> dict[str, Any]:
        """Return the definition as JSON data, with only the keys that were set."""
        return self.model_dump(mode="json", exclude_unset=True)
