"""Model of a segment: a name, rules, and the other keys of a definition."""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Self

from pydantic import (
    BeforeValidator,
    Field,
    PlainSerializer,
    ValidationInfo,
    field_validator,
    model_validator,
)

from segbatch.errors import UsageError
from segbatch.model.examples import Examples
from segbatch.model.lifecycle import Expiry, Owner, Tags
from segbatch.model.limits import MAX_CHANGE, MAX_DEPTH, MAX_ID_LENGTH, MAX_NAME_LENGTH, MAX_PREVIOUS_IDS, MAX_RULES
from segbatch.model.operators import MatchName
from segbatch.model.rule import Group, Node, Rule, TableRule, walk_rules
from segbatch.model.share import read_share
from segbatch.model.strict import Strict
from segbatch.model.values import wrong
from segbatch.text import shown

ID_RULE = f"an id has letters (A-Z, a-z), digits, '-', '_' and '.', and at most {MAX_ID_LENGTH} of them"

SCHEMA_KEY = "$schema"
"""The key for the JSON Schema of a definition, for editors; it does not affect the segment."""

RESERVED_ID = "all"
"""The word for all segments, in commands that take ids."""

_ID = re.compile(r"[A-Za-z0-9._-]+")
_NOT_AN_ID = {".", ".."}


def check_id(segment_id: str) -> str:
    """Validate the id of a segment, and return it.

    Raises:
        PydanticCustomError: The text cannot be an id.
    """
    if not _ID.fullmatch(segment_id) or segment_id in _NOT_AN_ID or len(segment_id) > MAX_ID_LENGTH:
        raise wrong(f"{shown(segment_id)} cannot be an id; {ID_RULE}")
    if segment_id == RESERVED_ID:
        raise wrong("'all' cannot be an id, since --accept all accepts every segment; choose another id")
    return segment_id


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
    """Return the nesting depth of groups and the number of rules and groups; works without recursion.

    The conditions of a rule on a table count like those of a group.
    """
    deepest, number = 0, 0
    waiting: list[tuple[Rule | TableRule | Group | Segment, int]] = [(segment, 1)]
    while waiting:
        current, depth = waiting.pop()
        inner = _inside(current)
        if inner:
            deepest = max(deepest, depth)
            number += len(inner)
            waiting.extend((child, depth + 1) for child in inner)
    return deepest, number


def _inside(node: "Rule | TableRule | Group | Segment") -> tuple[Node, ...]:
    match node:
        case Rule():
            return ()
        case TableRule():
            return node.where or ()
        case _:
            return node.rules


class Segment(Strict):
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
        enabled: Whether runs evaluate the segment. A segment that is not enabled has no members.
        owner: The person or team that owns the segment; commands can select by it.
        tags: Labels that commands can select by.
        expires_at: A date or time, ISO 8601. From then on, the segment is treated as not enabled. Dates, and times
            without an offset, are in the run's time zone.
        examples: Contacts written by hand that the segment must and must not contain. `check` evaluates them; runs
            ignore them.
        previous_ids: Ids that the segment had before, oldest first, which connect it to its history.
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
    enabled: bool = True
    owner: Owner | None = None
    tags: Tags = ()
    expires_at: Expiry | None = None
    examples: Examples | None = None
    previous_ids: Annotated[tuple[str, ...], Field(strict=False)] = ()
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
        return check_id(segment_id)

    @field_validator("previous_ids")
    @classmethod
    def _are_other_ids(cls, previous_ids: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        if len(previous_ids) > MAX_PREVIOUS_IDS:
            raise wrong(f"there are {len(previous_ids):,} previous ids; at most {MAX_PREVIOUS_IDS} are allowed")
        for segment_id in previous_ids:
            check_id(segment_id)
            if previous_ids.count(segment_id) > 1:
                raise wrong(f"the previous id {shown(segment_id)} is listed twice; remove it")
            if segment_id == info.data.get("id"):
                raise wrong(f"{shown(segment_id)} is the id of the segment itself; remove it")
        return previous_ids

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
        """Yield every rule on a contact with its path, such as `$.rules[0].rules[1]`, in the definition's order."""
        return ((path, rule) for path, rule in walk_rules(self.rules) if isinstance(rule, Rule))

    def table_rules(self) -> Iterator[tuple[str, TableRule]]:
        """Yield every rule on a related table with its path, in the order of the definition."""
        return ((path, rule) for path, rule in walk_rules(self.rules) if isinstance(rule, TableRule))

    def references(self) -> Iterator[tuple[str, str]]:
        """Yield the path of each rule that references a segment, and the id of that segment."""
        return ((path, str(rule.value)) for path, rule in self.rule_paths() if rule.shape == "segment")

    def to_json(self) -> dict[str, Any]:
        """Return the definition as JSON data, with only the keys that were set."""
        return self.model_dump(mode="json", exclude_unset=True)
