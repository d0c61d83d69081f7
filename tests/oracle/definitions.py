"""Hypothesis strategies for segment definitions, as plain dicts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from . import pools
from .fields import Snapshot
from .kinds import NULL, Kind, Refused
from .pairs import COMPARED
from .pools import ALL
from .reading import read_cell

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hypothesis.strategies import DrawFn

_ORDER = ("gt", "lt", "gte", "lte", "between")
_LISTED = ("in_list", "not_in_list")
_EQUAL = ("eq", "neq", "in", "not_in", *_LISTED)
_CONTAIN = ("contains", "not_contains")
_OF_TEXT = ("starts_with", "ends_with", "matches")
_WITHIN = ("within_last", "within_next", "not_within_last", "not_within_next", "older_than", "later_than")
_ANNIVERSARY = ("anniversary_within_last", "anniversary_within_next")
_EXIST = ("exists", "empty", "blank", "not_blank")
_SEGMENT = ("in_segment", "not_in_segment")
_IGNORING_CASE = (*_EQUAL, *_CONTAIN, *_OF_TEXT)
_NUMBERS = (*_EQUAL, *_ORDER)
_ALLOWED: dict[str, tuple[str, ...]] = {
    "text": (*_EQUAL, *_CONTAIN, *_ORDER, *_OF_TEXT, "matches", "matches"),
    "integer": _NUMBERS,
    "decimal": _NUMBERS,
    "float": _NUMBERS,
    "boolean": _EQUAL,
    "datetime": (*_NUMBERS, *_WITHIN, *_WITHIN, *_ANNIVERSARY),
    "date": (*_NUMBERS, *_WITHIN, *_WITHIN, *_ANNIVERSARY),
    "uuid": (*_EQUAL, *_CONTAIN, *_ORDER, *_OF_TEXT),
    "version": _NUMBERS,
    "list": (*_EQUAL, *_CONTAIN),
    "null": (*_EQUAL, *_CONTAIN, *_ORDER, *_OF_TEXT, *_WITHIN),
}
_MORE_FOR_TEXT = dict.fromkeys(_CONTAIN, (*pools.NEEDLES, *pools.NEEDLES)) | dict.fromkeys(_ORDER, ())
_TEXT_VALUES = (*pools.TEXTS, *pools.NUMBER_LIKE, "active", "Berlin", "mail")
_DEEPEST = 3


@st.composite
def runs(draw: DrawFn, snapshot: Snapshot | None = None, operators: Sequence[str] = ALL) -> dict[str, Any]:
    """Draw the definitions of a run, by id; a segment mostly refers only to those before it."""
    count = draw(st.integers(1, 4))
    segments: dict[str, Any] = {}
    for position in range(count):
        known = tuple(segments)
        wild = draw(st.integers(0, 9)) == 0
        others = tuple(f"s{other}" for other in range(count + 1)) if wild else known
        segments[f"s{position}"] = draw(definitions(snapshot, operators, f"s{position}", others))
    return segments


@st.composite
def definitions(
    draw: DrawFn,
    snapshot: Snapshot | None = None,
    operators: Sequence[str] = ALL,
    name: str = "s0",
    others: tuple[str, ...] = (),
) -> dict[str, Any]:
    """Draw one definition; four of five have only rules that their columns can read."""
    snapshot = snapshot or Snapshot.of(pools.schema())
    clean = draw(st.integers(0, 4)) > 0
    rule = _fitting(snapshot, operators, others) if clean else _any_rule(snapshot, operators, others)
    segment: dict[str, Any] = {"id": name, "name": name.upper()}
    segment["rules"] = draw(st.lists(nodes(rule, _DEEPEST), min_size=1, max_size=3))
    if draw(st.booleans()):
        segment["match"] = draw(st.sampled_from(("all", "any", "none")))
    project = draw(st.sampled_from(("absent", "absent", None, "p1", "p2")))
    return segment if project == "absent" else {**segment, "project_id": project}


@st.composite
def nodes(draw: DrawFn, rule: st.SearchStrategy[Any], depth: int) -> dict[str, Any]:
    """Draw a rule, or a group of rules that is no deeper than `depth`."""
    if not depth or draw(st.integers(0, 3)) > 0:
        return draw(rule)
    return {
        "match": draw(st.sampled_from(("all", "any", "none"))),
        "rules": draw(st.lists(nodes(rule, depth - 1), min_size=1, max_size=3)),
    }


@st.composite
def _fitting(draw: DrawFn, snapshot: Snapshot, operators: Sequence[str], others: tuple[str, ...]) -> dict[str, Any]:
    """Draw a rule that the field's kind allows, with a value that it can read."""
    if others and "in_segment" in operators and draw(st.integers(0, 5)) == 0:
        return {"operator": draw(st.sampled_from(_SEGMENT)), "value": draw(st.sampled_from(others))}
    if "sample" in operators and draw(st.integers(0, 11)) == 0:
        return {"operator": "sample", "value": draw(st.sampled_from(pools.SAMPLES))}
    nowhere = draw(st.integers(0, 9)) == 0
    field = draw(st.sampled_from(pools.LEADING_NOWHERE if nowhere else pools.FIELDS))
    return draw(read_rules_on(field, snapshot.find(field).kind, operators, lambda kind: _alike(snapshot, kind)))


