"""Fields that changed since the previous run: records, warnings, and errors of `--strict`."""

from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from builders import rule, write_segment
from segbatch import Guard, RunReport
from segbatch.errors import NothingToPublishError
from segbatch.storage.layout import MANIFEST
from workspace import Workspace

pytestmark = pytest.mark.slow

WHO = ["ann", "bob", "cem"]
JSON = "custom_fields.x"


def write(workspace: Workspace, values: Any, field: str = "x", **options: Any) -> None:
    """Write a snapshot with a column that has one value per contact."""
    table = pa.table({"id": WHO, "plan": ["pro", "pro", "free"], field: values})
    pq.write_table(table, workspace.folder / "contacts.parquet", **options)


def texts(*documents: str | None) -> pa.Array:
    return pa.array(documents, pa.string())


def reading(
    workspace: Workspace, field: str = "x", operator: str = "exists", *value: Any, segment_id: str = "s"
) -> None:
    write_segment(workspace.folder / "segments", segment_id, rule(field, operator, *value))


def of(report: RunReport, segment_id: str = "s") -> Any:
    return next(segment for segment in report.segments if segment.segment_id == segment_id)


def drifts(report: RunReport) -> list[str]:
    return [str(problem) for problem in report.warnings if str(problem).startswith("the field '")]


def fields(workspace: Workspace, folder: str) -> dict[str, tuple[Any, ...]]:
    found = workspace.manifest(folder).fields
    assert found is not None
    return {one.field: (one.kind, one.type, one.is_mixed, one.is_empty) for one in found}


NUMBERS = pa.array([1, 2, 3])
TEXTS = pa.array(["1", "2", "3"])
INSTANT = datetime(2025, 1, 1, tzinfo=UTC)
KINDS: dict[str, tuple[pa.Array, str]] = {
    "number": (NUMBERS, "number"),
    "text": (TEXTS, "text"),
    "boolean": (pa.array([True, False, True]), "boolean"),
    "date": (pa.array([date(2025, 1, 1)] * 3), "date"),
    "date-time": (pa.array([INSTANT] * 3), "date-time"),
    "numbers": (pa.array([[1], [], [2]]), "list of number"),
    "texts": (pa.array([["1"], [], ["b"]]), "list of text"),
    "struct": (pa.array([{"a": 1}] * 3), "struct"),
    "time": (pa.array([time(1)] * 3), "time of day"),
}


@pytest.mark.parametrize("now", KINDS)
@pytest.mark.parametrize("was", ["number", "text", "date-time", "texts"])
def test_another_kind_is_warned_of(workspace: Workspace, was: str, now: str) -> None:
    reading(workspace)
    write(workspace, KINDS[was][0])
    assert drifts(workspace.run(0)) == []
    write(workspace, KINDS[now][0])
    expected = (
        f"the field 'x' is {KINDS[now][1]}, and was {KINDS[was][1]} in run night-0; it is read by 1 segment (s); "
        "check the export"
    )
    report = workspace.run(1)
    assert drifts(report) == ([] if was == now else [expected])
    assert (report.run.status, fields(workspace, "night-1")["x"][0]) == ("ok", KINDS[now][1])
    assert drifts(workspace.run(2)) == []


@pytest.mark.parametrize(
    ("was", "now"),
    [
        (NUMBERS, pa.array([1, 2, 3], pa.int16())),
        (NUMBERS, pa.array([1.5, None, 3])),
        (NUMBERS, pa.array([Decimal("1.5")] * 3)),
        (NUMBERS, pa.array([1, 2, 3], pa.uint64())),
        (TEXTS, pa.array(["a", "b", "c"], pa.large_string())),
        (TEXTS, TEXTS.dictionary_encode()),
        (pa.array([INSTANT] * 3, pa.timestamp("us", "UTC")), pa.array([INSTANT] * 3, pa.timestamp("ms", "Asia/Tokyo"))),
        (pa.array([["a"], None, []]), pa.array([["a"]] * 3, pa.large_list(pa.string()))),
    ],
)
def test_another_width_or_layout_is_the_same_field_type(workspace: Workspace, was: pa.Array, now: pa.Array) -> None:
    reading(workspace)
    write(workspace, was)
    workspace.run(0)
    write(workspace, now)
    assert drifts(workspace.run(1)) == []


