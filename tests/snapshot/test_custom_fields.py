"""Custom fields as JSON texts and as maps."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pytest

import segbatch
from builders import rule, write_contacts, write_segment
from segbatch import SnapshotError
from segbatch.snapshot.fields.json_text import describe_fault
from segbatch.snapshot.fields.resolution import resolve
from segbatch.snapshot.open_snapshot import open_snapshot
from segbatch.snapshot.snapshot import Snapshot


def json_snapshot(folder: Path, *texts: Any, fields: set[str]) -> Snapshot:
    cells = [text if isinstance(text, str) or text is None else json.dumps(text) for text in texts]
    path = write_contacts(folder / "contacts.parquet", {"custom_fields": pa.array(cells, pa.string())})
    return open_snapshot(str(path)).with_fields({f"custom_fields.{name}" for name in fields})


def values(snapshot: Snapshot, *keys: str) -> list[Any]:
    name = ".".join(["custom_fields", *keys])
    expr = resolve(name, snapshot.schema).expr.alias("it")
    return pl.concat(batch.frame.select(expr) for batch in snapshot.batches([name], 2)).to_series().to_list()


def kinds(snapshot: Snapshot) -> dict[str, str]:
    return {name.removeprefix("custom_fields."): str(found.dtype) for name, found in snapshot.schema.derived.items()}


def test_json_is_typed_by_what_the_whole_snapshot_shows(tmp_path: Path) -> None:
    first = {"plan": "pro", "seats": 5, "mrr": 1, "active": True, "tags": ["a"], "note": "x"}
    last: dict[str, Any] = {"plan": None, "seats": 7, "mrr": 2.5, "tags": [], "note": 12, "other": 1}
    snapshot = json_snapshot(tmp_path, first, None, last, fields={"plan", "seats", "mrr", "active", "tags", "note"})
    assert kinds(snapshot) == {
        "active": "Boolean",
        "mrr": "Float64",
        "note": "String",
        "plan": "String",
        "seats": "Decimal(precision=38, scale=0)",
        "tags": "List(String)",
    }
    assert values(snapshot, "note") == ["x", None, "12"]
    assert values(snapshot, "mrr") == [1.0, None, 2.5]
    assert values(snapshot, "tags") == [["a"], None, []]


def test_json_objects_are_looked_into_to_any_depth(tmp_path: Path) -> None:
    snapshot = json_snapshot(
        tmp_path, {"a": {"b": {"c": 1}}, "x.y": 2}, {"a": {"b": None}}, fields={"a.b.c", "x.y", "a.b.nope"}
    )
    assert values(snapshot, "a", "b", "c") == [1, None]
    assert values(snapshot, "x.y") == [2, None]
    assert kinds(snapshot)["a.b.nope"] == "Null"


def test_whole_numbers_of_json_are_exact(tmp_path: Path) -> None:
    snapshot = json_snapshot(tmp_path, {"n": 2**64 - 1}, {"n": -(2**63)}, fields={"n"})
    assert [int(value) for value in values(snapshot, "n")] == [2**64 - 1, -(2**63)]


def test_keys_can_have_any_characters(tmp_path: Path) -> None:
    odd = 'it\'s "a" key/with~all'
    snapshot = json_snapshot(tmp_path, {odd: {"ü": "x"}}, fields={f"{odd}.ü"})
    assert values(snapshot, odd, "ü") == ["x"]


def test_an_object_with_other_kinds_is_text_and_is_looked_into_where_it_is_one(tmp_path: Path) -> None:
    snapshot = json_snapshot(tmp_path, {"a": {"b": 1}}, {"a": "x"}, fields={"a", "a.b"})
    assert kinds(snapshot)["a"] == "String"
    assert values(snapshot, "a") == ['{"b":1}', "x"]
    assert values(snapshot, "a", "b") == [1, None]


def test_lists_of_objects_and_objects_unseen_are_there_or_not(tmp_path: Path) -> None:
    snapshot = json_snapshot(tmp_path, {"l": [{"a": 1}], "o": {"a": 1}, "m": [1, "x"]}, {}, fields={"l", "o", "m"})
    assert kinds(snapshot)["o"] == "Struct({})"
    assert [value is None for value in values(snapshot, "o")] == [False, True]
    assert [value is None for value in values(snapshot, "l")] == [False, True]
    assert values(snapshot, "m") == [["1", "x"], None]


def test_broken_json_is_counted_and_missing_or_refused(tmp_path: Path) -> None:
    cells = ['{"plan": "pro"}', "{", "[1]", "null", None, '{"plan": "pro", "mrr": NaN}']
    write_contacts(tmp_path / "contacts.parquet", {"custom_fields": cells})
    write_segment(tmp_path / "segments", "planless", rule("custom_fields.plan", "empty"))
    write_segment(tmp_path / "segments", "without", rule("custom_fields", "empty"))
    options = (tmp_path / "contacts.parquet", tmp_path / "segments", tmp_path / "output")
    report = segbatch.run(*options)
    assert [record.member_count for record in report.segments] == [5, 5]
    assert [str(problem) for problem in report.warnings] == [
        (
            "'custom_fields' of 3 contacts is not a JSON object and counts as missing; the first is that of 'b' in row "
            "2: it is truncated; fix it in the export"
        )
    ]
    with pytest.raises(SnapshotError, match=r"of 3 contacts is not a JSON object.*\(--strict\)"):
        segbatch.run(*options, strict=True)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "it is empty; write null or {}"),
        (" \n", "it is empty; write null or {}"),
        ('{"plan": NaN}', "NaN and Infinity are not JSON; write null"),
        ('{"plan": -Infinity}', "NaN and Infinity are not JSON; write null"),
        ('{"plan": nan}', "NaN and Infinity are not JSON; write null"),
        ('{"plan": -inf}', "NaN and Infinity are not JSON; write null"),
        ('{"plan": "secret', "it is truncated; fix it in the export"),
        ('{"plan": ', "it is truncated; fix it in the export"),
        ("{'plan': 'secret'}", "JSON uses double quotes, not single quotes; write it as JSON"),
        ('{"plan": secret}', "it is not valid JSON from character 10 on; fix it in the export"),
        ('["secret"]', "it is a list; fix it in the export"),
        ('"secret"', "it is a text, perhaps JSON that was written as JSON twice; fix it in the export"),
        ("true", "it is true or false; fix it in the export"),
        ('{"plan": "pro", }', "it is not valid JSON from character 17 on; fix it in the export"),
        ('{"plan": ["pro",]}', "it is not valid JSON from character 17 on; fix it in the export"),
        ("-1.5e3", "it is a number; fix it in the export"),
        ("12", "it is a number; fix it in the export"),
        ("9" * 5_000, "it is a number; fix it in the export"),
        ('{"plan": "\\ud800"}', "it is not standard JSON; fix it in the export"),
    ],
)
def test_the_problem_of_the_first_broken_json_is_reported_without_its_content(
    tmp_path: Path, text: str, fault: str
) -> None:
    [problem] = json_snapshot(tmp_path, {"plan": "pro"}, text, fields={"plan"}).problems
    where = "'custom_fields' of 1 contact is not a JSON object and counts as missing; the first is that of 'b' in row 2"
    assert problem.message == f"{where}: {fault}"


def test_json_that_is_nested_too_deeply_is_reported() -> None:
    assert describe_fault("[" * 100_000) == "its lists and objects are nested too deeply; fix it in the export"


@pytest.mark.parametrize(
    ("ids", "named"),
    [
        (pa.array([1, 2]), "2"),
        (pa.array([None, None], pa.string()), "null"),
        (pa.array(["a", "x" * 100]), f"'{'x' * 58}…"),
        (pa.array([b"\x00" * 16, b"\x01" * 16], pa.uuid()), "'01010101-0101-0101-0101-010101010101'"),
        (pa.array(["a", "b"]).dictionary_encode(), "'b'"),
    ],
)
def test_the_first_contact_with_broken_json_is_named_by_its_id(tmp_path: Path, ids: pa.Array, named: str) -> None:
    for name, rows in (("1", slice(0, 1)), ("2", slice(1, 2))):
        cells = pa.array(["{}", "{"][rows])
        write_contacts(tmp_path / f"{name}.parquet", pa.table({"id": ids[rows], "custom_fields": cells}))
    [problem] = open_snapshot(str(tmp_path)).with_fields({"custom_fields.plan"}).problems
    assert f"the first is that of {named} in row 2: it is truncated" in problem.message


@pytest.mark.parametrize("form", ["json", "map"])
def test_dates_in_json_and_maps_are_dates_for_the_operators_of_dates_alone(tmp_path: Path, form: str) -> None:
    dates = ["2025-06-01", "2025-06-02T10:00:00Z", "2025-06-02", "2025-06-03"]
    if form == "json":
        cells = pa.array([json.dumps({"since": date}) for date in dates])
    else:
        cells = pa.array([[("since", date)] for date in dates], pa.map_(pa.string(), pa.string()))
    path = write_contacts(tmp_path / "contacts.parquet", {"custom_fields": cells})

    def holds(rule: str) -> tuple[str | int, ...]:
        return segbatch.preview(path, rules=[f"custom_fields.since {rule}"]).segments[0].first

    assert holds("gt 2025-06-01") == ("b", "c", "d")
    assert holds("lte 2025-06-02") == ("a", "c")
    assert holds('between ["2025-06-02", "2025-06-03"]') == ("b", "c", "d")
    assert holds("eq 2025-06-02") == ("c",)
    assert holds("older_than 30d") == ("a", "b", "c", "d")


def test_a_json_key_without_contacts_gives_a_warning_with_the_nearest_key(tmp_path: Path) -> None:
    write_contacts(tmp_path / "contacts.parquet", {"custom_fields": ['{"plan": "pro"}']})
    write_segment(tmp_path / "segments", "typo", rule("custom_fields.plam", "eq", "pro"))
    report = segbatch.check(tmp_path / "segments", tmp_path / "contacts.parquet")
    assert [problem.message for problem in report.problems] == [
        "'custom_fields' has no 'plam' in this snapshot, so it is missing for every contact; did you mean 'plan'?"
    ]


def test_a_column_that_the_file_calls_json_is_read_so_whatever_its_name(tmp_path: Path) -> None:
    traits = pa.ExtensionArray.from_storage(pa.json_(), pa.array(['{"plan": "pro"}', None]))
    path = write_contacts(tmp_path / "c.parquet", {"traits": traits, "custom_fields": ["{}", "{}"]})
    snapshot = open_snapshot(str(path)).with_fields({"traits.plan"})
    assert snapshot.schema.derived["traits.plan"].dtype == pl.String
    assert snapshot.schema["custom_fields"] == pl.String


def test_texts_that_no_rule_looks_into_are_left_alone(tmp_path: Path) -> None:
    path = write_contacts(tmp_path / "c.parquet", {"custom_fields": ["{"]})
    snapshot = open_snapshot(str(path)).with_fields({"id"})
    assert (snapshot.schema.derived, snapshot.problems) == ({}, [])


def test_very_long_paths_have_a_key_at_every_dot(tmp_path: Path) -> None:
    deep: Any = 1
    for key in reversed("abcdefgh"):
        deep = {key: deep}
    snapshot = json_snapshot(tmp_path, deep, fields={"a.b.c.d.e.f.g.h"})
    assert values(snapshot, *"abcdefgh") == [1]


def test_maps_are_structs_of_texts(tmp_path: Path) -> None:
    kind = pa.map_(pa.string(), pa.string())
    cells = pa.array([[("plan", "pro"), ("address.city", "Berlin")], None, [], [("plan", None)]], kind)
    path = write_contacts(tmp_path / "c.parquet", {"custom_fields": cells})
    snapshot = open_snapshot(str(path)).with_fields(
        {"custom_fields.plan", "custom_fields.address.city", "custom_fields.nope"}
    )
    assert values(snapshot, "plan") == ["pro", None, None, None]
    assert values(snapshot, "address.city") == ["Berlin", None, None, None]
    unused = open_snapshot(str(path)).with_fields({"custom_fields"})
    assert [value is None for value in values(unused)] == [False, True, False, False]


def nested(*keys: str) -> Any:
    value: Any = "x"
    for key in reversed(keys):
        value = {key: value}
    return value


def test_keys_with_dots_are_found_in_a_path_of_up_to_six_dots_and_one_of_them_in_a_longer_one(tmp_path: Path) -> None:
    six, seven = "a.b.c.d.e.f.g", "a.b.c.d.e.f.g.h"
    cells = [
        nested("a.b", "c.d", "e", "f", "g"),
        nested("a.b", "c.d", "e", "f", "g", "h"),
        nested("a", "b", "c", "d.e", "f", "g", "h"),
        nested(seven),
        nested(*seven.split(".")),
    ]
    snapshot = json_snapshot(tmp_path, *cells, fields={six, seven})
    assert [value == "x" for value in values(snapshot, six)] == [True, False, False, False, False]
    assert values(snapshot, seven) == [None, None, "x", "x", "x"]