@st.composite
def read_rules_on(
    draw: DrawFn, field: str, kind: Kind, operators: Sequence[str], alike: Callable[[Kind], Sequence[str]]
) -> dict[str, Any]:
    """Draw a rule that may read a field as another type, or compare it with another field.

    Args:
        alike: Lists the fields that can be compared with one of a kind.
    """
    if draw(st.integers(0, 7)) == 0:
        reading = draw(st.sampled_from(_READINGS.get(kind.name, ("text",))))
        return {**draw(rules_on(field, _read_as(kind, reading), operators)), "as": reading}
    if kind.name == "text" and draw(st.integers(0, 9)) == 0:
        kind = Kind(draw(st.sampled_from(("date", "datetime"))))
    rule = draw(rules_on(field, kind, operators))
    if rule["operator"] not in COMPARED.keys() | {"neq"} or draw(st.integers(0, 3)) > 0:
        return rule
    del rule["value"]
    return {**rule, "value_field": draw(st.sampled_from(alike(kind)))}


@st.composite
def rules_on(draw: DrawFn, field: str, kind: Kind, operators: Sequence[str]) -> dict[str, Any]:
    """Draw a rule that a kind allows, with a value that it can read."""
    comparable = kind.name != "list" or _item(kind).name in _ALLOWED.keys() - {"list"}
    allowed = (*(_ALLOWED.get(kind.name, ()) if comparable else ()), *_EXIST)
    operator = draw(st.sampled_from([one for one in allowed if one in operators]))
    if operator in _EXIST:
        return {"field": field, "operator": operator}
    rule = {"field": field, "operator": operator, "value": draw(_readable(kind, operator))}
    if draw(st.integers(0, 5)) == 0:
        rule["missing"] = draw(st.sampled_from(("include", "exclude")))
    cased = _item(kind).name in ("text", "uuid", "null") and operator in _IGNORING_CASE and "in" in operators
    return {**rule, "ignore_case": draw(st.booleans())} if cased and draw(st.booleans()) else rule


_OF_TEXTS = ("text", "number", "boolean", "date", "date", "datetime", "datetime", "epoch_s", "epoch_ms", "version")
_OF_NUMBERS = ("text", "number", "boolean", "epoch_s", "epoch_ms")
_READINGS = {
    "text": _OF_TEXTS,
    **dict.fromkeys(("integer", "decimal", "float", "number"), _OF_NUMBERS),
    **dict.fromkeys(("date", "datetime"), ("date", "datetime", "datetime")),
    "boolean": ("boolean", "text"),
}


def _read_as(kind: Kind, reading: str) -> Kind:
    try:
        return read_cell(kind, reading, ZoneInfo("UTC"))[0]
    except Refused:
        return kind


_FAMILIES = ({"integer", "decimal", "float", "number"}, {"date", "datetime"})


def _alike(snapshot: Snapshot, kind: Kind) -> list[str]:
    """List the fields that can be compared with one of a kind, and one that leads nowhere."""
    family = family_of(kind)
    return [field for field in pools.COMPARED if snapshot.find(field).kind.name in family] + ["custom_fields.nope"]


def family_of(kind: Kind) -> set[str]:
    """Name the kinds that a kind can be compared with."""
    return next((names for names in _FAMILIES if kind.name in names), {kind.name})