EMPTY = "has no value for any contact, and had values in run night-0; it is read by 1 segment (s); check the export"
STATISTICS: list[dict[str, Any]] = [{}, {"write_statistics": False}, {"row_group_size": 1}]


@pytest.mark.parametrize("options", STATISTICS)
@pytest.mark.parametrize(
    "now",
    [
        pa.array([None] * 3, pa.int64()),
        pa.array([None] * 3, pa.string()),
        pa.nulls(3),
        pa.array([float("nan")] * 3),
        pa.array([None, float("nan"), None], pa.float64()),
        pa.array([None] * 3, pa.list_(pa.string())),
        pa.array([None] * 3, pa.struct([("a", pa.int64())])),
    ],
)
def test_a_column_without_values_is_warned_of(workspace: Workspace, now: pa.Array, options: dict[str, Any]) -> None:
    reading(workspace, operator="empty")
    write(workspace, NUMBERS)
    workspace.run(0)
    write(workspace, now, **options)
    assert drifts(workspace.run(1)) == [f"the field 'x' {EMPTY}"]
    assert drifts(workspace.run(2)) == []
    write(workspace, NUMBERS)
    assert drifts(workspace.run(3)) == []


@pytest.mark.parametrize("options", STATISTICS)
@pytest.mark.parametrize(
    "now",
    [
        pa.array([None, None, 3]),
        pa.array([None, float("nan"), 0.0]),
        pa.array([None, None, "x"]),
        pa.array([[], None, None], pa.list_(pa.int64())),
        pa.array([None, None, {"a": None}], pa.struct([("a", pa.int64())])),
    ],
)
def test_a_column_with_one_value_has_values(workspace: Workspace, now: pa.Array, options: dict[str, Any]) -> None:
    reading(workspace)
    write(workspace, now, **options)
    workspace.run(0)
    assert not fields(workspace, "night-0")["x"][3]


_MAP = pa.map_(pa.string(), pa.string())
_KEYS = pa.struct([("x", pa.int64()), ("y", pa.int64())])
PARTS: dict[str, tuple[pa.Array, pa.Array]] = {
    "a key of a struct": (pa.array([{"x": 1, "y": 1}] * 3), pa.array([{"x": None, "y": 1}] * 3, _KEYS)),
    "a key of a struct that is gone": (pa.array([{"x": 1, "y": 1}] * 3), pa.array([{"y": 1}] * 3)),
    "a key of JSON": (texts('{"x": 1}', '{"x": 2}', None), texts('{"x": null}', '{"x": null}', None)),
    "a key of JSON that is gone": (texts('{"x": 1}', '{"x": 2}', None), texts('{"y": 1}', "{}", None)),
    "a key of a map": (pa.array([[("x", "1")]] * 3, _MAP), pa.array([[("x", None)]] * 3, _MAP)),
    "a key of a map that is gone": (pa.array([[("x", "1")]] * 3, _MAP), pa.array([[("y", "1")]] * 3, _MAP)),
}


@pytest.mark.parametrize("part", PARTS)
def test_a_part_without_values_is_warned_of(workspace: Workspace, part: str) -> None:
    was, now = PARTS[part]
    reading(workspace, JSON)
    write(workspace, was, field="custom_fields")
    workspace.run(0)
    write(workspace, now, field="custom_fields")
    assert drifts(workspace.run(1)) == [f"the field '{JSON}' {EMPTY}"]


def test_a_name_with_dots_next_to_a_column_hides_no_emptiness(workspace: Workspace) -> None:
    reading(workspace)
    write(workspace, NUMBERS)
    workspace.run(0)
    columns = {"id": WHO, "plan": WHO, "x": pa.array([None] * 3, pa.int64()), "x.y": NUMBERS}
    pq.write_table(pa.table(columns), workspace.folder / "contacts.parquet")
    assert drifts(workspace.run(1)) == [f"the field 'x' {EMPTY}"]


