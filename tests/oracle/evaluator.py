"""A segment's rules, evaluated for one contact after another, with nothing but Python."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypedDict, Unpack
from zoneinfo import ZoneInfo

from .fields import Form, Snapshot
from .kinds import Refused
from .operators import NEGATED, PRESENCE, TESTS, check_ignore_case, check_shape
from .probes import Reading, is_missing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import pyarrow as pa

    Row = Mapping[str, Any]
    RowTest = Callable[[Row], bool]

__all__ = ["Options", "Refused", "check", "holds", "members"]

_RULE_KEYS = {"field", "operator", "value", "missing", "ignore_case"}
_GROUP_KEYS = {"match", "rules"}
_IN_SEGMENT = {"in_segment": False, "not_in_segment": True}


class Options(TypedDict, total=False):
    """What a run is told, beyond the segment and the snapshot.

    Attributes:
        timezone: The run's time zone, an IANA name; UTC if not told.
        as_of: The run's moment; now if not told. Without an offset it is in the run's time zone.
        segments: The other segments of the run, by id.
        custom_fields_form: The form of `custom_fields`; a struct if not told.
        cells: The whole columns into which paths may lead, by name; those of the rows if not told.
    """

    timezone: str
    as_of: datetime | None
    segments: Mapping[str, dict[str, Any]] | None
    custom_fields_form: Form
    cells: Mapping[str, Sequence[Any]]


@dataclass(frozen=True)
class _Run:
    snapshot: Snapshot
    zone: ZoneInfo
    as_of: datetime
    segments: Mapping[str, dict[str, Any]]

    @classmethod
    def of(cls, schema: pa.Schema, options: Options) -> _Run:
        zone = ZoneInfo(options.get("timezone", "UTC"))
        as_of = options.get("as_of") or datetime.now(UTC)
        return cls(
            Snapshot.of(schema, options.get("custom_fields_form", "struct"), options.get("cells")),
            zone,
            as_of if as_of.tzinfo else as_of.replace(tzinfo=zone),
            options.get("segments") or {},
        )


def check(segment: dict[str, Any], schema: pa.Schema, **options: Unpack[Options]) -> None:
    """Refuse a segment that is wrong for a snapshot of this schema.

    Raises:
        Refused: It is.
    """
    _segment(segment, _Run.of(schema, options), ())


def holds(segment: dict[str, Any], row: Row, schema: pa.Schema, **options: Unpack[Options]) -> bool:
    """Tell whether a segment holds one contact.

    Raises:
        Refused: The segment is wrong for a snapshot of this schema, whatever the row.
    """
    return members(segment, [row], schema, **options)[0]


def members(segment: dict[str, Any], rows: Iterable[Row], schema: pa.Schema, **options: Unpack[Options]) -> list[bool]:
    """Tell of each contact whether a segment holds it.

    Raises:
        Refused: The segment is wrong for a snapshot of this schema, whatever the rows.
    """
    rows = list(rows)
    if "cells" not in options:
        options["cells"] = {name: [row.get(name) for row in rows] for name in schema.names}
    test = _segment(segment, _Run.of(schema, options), ())
    return [test(row) for row in rows]


def _never(_: object) -> bool:
    return False


def _segment(segment: dict[str, Any], run: _Run, trail: tuple[str, ...]) -> RowTest:
    trail = (*trail, str(segment.get("id")))
    chosen = _group(segment, "$", run, trail)
    project = segment.get("project_id")
    if project is None:
        return chosen
    if "project_id" not in run.snapshot.columns:
        raise Refused("the contacts of the project cannot be found", "$.project_id")
    own = _rule({"field": "project_id", "operator": "eq", "value": project}, run, trail)
    return lambda row: own(row) and chosen(row)


def _group(group: dict[str, Any], place: str, run: _Run, trail: tuple[str, ...]) -> RowTest:
    rules, match = group.get("rules"), group.get("match", "all")
    if not isinstance(rules, list) or not rules:
        raise Refused("at least one rule is needed", place)
    tests = [_node(rule, f"{place}.rules[{position}]", run, trail) for position, rule in enumerate(rules)]
    if match == "all":
        return lambda row: all(test(row) for test in tests)
    if match == "any":
        return lambda row: any(test(row) for test in tests)
    if match == "none":
        return lambda row: not any(test(row) for test in tests)
    raise Refused(f"match is all, any or none, not {match!r}", place)


def _node(node: object, place: str, run: _Run, trail: tuple[str, ...]) -> RowTest:
    if not isinstance(node, dict):
        raise Refused("a rule is an object", place)
    is_group = "rules" in node or "match" in node
    unknown = set(node) - (_GROUP_KEYS if is_group else _RULE_KEYS)
    if unknown:
        raise Refused(f"unknown keys {sorted(unknown)}", place)
    try:
        return _group(node, place, run, trail) if is_group else _rule(node, run, trail)
    except Refused as refused:
        refused.place = refused.place or place
        raise


def _rule(rule: dict[str, Any], run: _Run, trail: tuple[str, ...]) -> RowTest:
    name = rule.get("operator")
    if rule.get("missing", "include") not in ("include", "exclude"):
        raise Refused("missing is include or exclude")
    if not isinstance(rule.get("ignore_case", False), bool):
        raise Refused("ignore_case is true or false")
    if name in _IN_SEGMENT:
        return _in_segment(rule, run, trail)
    if name in PRESENCE:
        return _existence(rule, run)
    if not isinstance(name, str) or name not in TESTS.keys() | NEGATED.keys():
        raise Refused(f"unknown operator {name!r}")
    return _comparison(rule, name, run)


def _in_segment(rule: dict[str, Any], run: _Run, trail: tuple[str, ...]) -> RowTest:
    if set(rule) & {"field", "missing", "ignore_case"}:
        raise Refused("in_segment takes a segment's id and nothing else")
    wanted = rule.get("value")
    if isinstance(wanted, str) and wanted in trail:
        raise Refused(f"a circle: {' -> '.join([*trail[trail.index(wanted) :], wanted])}")
    if not isinstance(wanted, str) or wanted not in run.segments:
        raise Refused(f"there is no segment {wanted!r}")
    try:
        other = _segment(run.segments[wanted], run, trail)
    except Refused as refused:
        raise Refused(f"segment {wanted!r} failed: {refused}") from refused
    negated = _IN_SEGMENT[rule["operator"]]
    return lambda row: other(row) is not negated


def _existence(rule: dict[str, Any], run: _Run) -> RowTest:
    if "missing" in rule or rule.get("ignore_case"):
        raise Refused(f"{rule['operator']} takes neither missing nor ignore_case")
    field = run.snapshot.find(rule.get("field"))
    wanted, test = PRESENCE[rule["operator"]]
    return lambda row: test(field.kind, field.cell(row)) is wanted


def _comparison(rule: dict[str, Any], name: str, run: _Run) -> RowTest:
    """Test a contact by a rule with a value; `missing` decides where there is no cell to compare."""
    base, negated, value = NEGATED.get(name, name), name in NEGATED, rule.get("value")
    ignore_case = rule.get("ignore_case", False)
    field = run.snapshot.find(rule.get("field"))
    check_shape(base, value)
    if ignore_case:
        check_ignore_case(base, field.kind)
    if field.kind.name == "null":
        test: Callable[[Any], bool] = _never
    else:
        test = TESTS[base](field.kind, value, Reading(run.zone, run.as_of, ignore_case))
    for_missing = rule["missing"] == "include" if "missing" in rule else negated

    def holds_for(row: Row) -> bool:
        cell = field.cell(row)
        return for_missing if is_missing(cell) else test(cell) is not negated

    return holds_for