def _item(kind: Kind) -> Kind:
    return kind.item or NULL if kind.name == "list" else kind


def _readable(kind: Kind, operator: str) -> st.SearchStrategy[Any]:
    """Draw a value that this operator can read for this kind."""
    if operator in _ANNIVERSARY:
        return st.sampled_from(pools.ANNIVERSARIES)
    if operator in _LISTED:
        return st.sampled_from(pools.LISTS_OF.get(_item(kind).name, ("numbers", "many-numbers")))
    if operator in _WITHIN:
        return st.sampled_from([one for one in pools.DURATIONS if kind.name != "date" or one[-1] not in "hn"])
    match operator:
        case "matches":
            return st.sampled_from(pools.PATTERNS)
        case "starts_with" | "ends_with":
            return st.sampled_from((*_TEXT_VALUES, *pools.NEEDLES, *pools.UUID_PARTS))
        case "between":
            return _pairs(kind)
        case "in" | "not_in":
            return st.lists(st.sampled_from(_values(_item(kind), "eq")), min_size=1, max_size=4)
        case _:
            return st.sampled_from(_values(_item(kind), operator))


def _values(kind: Kind, operator: str) -> tuple[Any, ...]:
    match kind.name:
        case "text":
            return (*_TEXT_VALUES, *pools.GOOD_NUMBERS, *_MORE_FOR_TEXT.get(operator, (True, False)))
        case "boolean":
            return (True, False, "true", "false")
        case "datetime":
            days = (*pools.DAY_TEXTS, *pools.RELATIVE_DAYS)
            return (*pools.MOMENT_TEXTS, *pools.RELATIVE_MOMENTS, *days, *days)
        case "date":
            return (*pools.DAY_TEXTS, *pools.RELATIVE_DAYS)
        case "version":
            return pools.VERSIONS
        case "uuid":
            return (*pools.UUID_TEXTS, *(pools.UUID_PARTS if operator in _CONTAIN else ()))
        case "null":
            return ("a", 1, True, "2025-03-30")
        case _:
            return (*pools.GOOD_NUMBERS, *pools.HUGE_NUMBERS, *pools.NUMBER_TEXTS)


def _pairs(kind: Kind) -> st.SearchStrategy[list[Any]]:
    """Draw two ends of one sort, the low one first wherever Python's own order tells which that is."""
    if kind.name == "null":
        return st.just([1, 2])
    sorts: dict[str, tuple[tuple[Any, ...], ...]] = {
        "text": (_TEXT_VALUES, pools.GOOD_NUMBERS),
        "datetime": (pools.DAY_TEXTS, pools.MOMENT_TEXTS[: len(pools.MOMENTS)], pools.RELATIVE_ENDS),
        "date": (pools.DAY_TEXTS, pools.RELATIVE_ENDS),
        "uuid": (pools.UUID_TEXTS[:3],),
        "version": (pools.VERSIONS[:3],),
    }
    pool = st.sampled_from(sorts.get(kind.name, ((*pools.GOOD_NUMBERS, *pools.HUGE_NUMBERS),)))
    return pool.flatmap(lambda one: st.lists(st.sampled_from(one), min_size=2, max_size=2)).map(sorted)


@st.composite
def _any_rule(draw: DrawFn, snapshot: Snapshot, operators: Sequence[str], others: tuple[str, ...]) -> dict[str, Any]:
    """Draw a rule that is mostly wrong somewhere: its field, operator, value or `missing`."""
    rule = draw(_fitting(snapshot, operators, others))
    match draw(st.sampled_from(("nothing", "field", "operator", "value", "value", "missing", "swap"))):
        case "field":
            return {**rule, "field": draw(st.sampled_from(pools.UNKNOWN))}
        case "operator":
            return {**rule, "operator": draw(st.sampled_from((*operators, "equals")))}
        case "value":
            patterns = pools.BAD_PATTERNS if rule["operator"] == "matches" else ()
            value = draw(st.sampled_from((*pools.UNREADABLE, *patterns)))
            return {**rule, "value": [*rule["value"], value] if rule["operator"] in ("in", "not_in") else value}
        case "missing":
            return {**rule, "missing": draw(st.sampled_from(("include", "exclude", "yes")))}
        case "swap":
            return {**rule, "field": draw(st.sampled_from(pools.FIELDS))}
        case _:
            return rule