def test_values_of_several_kinds_are_warned_of(workspace: Workspace) -> None:
    reading(workspace, JSON, "gte", 2)
    write(workspace, texts('{"x": 1}', '{"x": 2}', None), field="custom_fields")
    workspace.run(0)
    expected = (
        f"the field '{JSON}' has values of several kinds (number, text) and is read as text; in run night-0 it was "
        "number; it is read by 1 segment (s); check the export"
    )
    write(workspace, texts('{"x": 1}', '{"x": "many"}', None), field="custom_fields")
    assert drifts(workspace.run(1)) == [expected]
    assert drifts(workspace.run(2)) == []
    assert (fields(workspace, "night-2")[JSON][0], fields(workspace, "night-2")[JSON][2]) == ("text", True)
    write(workspace, texts('{"x": 1}', '{"x": 3}', None), field="custom_fields")
    [warning] = drifts(workspace.run(3))
    assert warning.startswith(f"the field '{JSON}' is number, and was text in run night-2")


def test_texts_that_become_mixed_are_warned_of(workspace: Workspace) -> None:
    reading(workspace, JSON)
    write(workspace, texts('{"x": "1"}', '{"x": "2"}', None), field="custom_fields")
    workspace.run(0)
    write(workspace, texts('{"x": "1"}', '{"x": 2}', None), field="custom_fields")
    [warning] = drifts(workspace.run(1))
    assert "has values of several kinds (number, text) and is read as text; in run night-0 it was text" in warning


MIXED: dict[str, tuple[pa.Array, pa.Array, str, str]] = {
    "other kinds": (
        texts('{"x": 1}', '{"x": "a"}', None),
        texts('{"x": true}', '{"x": "a"}', '{"x": {}}'),
        "boolean, object, text",
        "number, text",
    ),
    "one kind more": (
        texts('{"x": 1}', '{"x": "a"}', None),
        texts('{"x": 1.5}', '{"x": "a"}', '{"x": {"y": 1}}'),
        "number, object, text",
        "number, text",
    ),
    "elements": (
        texts('{"x": [1, "a"]}', None, None),
        texts('{"x": [1, "a"]}', '{"x": true}', None),
        "boolean, number, text",
        "number, text",
    ),
}


@pytest.mark.parametrize("case", MIXED)
def test_other_kinds_in_a_mixture_are_warned_of(workspace: Workspace, case: str) -> None:
    was, now, kinds, before = MIXED[case]
    reading(workspace, JSON)
    reading(workspace, JSON, "empty", segment_id="t")
    write(workspace, was, field="custom_fields")
    workspace.run(0)
    write(workspace, now, field="custom_fields")
    expected = (
        f"the field '{JSON}' has values of several kinds ({kinds}); in run night-0 they were {before}; it is read by 2 "
        "segments (s, t); check the export"
    )
    assert drifts(workspace.run(1)) == [expected]
    assert drifts(workspace.run(2)) == []
    [record] = [record for record in workspace.manifest("night-2").fields or () if record.field == JSON]
    assert record.kinds == tuple(kinds.split(", "))


@pytest.mark.parametrize(
    "was",
    [
        texts('{"x": 1}', '{"x": 2}', None),
        pa.array([{"x": 1}] * 3),
        pa.array([[("x", "1")]] * 3, pa.map_(pa.string(), pa.string())),
    ],
    ids=["JSON", "struct", "map"],
)
def test_mixed_values_in_the_next_run_are_reported_for_every_form(workspace: Workspace, was: pa.Array) -> None:
    reading(workspace, JSON, "gte", 1)
    reading(workspace, "custom_fields.y", segment_id="other")
    write(workspace, was, field="custom_fields")
    workspace.run(0)
    write(workspace, texts('{"x": 1}', '{"x": "2"}', '{"x": 3}'), field="custom_fields")
    [warning] = drifts(workspace.run(1))
    assert "has values of several kinds (number, text) and is read as text; in run night-0 it was" in warning
    assert warning.endswith("it is read by 1 segment (s); check the export")


