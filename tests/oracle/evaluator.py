"""A segment's rules, evaluated for one contact after another, with nothing but Python."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypedDict, Unpack
from zoneinfo import ZoneInfo

from .fields import Field, Form, Snapshot
from .kinds import Kind, Refused
from .operators import NEGATED, PRESENCE, TESTS, check_ignore_case, check_shape
from .pairs import COMPARED, check_pair, compare_pair
from .probes import Reading, is_missing
from .reading import READINGS, day_in, moment_in, read_cell
from .related import AGGREGATES, RelatedTable, aggregate, find_source
from .samples import in_sample
from .times import base_of, read_relative

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import pyarrow as pa

    from .related import Columns

    Row = Mapping[str, Any]
    RowTest = Callable[[Row], bool]

__all__ = ["Options", "Refused", "check", "holds", "members"]

_TABLE_KEYS = {"table", "where", "aggregate"}
_RULE_KEYS = {"field", "operator", "value", "value_field", "as", "missing", "ignore_case", *_TABLE_KEYS}
_GROUP_KEYS = {"match", "rules"}
_TIMED = {
    *("within_last", "within_next", "not_within_last", "not_within_next", "older_than", "later_than"),
    *("anniversary_within_last", "anniversary_within_next"),
}
_WITH_DATES = {"eq", "neq", "gt", "gte", "lt", "lte", "between", "in", "not_in"}
_IN_SEGMENT = {"in_segment": False, "not_in_segment": True}


class Options(TypedDict, total=False):
    """What a run is told, beyond the segment and the snapshot.

    Attributes:
        timezone: The run's time zone, an IANA name; UTC if not told.
        as_of: The run's moment; now if not told. Without an offset it is in the run's time zone.
        segments: The other segments of the run, by id.
        custom_fields_form: The form of `custom_fields`; a struct if not told.
        cells: The whole columns into which paths may lead, by name; those of the rows if not told.
        tables: The related tables, by name.
        lists: The values of the lists, by name.
    """

    timezone: str
    as_of: datetime | None
    segments: Mapping[str, dict[str, Any]] | None
    custom_fields_form: Form
    cells: Mapping[str, Sequence[Any]]
    tables: Mapping[str, RelatedTable]
    lists: Mapping[str, Sequence[Any]]


@dataclass(frozen=True)
class _Run:
    snapshot: Columns
    outside: Snapshot
    zone: ZoneInfo
    as_of: datetime
    segments: Mapping[str, dict[str, Any]]
    tables: Mapping[str, RelatedTable] | None
    lists: Mapping[str, Sequence[Any]]
    deciding: Sequence[Row] = ()

    @classmethod
    def of(cls, schema: pa.Schema, options: Options) -> _Run:
        zone = ZoneInfo(options.get("timezone", "UTC"))
        as_of = options.get("as_of") or datetime.now(UTC)
        snapshot = Snapshot.of(schema, options.get("custom_fields_form", "struct"), options.get("cells"))
        return cls(
            snapshot,
            snapshot,
            zone,
            as_of if as_of.tzinfo else as_of.replace(tzinfo=zone),
            options.get("segments") or {},
            options.get("tables") or {},
            options.get("lists") or {},
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


def _always(_: object) -> bool:
    return True


def _segment(segment: dict[str, Any], run: _Run, trail: tuple[str, ...]) -> RowTest:
    trail = (*trail, str(segment.get("id")))
    chosen = _group(segment, "$", run, trail)
    project = segment.get("project_id")
    if project is None:
        return chosen
    if "project_id" not in run.outside.columns:
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
    if rule.keys() & _TABLE_KEYS:
        return _on_rows(rule, run)
    if name in _IN_SEGMENT:
        return _in_segment(rule, run, trail)
    if name == "sample":
        return _sample(rule, run)
    return _on_field(rule, run)


def _values_of_list(name: Any, run: _Run) -> list[Any]:
    if not isinstance(name, str) or name not in run.lists:
        raise Refused(f"there is no list {name!r}")
    return list(run.lists[name])


def _in_segment(rule: dict[str, Any], run: _Run, trail: tuple[str, ...]) -> RowTest:
    if set(rule) & {"field", "missing", "ignore_case", "as", "value_field"}:
        raise Refused("in_segment takes a segment's id and nothing else")
    if run.tables is None:
        raise Refused("a row of a table is in no segment")
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


def _sample(rule: dict[str, Any], run: _Run) -> RowTest:
    if run.tables is None:
        raise Refused("a row of a table is in no sample")
    return in_sample(rule)


def _on_field(rule: dict[str, Any], run: _Run) -> RowTest:
    return _test(rule, *_view(rule.get("field"), rule, run), run)


def _view(name: object, rule: dict[str, Any], run: _Run) -> tuple[Kind, Callable[[Row], Any]]:
    """Give a field as a rule reads it: by `as`, or as dates where all of its texts are dates.

    Of a table, the rows decide that exist at the moment of the run and are of one of the contacts.
    """
    field, reading = run.snapshot.find(name), rule.get("as")
    if reading not in (None, *READINGS):
        raise Refused(f"there is no reading {reading!r}")
    if field.kind.name == "null":
        return field.kind, field.cell
    cells = [field.cell(row) for row in (run.deciding if run.tables is None else run.outside.rows())]
    present = [cell for cell in cells if not is_missing(cell)]
    if reading is not None:
        kind, read = read_cell(field.kind, reading, run.zone)
        if present and all(read(cell) is None for cell in present):
            raise Refused(f"no value can be read as {reading}")
        return kind, lambda row: None if is_missing(cell := field.cell(row)) else read(cell)
    return _as_dates(field, present, rule, run)


def _as_dates(field: Field, present: list[Any], rule: dict[str, Any], run: _Run) -> tuple[Kind, Callable[[Row], Any]]:
    value = rule.get("value")
    named = any(base_of(one) for one in (value if isinstance(value, list) else [value]) if _is_relative(one, run))
    needs_dates = rule.get("operator") in _TIMED or (named and rule.get("operator") in _WITH_DATES)
    if field.kind.name != "text" or not needs_dates:
        return field.kind, field.cell
    days = [day_in(cell) for cell in present]
    others = [cell for cell, day in zip(present, days, strict=True) if day is None and moment_in(cell) is None]
    if others and len(others) == len(present) and rule["operator"] in {"eq", "neq", "in", "not_in"}:
        return field.kind, field.cell
    if others:
        raise Refused(f"{len(others)} texts are not dates")
    reading = "date" if present and all(days) else "datetime"
    kind, read = read_cell(field.kind, reading, run.zone)
    return kind, lambda row: None if (cell := field.cell(row)) is None else read(cell)


def _is_relative(value: object, run: _Run) -> bool:
    """Tell whether a value is written as a relative date, even if only an instant could be moved so."""
    written = re.sub(r"(?<=[0-9])(?:min|h)\b", "d", value) if isinstance(value, str) else None
    return read_relative(written, run.as_of, run.zone) is not None


def _on_rows(rule: dict[str, Any], run: _Run) -> RowTest:
    """Test a contact by what an aggregate makes of its rows of a table."""
    name, inside = rule.get("aggregate", "count"), run.tables is None
    if inside or rule.get("operator") in {*_IN_SEGMENT, "sample"}:
        raise Refused("a related table is nothing for this rule")
    if name not in AGGREGATES or (name == "count" and rule.get("field") is not None):
        raise Refused(f"{name!r} is no aggregate, or has no field")
    source = find_source(rule.get("table"), run.outside, run.tables or {}, run.as_of, run.zone)
    all_rows = [row for contact in run.outside.rows() for row in source.rows_of(contact)]
    rows = replace(run, snapshot=source.columns, tables=None, deciding=all_rows)
    where = _group({"rules": rule["where"]}, "$", rows, ()) if rule.get("where") is not None else _always
    field = None if name == "count" else source.columns.find(rule.get("field"))
    kind, value = aggregate(name, field, source)
    return _test(rule, kind, lambda contact: value([row for row in source.rows_of(contact) if where(row)]), run)


def _test(rule: dict[str, Any], kind: Kind, cell_of: Callable[[Row], Any], run: _Run) -> RowTest:
    name = rule.get("operator")
    if name in PRESENCE:
        return _existence(rule, kind, cell_of)
    if not isinstance(name, str) or name not in TESTS.keys() | NEGATED.keys():
        raise Refused(f"unknown operator {name!r}")
    if "value_field" in rule:
        return _of_two_fields(rule, kind, cell_of, run)
    return _comparison(rule, kind, cell_of, run)


def _existence(rule: dict[str, Any], kind: Kind, cell_of: Callable[[Row], Any]) -> RowTest:
    if rule.keys() & {"missing", "value_field"} or rule.get("ignore_case"):
        raise Refused(f"{rule['operator']} takes neither missing nor ignore_case, and no other field")
    wanted, test = PRESENCE[rule["operator"]]
    return lambda row: test(kind, cell_of(row)) is wanted


def _of_two_fields(rule: dict[str, Any], kind: Kind, cell_of: Callable[[Row], Any], run: _Run) -> RowTest:
    """Test one field of a contact against another; where one of them is missing, `missing` decides."""
    name = NEGATED.get(rule["operator"], rule["operator"])
    if name not in COMPARED or "value" in rule:
        raise Refused("value_field is in place of a value of eq, neq, gt, gte, lt, lte")
    other_kind, other_cell = _view(rule["value_field"], rule, run)
    ignore_case, negated = rule.get("ignore_case", False), rule["operator"] in NEGATED
    if ignore_case:
        check_ignore_case(name, kind)
    is_nowhere = "null" in (kind.name, other_kind.name)
    if not is_nowhere:
        check_pair(name, kind, other_kind)
    test = compare_pair(name, (kind, other_kind), Reading(run.zone, run.as_of, ignore_case))
    for_missing = rule["missing"] == "include" if "missing" in rule else negated

    def holds_for(row: Row) -> bool:
        cells = cell_of(row), other_cell(row)
        return for_missing if is_nowhere or any(map(is_missing, cells)) else test(*cells) is not negated

    return holds_for


def _comparison(rule: dict[str, Any], kind: Kind, cell_of: Callable[[Row], Any], run: _Run) -> RowTest:
    """Test a contact by a rule with a value; `missing` decides where there is no cell to compare."""
    name = rule["operator"]
    base, negated, value = NEGATED.get(name, name), name in NEGATED, rule.get("value")
    if base == "in_list":
        value = _values_of_list(value, run)
    ignore_case = rule.get("ignore_case", False)
    check_shape(base, value)
    if ignore_case:
        check_ignore_case(base, kind)
    if kind.name == "null":
        test: Callable[[Any], bool] = _never
    else:
        test = TESTS[base](kind, value, Reading(run.zone, run.as_of, ignore_case))
    for_missing = rule["missing"] == "include" if "missing" in rule else negated

    def holds_for(row: Row) -> bool:
        cell = cell_of(row)
        return for_missing if is_missing(cell) else test(cell) is not negated

    return holds_for
