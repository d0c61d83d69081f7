"""Hypothesis strategies for segment definitions, as plain dicts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from . import pools
from .fields import Snapshot
from .kinds import NULL, Kind
from .pools import ALL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hypothesis.strategies import DrawFn

_ORDER = ("gt", "lt", "gte", "lte", "between")
_EQUAL = ("eq", "neq", "in", "not_in")
_CONTAIN = ("contains", "not_contains")
_OF_TEXT = ("starts_with", "ends_with", "matches")
_WITHIN = ("within_last", "within_next")
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
    "datetime": (*_NUMBERS, *_WITHIN, *_WITHIN, *_WITHIN),
    "date": (*_NUMBERS, *_WITHIN, *_WITHIN, *_WITHIN),
    "uuid": (*_EQUAL, *_CONTAIN, *_ORDER, *_OF_TEXT),
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
    segment["rules"] = draw(st.lists(_nodes(rule, _DEEPEST), min_size=1, max_size=3))
    if draw(st.booleans()):
        segment["match"] = draw(st.sampled_from(("all", "any", "none")))
    project = draw(st.sampled_from(("absent", "absent", None, "p1", "p2")))
    return segment if project == "absent" else {**segment, "project_id": project}


@st.composite
def _nodes(draw: DrawFn, rule: st.SearchStrategy[Any], depth: int) -> dict[str, Any]:
    if not depth or draw(st.integers(0, 3)) > 0:
        return draw(rule)
    return {
        "match": draw(st.sampled_from(("all", "any", "none"))),
        "rules": draw(st.lists(_nodes(rule, depth - 1), min_size=1, max_size=3)),
    }


@st.composite
def _fitting(draw: DrawFn, snapshot: Snapshot, operators: Sequence[str], others: tuple[str, ...]) -> dict[str, Any]:
    """Draw a rule that the field's kind allows, with a value that it can read."""
    if others and "in_segment" in operators and draw(st.integers(0, 5)) == 0:
        return {"operator": draw(st.sampled_from(_SEGMENT)), "value": draw(st.sampled_from(others))}
    nowhere = draw(st.integers(0, 9)) == 0
    field = draw(st.sampled_from(pools.LEADING_NOWHERE if nowhere else pools.FIELDS))
    kind = snapshot.find(field).kind
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


def _item(kind: Kind) -> Kind:
    return kind.item or NULL if kind.name == "list" else kind


def _readable(kind: Kind, operator: str) -> st.SearchStrategy[Any]:
    """Draw a value that this operator can read for this kind."""
    match operator:
        case "within_last" | "within_next":
            return st.sampled_from([one for one in pools.DURATIONS if kind.name != "date" or one[-1] != "h"])
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
            return (*pools.MOMENT_TEXTS, *pools.DAY_TEXTS, *pools.DAY_TEXTS, *pools.DAY_TEXTS)
        case "date":
            return pools.DAY_TEXTS
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
        "datetime": (pools.DAY_TEXTS, pools.MOMENT_TEXTS[: len(pools.MOMENTS)]),
        "date": (pools.DAY_TEXTS,),
        "uuid": (pools.UUID_TEXTS[:3],),
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