def test_a_kind_is_remembered_through_runs_without_values(workspace: Workspace) -> None:
    reading(workspace, operator="empty")
    write(workspace, NUMBERS)
    workspace.run(0)
    write(workspace, pa.nulls(3))
    workspace.run(1)
    assert fields(workspace, "night-1")["x"] == ("number", "Int64", False, True)
    write(workspace, TEXTS)
    [warning] = drifts(workspace.run(2))
    assert warning.startswith("the field 'x' is text, and was number in run night-1")


def test_the_elements_of_a_list_are_remembered(workspace: Workspace) -> None:
    reading(workspace, JSON)
    write(workspace, texts('{"x": ["a"]}', None, None), field="custom_fields")
    workspace.run(0)
    write(workspace, texts('{"x": []}', None, None), field="custom_fields")
    assert drifts(workspace.run(1)) == []
    write(workspace, texts('{"x": [1]}', None, None), field="custom_fields")
    [warning] = drifts(workspace.run(2))
    assert warning.startswith(f"the field '{JSON}' is list of number, and was list of text in run night-1")


def test_a_field_that_never_had_values_is_free(workspace: Workspace) -> None:
    reading(workspace, operator="empty")
    write(workspace, pa.nulls(3))
    workspace.run(0)
    write(workspace, NUMBERS)
    assert drifts(workspace.run(1)) == []


def test_the_segments_that_read_a_field_are_named_and_those_that_name_them(workspace: Workspace) -> None:
    for number in range(14):
        reading(workspace, segment_id=f"s{number:02}")
    folder = workspace.folder / "segments"
    write_segment(folder, "u", {"operator": "in_segment", "value": "s03"})
    write_segment(folder, "v", {"operator": "not_in_segment", "value": "u"})
    write(workspace, NUMBERS)
    workspace.run(0)
    write(workspace, TEXTS)
    names = ", ".join(f"s{number:02}" for number in range(12))
    [warning] = drifts(workspace.run(1))
    assert warning == (
        f"the field 'x' is text, and was number in run night-0; it is read by 14 segments ({names} and 2 more), "
        "which 2 other segments use (u, v); check the export"
    )


STRICT = (
    "the field 'x' is text, and was number in run night-0 (--strict); if that is right, run with --accept {segment_id}"
)


def test_a_strict_run_fails_the_segments_until_they_are_accepted(workspace: Workspace) -> None:
    reading(workspace)
    reading(workspace, segment_id="t")
    write_segment(workspace.folder / "segments", "u", {"operator": "in_segment", "value": "s"})
    write(workspace, NUMBERS)
    workspace.run(0)
    write(workspace, pa.array(["1", None, "3"]))
    for number in (1, 2):
        report = workspace.run(number, strict=True)
        assert [segment.status for segment in report.segments] == ["ok", "ok", "failed", "failed", "failed"]
        file = workspace.folder / "segments" / "s.json"
        assert of(report).error == f"{file}: $.rules[0].field: {STRICT.format(segment_id='s')}"
        assert of(report, "u").error.endswith(f"segment 's' failed: {STRICT.format(segment_id='s')}")
        assert (of(report).member_count, of(report).run_id, drifts(report)) == (3, "night-0", [])
    report = workspace.run(3, strict=True, guard=Guard(accepted=["s"]))
    assert (of(report).status, of(report).exited, of(report, "u").status) == ("ok", 1, "ok")
    assert of(report, "t").error.endswith(STRICT.format(segment_id="t"))
    report = workspace.run(4, strict=True)
    assert (of(report).status, of(report, "t").status) == ("ok", "failed")
    assert drifts(workspace.run(5)) == [
        "the field 'x' is text, and was number in run night-0; it is read by 1 segment (t); check the export"
    ]
    assert workspace.run(6, strict=True).run.status == "ok"


def test_a_strict_run_that_is_made_again_compares_with_the_same_run(workspace: Workspace) -> None:
    reading(workspace)
    write(workspace, NUMBERS)
    workspace.run(0)
    write(workspace, TEXTS)
    assert len(drifts(workspace.run(1))) == 1
    assert len(drifts(workspace.run(1))) == 1
    assert of(workspace.run(1, strict=True)).status == "failed"
    assert of(workspace.run(1, strict=True, guard=Guard(accepted=["all"]))).status == "ok"


