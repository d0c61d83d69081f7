"""Rules that can never match together: reported only if it is certain, for any type of the column."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import segbatch
from builders import rule, write_contacts, write_segment

NOON = datetime(2025, 6, 1, 12, tzinfo=UTC)

Rules = list[dict[str, Any]]


def x(operator: str, value: Any = None, **more: Any) -> dict[str, Any]:
    return rule("x", operator, value, **more)


def sample(start: float, end: float, seed: str = "spring") -> dict[str, Any]:
    return {"operator": "sample", "value": {"seed": seed, "from": start, "to": end}}


NEVER: list[Rules] = [
    [x("gt", "10", **{"as": "number"}), x("lt", "9", **{"as": "number"})],
    [x("gt", "1.10", **{"as": "version"}), x("lt", "1.9", **{"as": "version"})],
    [x("exists"), x("empty")],
    [x("empty"), x("eq", "a")],
    [x("blank"), x("not_blank")],
    [x("not_blank"), x("empty")],
    [x("blank"), x("eq", "a")],
    [x("blank"), x("in", [5, True, "a"])],
    [x("blank"), x("contains", "a ")],
    [{"match": "none", "rules": [x("not_blank")]}, x("starts_with", "a")],
    [x("eq", "a"), x("neq", "a")],
    [x("contains", "a"), x("not_contains", "a")],
    [x("in", ["a", "b"]), x("not_in", ["b", "c", "a"])],
    [x("gt", 10), x("lt", 5)],
    [x("gte", 10), x("lt", 10)],
    [x("gte", "10"), x("lt", "10")],
    [x("eq", 3), x("gt", 5)],
    [x("between", [1, 3]), x("gt", 3)],
    [x("gt", "2025-06-01"), x("lt", "2025-06-01")],
    [x("within_last", "3d"), x("empty")],
    [x("within_last", "30d"), x("older_than", "30d")],
    [x("within_last", "1y"), x("older_than", "12mo")],
    [x("within_last", "7d"), x("not_within_last", "1w")],
    [x("within_last", "2h"), x("not_within_last", "180min")],
    [x("within_next", "7d"), x("later_than", "2w")],
    [x("older_than", "1d"), x("within_next", "1d")],
    [x("not_within_next", "2d", missing="exclude"), x("within_next", "1d")],
    [x("neq", "a", missing="exclude"), x("empty")],
    [{"match": "none", "rules": [x("gt", 5)]}, x("gt", 5)],
    [{"match": "none", "rules": [x("gt", 5), x("eq", 1)]}, x("gte", 6)],
    [{"match": "all", "rules": [x("gt", 5)]}, {"match": "any", "rules": [x("lt", 5)]}],
    [{"operator": "in_segment", "value": "b"}, {"operator": "not_in_segment", "value": "b"}],
    [sample(0, 0.1), sample(0.1, 0.2)],
    [sample(0.5, 0.6), sample(0, 0.2)],
    [{"match": "none", "rules": [sample(0, 0.5)]}, sample(0.2, 0.5)],
]

PERHAPS: list[Rules] = [
    [x("gt", "9", **{"as": "number"}), x("lt", "10", **{"as": "number"})],
    [x("gt", "1.9", **{"as": "version"}), x("lt", "1.10", **{"as": "version"})],
    [x("exists"), x("empty", **{"as": "number"})],
    [x("gt", 5, **{"as": "number"}), x("lt", 5)],
    [{"field": "x", "operator": "gt", "value_field": "y"}, x("lt", 5)],
    [sample(0, 0.1), sample(0.09, 0.2)],
    [sample(0, 0.1), sample(0.1, 0.2, "summer")],
    [{"match": "none", "rules": [sample(0, 0.5)]}, sample(0.2, 0.6)],
    [{"match": "none", "rules": [sample(0, 0.5), sample(0.5, 1)]}],
    [x("blank"), x("exists")],
    [x("blank"), x("empty")],
    [x("blank"), x("neq", "a")],
    [x("blank"), x("neq", "a", missing="exclude")],
    [x("blank"), x("in", ["a", ""])],
    [x("blank"), x("starts_with", " ")],
    [x("blank"), x("lt", "a")],
    [x("not_blank"), x("in", ["a", ""])],
    [x("not_blank"), x("contains", " ")],
    [x("in", [" ", "\u3000"]), x("not_blank")],
    [x("gt", "2025-06-01T10:00:00Z"), x("lte", "2025-06-01T12:00:00+02:00")],
    [x("eq", "a"), x("eq", "b")],
    [x("contains", "a"), x("contains", "b")],
    [x("gt", 5), x("lt", 10)],
    [x("within_last", "30d"), x("older_than", "29d")],
    [x("within_last", "30d"), x("within_next", "7d")],
    [x("within_last", "30d"), x("not_within_last", "29d")],
    [x("within_last", "30d"), x("older_than", "1mo")],
    [x("not_within_last", "30d"), x("not_within_next", "30d")],
    [x("not_within_last", "30d"), x("empty")],
    [x("gte", 10), x("lte", 10)],
    [x("gt", "100"), x("lt", "30")],
    [x("gte", 16777217), x("lte", 16777216)],
    [x("lt", 5), x("gt", "6")],
    [x("neq", "a"), x("neq", "b")],
    [x("neq", "a"), x("empty")],
    [x("eq", "a", missing="include"), x("empty")],
    [x("eq", "a", missing="include"), x("neq", "a")],
    [x("gt", "2025-06-01"), x("lt", "2025-06-01T12:00:00Z")],
    [{"match": "none", "rules": [x("gt", 5)]}, {"match": "none", "rules": [x("lte", 5)]}],
    [{"match": "any", "rules": [x("gt", 5), x("exists")]}, x("lt", 5)],
    [x("eq", "a"), rule("y", "neq", "a")],
]

COLUMNS: list[tuple[list[Any], Rules, bool]] = [
    (["a", "b"], [x("eq", "a"), x("eq", "b")], True),
    (["a", "b"], [x("in", ["a", "c"]), x("in", ["b", "d"])], True),
    (["a", "b"], [x("in", ["a", "c"]), x("in", ["b", "c"])], False),
    (["a", "b"], [x("eq", "A", ignore_case=True), x("eq", "b", ignore_case=True)], True),
    (["a", "b"], [x("eq", "A", ignore_case=True), x("eq", "a")], False),
    (["1", "2"], [x("eq", 1), x("eq", "1.0")], False),
    ([1, 2], [x("eq", 1), x("eq", "2")], True),
    ([1, 2], [x("gt", "100"), x("lt", 30)], True),
    ([True, False], [x("eq", value=True), x("eq", "false")], True),
    ([["a"], ["b"]], [x("eq", "a"), x("eq", "b")], False),
    ([NOON], [x("gt", "2025-06-01T10:00:00Z"), x("lte", "2025-06-01T12:00:00+02:00")], True),
    ([NOON], [x("gt", "2025-06-01"), x("lt", "2025-06-01T12:00:00Z")], False),
    ([NOON.date()], [x("eq", "2025-06-01"), x("eq", "2025-06-02")], True),
    ([NOON.date()], [x("gt", "today-30d"), x("lt", "today-60d")], True),
    ([NOON.date()], [x("anniversary_within_next", "1d"), x("lt", "2000-01-01")], False),
    ([NOON], [x("gt", "now-1h"), x("lte", "now-60min")], True),
    ([NOON], [x("between", ["today-7d", "today"]), x("gt", "today")], True),
    ([NOON.date()], [x("in", ["today", "today-1d"]), x("eq", "today-2d")], True),
    ([NOON.date()], [x("gt", "today-30d"), x("lt", "today-1d")], False),
    ([NOON.date()], [x("gt", "today"), x("lt", "2025-01-01")], False),
    ([NOON.date()], [x("in", ["today", "2025-01-01"]), x("eq", "2025-01-02")], False),
    ([NOON.date()], [x("in", ["today-1d", "today-1mo"]), x("eq", "2025-01-02")], False),
    ([NOON.date()], [x("gt", "start_of_month+1mo-1d"), x("lt", "start_of_month")], False),
    ([NOON.date()], [x("gt", "start_of_month"), x("lt", "start_of_week")], False),
    ([["a"], ["b"]], [x("in", ["a"]), x("not_contains", "a")], True),
    (["a", "b"], [x("in", [" ", "\u3000"]), x("not_blank")], True),
    ([["a"], ["b"]], [x("in", [" ", "\u3000"]), x("not_blank")], False),
    ([1, 2], [x("blank"), x("exists")], True),
    ([1, 2], [x("blank"), x("neq", 1, missing="exclude")], True),
    ([1, 2], [x("not_blank"), x("exists")], False),
    ([1, 2], [x("not_blank"), x("eq", 1)], False),
    (["a", "b"], [x("blank"), x("exists")], False),
    ([["a"], ["b"]], [x("blank"), x("exists")], False),
    ([["a"], ["b"]], [x("blank"), x("contains", "")], True),
    ([["a"], ["b"]], [x("blank"), x("not_contains", "a", missing="exclude")], False),
    ([{"a": 1}], [x("blank"), x("exists")], True),
]


def contradictions(folder: Path, rules: Rules, contacts: Path | None = None, match: str = "all") -> list[str | None]:
    write_segment(folder / "segments", "it", *rules, match=match)
    write_segment(folder / "segments", "b", x("exists"))
    report = segbatch.lint(folder / "segments", contacts)
    assert report.errors == ()
    return [entry.problem.path for entry in report.findings if entry.name == "contradiction"]


@pytest.mark.parametrize("rules", NEVER)
def test_they_never_hold_together(tmp_path: Path, rules: Rules) -> None:
    [path] = contradictions(tmp_path, rules)
    assert path is not None
    assert path.startswith("$.rules[1]")
    assert contradictions(tmp_path, rules, match="any") == []


@pytest.mark.parametrize("rules", PERHAPS)
def test_they_may_hold_together(tmp_path: Path, rules: Rules) -> None:
    assert contradictions(tmp_path, rules) == []


@pytest.mark.parametrize(("values", "rules", "never"), COLUMNS)
def test_the_type_of_the_column_decides(tmp_path: Path, values: list[Any], rules: Rules, never: bool) -> None:  # noqa: FBT001 - of the table
    contacts = write_contacts(tmp_path / "contacts.parquet", {"x": values})
    assert contradictions(tmp_path, rules, contacts) == (["$.rules[1]"] if never else [])


def test_an_alternative_is_looked_into(tmp_path: Path) -> None:
    inner = {"match": "all", "rules": [x("gt", 5), x("lt", 5)]}
    assert contradictions(tmp_path, [inner, x("exists")], match="any") == ["$.rules[0].rules[1]"]


def test_the_message_names_both_places(tmp_path: Path) -> None:
    write_segment(tmp_path, "it", x("gt", 10), x("lt", 5))
    [finding] = segbatch.lint(tmp_path).findings
    assert str(finding.named) == (
        f"{tmp_path}/it.json: $.rules[1]: 'x': 'lt' 5 and 'gt' 10 ($.rules[0]) can never match together; "
        "remove one of them (contradiction)"
    )