def test_a_field_that_returns_to_its_old_type_has_not_changed(workspace: Workspace) -> None:
    reading(workspace)
    write(workspace, NUMBERS)
    workspace.run(0)
    write(workspace, TEXTS)
    assert of(workspace.run(1, strict=True)).status == "failed"
    write(workspace, NUMBERS)
    report = workspace.run(2, strict=True)
    assert (report.run.status, drifts(report)) == ("ok", [])


def test_a_segment_that_failed_for_another_reason_remembers_too(workspace: Workspace) -> None:
    reading(workspace)
    write(workspace, NUMBERS)
    workspace.run(0)
    path = workspace.folder / "segments" / "s.json"
    written = path.read_text()
    path.write_text("{")
    workspace.run(1)
    path.write_text(written)
    write(workspace, TEXTS)
    [warning] = drifts(workspace.run(2))
    assert warning.startswith("the field 'x' is text, and was number in run night-0")


def test_a_segment_that_is_held_remembers_too(workspace: Workspace) -> None:
    reading(workspace, "x", "gte", 1)
    write(workspace, NUMBERS)
    workspace.run(0)
    write(workspace, pa.array(["a", "b", "c"]))
    for number in (1, 2):
        report = workspace.run(number, guard=Guard(floor=1))
        assert (of(report).status, len(drifts(report))) == ("held", 1)


def test_a_new_segment_has_nothing_to_remember(workspace: Workspace) -> None:
    reading(workspace)
    write(workspace, NUMBERS)
    workspace.run(0)
    write(workspace, TEXTS)
    reading(workspace, segment_id="t")
    [warning] = drifts(workspace.run(1))
    assert "it is read by 1 segment (s)" in warning


def test_the_column_of_projects_is_a_field_too(workspace: Workspace) -> None:
    write_segment(workspace.folder / "segments", "s", rule("plan", "exists"), project_id="7")
    write(workspace, pa.array([7, 7, 8]), field="project_id")
    workspace.run(0)
    write(workspace, pa.array(["7", "7", "8"]), field="project_id")
    [warning] = drifts(workspace.run(1))
    assert warning.startswith("the field 'project_id' is text, and was number in run night-0")
    error = of(workspace.run(1, strict=True)).error
    assert "s.json: $.project_id: the field 'project_id' is text" in error


def test_an_empty_snapshot_changes_no_field(workspace: Workspace) -> None:
    reading(workspace)
    write(workspace, NUMBERS)
    workspace.run(0)
    table = pq.read_table(workspace.folder / "contacts.parquet").slice(0, 0)
    pq.write_table(table, workspace.folder / "contacts.parquet")
    assert drifts(workspace.run(1, allow_empty=True)) == []
    write(workspace, TEXTS)
    assert len(drifts(workspace.run(2))) == 1


def test_a_run_of_an_older_version_left_nothing_to_compare_with(workspace: Workspace) -> None:
    reading(workspace)
    write(workspace, NUMBERS)
    workspace.run(0)
    manifest = workspace.manifest("night-0").model_dump_json(exclude={"fields", "kept_fields"})
    (workspace.place("night-0") / MANIFEST).write_text(manifest)
    assert workspace.manifest("night-0").fields is None
    write(workspace, TEXTS)
    report = workspace.run(1, strict=True)
    assert (of(report).status, drifts(report)) == ("ok", [])


def test_a_strict_run_without_any_segment_left_publishes_nothing(workspace: Workspace) -> None:
    for name in ("pro", "free"):
        workspace.drop(name)
    reading(workspace)
    write(workspace, NUMBERS)
    workspace.run(0)
    write(workspace, TEXTS)
    with pytest.raises(NothingToPublishError, match="if that is right, run with --accept s"):
        workspace.run(1, strict=True)
    assert [run.folder for run in workspace.history().runs] == ["night-0"]


def test_a_dry_run_warns_too(workspace: Workspace) -> None:
    reading(workspace)
    write(workspace, NUMBERS)
    workspace.run(0)
    write(workspace, TEXTS)
    assert len(drifts(workspace.run(1, dry_run=True))) == 1
