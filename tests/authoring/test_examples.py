"""Examples in definitions, evaluated by `check`."""

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from threading import Event
from typing import Any
from uuid import UUID

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import segbatch
from builders import rule, write_segment
from segbatch.authoring.check import check
from segbatch.errors import Problem
from segbatch.snapshot.locations import in_memory

AS_OF = "2026-11-29T00:00:00Z"
UUID_TEXT = "6f1b7c2e-58a4-4d0f-9c54-3f9f6f0f2b11"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "segments"
    path.mkdir()
    return path


def errors(folder: Path, *args: Any, **options: Any) -> list[tuple[str | None, str]]:
    report = check(folder, *args, as_of=AS_OF, **options)
    return [(problem.path, problem.message) for problem in report.errors]


def sides(inside: Sequence[Any] = (), outside: Sequence[Any] = ()) -> dict[str, Any]:
    return {"in": list(inside), "out": list(outside)}


PRO = rule("custom_fields.plan", "eq", "pro")


@pytest.mark.parametrize(
    ("rules", "right", "wrong"),
    [
        ([PRO], [{"custom_fields.plan": "pro"}, {"custom_fields": {"plan": "pro"}}], [{}, {"custom_fields": None}]),
        ([rule("age", "gte", 18)], [{"age": 18}, {"age": 18.5}, {"age": 10**30}], [{"age": 17}, {}, {"age": None}]),
        ([rule("age", "neq", 18)], [{}, {"age": 1}], [{"age": 18}]),
        ([rule("age", "neq", 18, missing="exclude")], [{"age": 1}], [{}, {"age": 18}]),
        ([rule("never", "empty")], [{}, {"x": 1}], []),
        ([rule("never", "exists")], [], [{}, {"x": 1}]),
        ([rule("tags", "contains", "vip")], [{"tags": ["a", "vip"]}], [{"tags": []}, {}]),
        ([rule("vip", "eq", value=True)], [{"vip": True}], [{"vip": False}, {}]),
        (
            [rule("at", "within_last", "30d")],
            [{"at": "2026-11-01"}, {"at": "2026-11-28T10:00:00Z"}],
            [{"at": "2026-01-01"}],
        ),
        ([rule("at", "older_than", "1y")], [{"at": "2020-01-01"}], [{"at": "2026-01-01"}, {}]),
        (
            [{"match": "none", "rules": [PRO, rule("age", "gt", 5)]}],
            [{}, {"age": 5}],
            [{"age": 6}, {"custom_fields.plan": "pro"}],
        ),
        (
            [rule("company.name", "eq", "A")],
            [{"company.name": "A"}, {"company": {"name": "A"}}],
            [{"company": {"name": "B"}}],
        ),
        (
            [{"table": "orders", "operator": "gte", "value": 2, "where": [rule("status", "eq", "paid")]}],
            [{"orders": [{"status": "paid"}, {"status": "paid"}]}],
            [{"orders": [{"status": "paid"}, {"status": "open"}]}, {}],
        ),
        ([rule("Status", "eq", "a")], [{"status": "a"}], [{"status": "b"}]),
    ],
)
def test_examples_are_evaluated_without_a_snapshot(
    rules: list[Any], right: list[Any], wrong: list[Any], folder: Path
) -> None:
    write_segment(folder, "s", *rules, examples=sides(right, wrong))
    assert errors(folder) == []
    write_segment(folder, "s", *rules, examples=sides(wrong, right))
    places = [f"$.examples.{side}[{i}]" for side, found in (("in", wrong), ("out", right)) for i in range(len(found))]
    assert [path for path, _ in errors(folder)] == places


@pytest.mark.parametrize(
    ("more", "examples", "message"),
    [
        (
            {},
            sides([{"age": 20}]),
            (
                "the segment must contain this contact, "
                'but does not because of $.rules[0] (custom_fields.plan eq "pro"): '
                "missing for every contact, and the rule does not match missing values"
            ),
        ),
        (
            {},
            sides([], [{"custom_fields.plan": "pro", "age": 20}]),
            (
                "the segment must not contain this contact, "
                'but does because of $.rules[0] (custom_fields.plan eq "pro"): '
                "'pro' is 'pro'; $.rules[1] (age gte 18): 20 is at least 18"
            ),
        ),
        (
            {"match": "any"},
            sides([], [{"custom_fields.plan": "pro", "age": 2}]),
            (
                "the segment must not contain this contact, "
                'but does because of $.rules[0] (custom_fields.plan eq "pro"): '
                "'pro' is 'pro'"
            ),
        ),
        (
            {"match": "none"},
            sides([{"age": 20}]),
            "the segment must contain this contact, but does not because of $.rules[1] (age gte 18): 20 is at least 18",
        ),
        (
            {"project_id": "p1"},
            sides([{"custom_fields.plan": "pro", "age": 20}]),
            (
                "the segment must contain this contact, "
                'but does not because of $.project_id (project_id eq "p1"): '
                "missing for every contact, and the rule does not match missing values"
            ),
        ),
    ],
)
def test_a_wrong_example_names_the_rules_to_blame(
    more: dict[str, Any], examples: dict[str, Any], message: str, folder: Path
) -> None:
    write_segment(folder, "s", PRO, rule("age", "gte", 18), examples=examples, **more)
    assert [text for _, text in errors(folder)] == [message]


def test_only_five_rules_are_named(folder: Path) -> None:
    write_segment(folder, "s", *(rule(f"a{i}", "empty") for i in range(7)), examples=sides([], [{}]))
    [(_, message)] = errors(folder)
    assert message.count("(a") == 5
    assert message.endswith("; and 2 more")


def test_a_referenced_segment_is_evaluated_over_the_same_contact(folder: Path) -> None:
    write_segment(folder, "adult", rule("age", "gte", 18))
    examples = sides([{"age": 20, "n": 1}], [{"age": 2}, {}])
    write_segment(folder, "s", {"operator": "in_segment", "value": "adult"}, examples=examples)
    assert errors(folder) == []
    write_segment(folder, "s", {"operator": "not_in_segment", "value": "adult"}, examples=sides([{"age": 20}], []))
    [(path, message)] = errors(folder)
    assert (path, message.rsplit("): ", 1)[1]) == ("$.examples.in[0]", "in 'adult'")


def test_a_sample_needs_ids(folder: Path) -> None:
    sample = {"operator": "sample", "value": {"seed": "x", "from": 0, "to": 1}}
    write_segment(folder, "s", sample, examples=sides([{"id": "a"}, {}]))
    message = "the contact has no 'id', which the sample is computed from; add one"
    assert errors(folder) == [("$.examples.in[1]", message)]
    write_segment(folder, "s", sample, examples=sides([{"id": "a"}, {"id": "b"}]))
    assert errors(folder) == []


def test_the_contacts_belong_to_the_project_of_the_check(folder: Path) -> None:
    write_segment(folder, "s", rule("age", "gte", 18), project_id="p1", examples=sides([{"age": 20}]))
    assert errors(folder, project="p1") == []
    outside = [{"age": 20, "project_id": "p2"}]
    examples = sides([{"age": 20, "project_id": "p1"}], outside)
    write_segment(folder, "s", rule("age", "gte", 18), project_id="p1", examples=examples)
    assert errors(folder) == errors(folder, project="p1") == []


def test_rules_that_do_not_fit_the_values_are_an_error(folder: Path) -> None:
    write_segment(folder, "s", rule("age", "contains", "1"), examples=sides([{"age": 1}]))
    [(path, message)] = errors(folder)
    assert path == "$.examples"
    assert message.startswith("the examples cannot be evaluated: ")
    assert message.endswith("($.rules[0].operator)")


@pytest.mark.parametrize(
    ("contact", "path", "message"),
    [
        ({"custom_fields": "pro"}, "$.examples.in[0].custom_fields", "'custom_fields' is an object; found 'pro'"),
        (
            {"custom_fields": {"plan": "a"}, "custom_fields.plan": "b"},
            '$.examples.in[0]["custom_fields.plan"]',
            "'custom_fields.plan' is given twice; keep one",
        ),
        ({"a": 1, "a.b": 2}, '$.examples.in[0]["a.b"]', "'a.b' is given twice; keep one"),
        ({"a.b": 1, "a": 2}, "$.examples.in[0].a", "'a' is given twice; keep one"),
    ],
)
def test_keys_that_contradict_each_other_are_an_error(
    contact: dict[str, Any], path: str, message: str, folder: Path
) -> None:
    write_segment(folder, "s", PRO, examples=sides([contact]))
    assert errors(folder) == [(path, message)]


def test_disabled_segments_and_those_with_errors_are_left_out(folder: Path) -> None:
    write_segment(folder, "s", PRO, examples=sides([{}]), enabled=False)
    write_segment(folder, "t", {"operator": "in_segment", "value": "x"}, examples=sides([{}]))
    assert [path for path, _ in errors(folder)] == ["$.rules[0].value"]


def test_the_line_of_the_example_is_reported(folder: Path) -> None:
    path = write_segment(folder, "s", PRO, examples=sides([{"age": 1}]))
    path.write_text(json.dumps(json.loads(path.read_text()), indent=1))
    [problem] = check(folder).errors
    assert isinstance(problem, Problem)
    lines = path.read_text().splitlines()
    assert problem.line is not None
    assert lines[problem.line - 1].strip() in {"{", '"in": ['}
    assert problem.file is not None


TYPES: dict[str, tuple[pa.DataType, Any, Any, Any, Any]] = {
    "text": (pa.string(), "a", "a", 5, "'c' is text; found 5"),
    "dictionary": (pa.dictionary(pa.int32(), pa.string()), "a", "a", 5, "'c' is text; found 5"),
    "boolean": (pa.bool_(), True, True, "yes", "'c' is true or false; found 'yes'"),
    "whole": (pa.int8(), 1, 1, 200, "'c' is a whole number; found 200"),
    "unsigned": (pa.uint8(), 1, 200, -1, "'c' is a whole number; found -1"),
    "float": (pa.float64(), 1.5, 2, "2", "'c' is a number; found '2'"),
    "decimal": (
        pa.decimal128(5, 2),
        Decimal("1.25"),
        1.25,
        1.255,
        "'c' is a number with few enough digits; found 1.255",
    ),
    "long decimal": (
        pa.decimal128(38, 18),
        Decimal("1.25"),
        "12345678901234567.890000000000000001",
        "12a",
        "'c' is a number with few enough digits; found '12a'",
    ),
    "date": (pa.date32(), date(2026, 1, 1), "2026-01-01", "soon", "'c' is a date such as 2026-12-31; found 'soon'"),
    "instant": (
        pa.timestamp("us", "UTC"),
        datetime(2026, 1, 1, tzinfo=UTC),
        "2026-01-01T01:00:00+01:00",
        7,
        "'c' is a time such as 2026-12-31T18:00:00Z; found 7",
    ),
    "timestamp": (
        pa.timestamp("ns"),
        datetime(2026, 1, 1),  # noqa: DTZ001 - a column without a time zone
        "2026-01-01",
        "x",
        "'c' is a time such as 2026-12-31T18:00:00Z; found 'x'",
    ),
    "list": (pa.list_(pa.int64()), [1], [1, 2], ["a"], "'c' is a whole number; found 'a'"),
    "struct": (pa.struct({"a": pa.int64()}), {"a": 1}, {"a": 2}, {"b": 1}, "'c' has no 'b'"),
    "not a struct": (pa.struct({"a": pa.int64()}), {"a": 1}, {"a": 2}, 1, "'c' is an object; found 1"),
    "map": (pa.map_(pa.string(), pa.string()), [("a", "b")], {"a": "c"}, {"a": 1}, "'c.a' is text; found 1"),
    "not a map": (pa.map_(pa.string(), pa.string()), [("a", "b")], {"a": "c"}, 1, "'c' is an object; found 1"),
    "UUID": (pa.uuid(), UUID(UUID_TEXT).bytes, UUID_TEXT, "x", "'c' is a UUID; found 'x'"),
    "bytes": (
        pa.binary(),
        b"\xff",
        None,
        "x",
        "'c' has the type binary, and an example cannot have a value of it; leave it out",
    ),
}


@pytest.mark.parametrize("name", TYPES)
def test_values_have_the_types_of_the_snapshot(name: str, folder: Path, tmp_path: Path) -> None:
    arrow_type, stored, good, bad, message = TYPES[name]
    contacts = tmp_path / "contacts.parquet"
    column = pa.array([stored], arrow_type)
    pq.write_table(pa.table({"id": ["x"], "c": column}), contacts)
    write_segment(folder, "s", rule("c", "exists"), examples=sides([] if good is None else [{"c": good}], [{}]))
    assert errors(folder, contacts) == []
    write_segment(folder, "s", rule("c", "exists"), examples=sides([{"c": bad}]))
    assert [text for _, text in errors(folder, contacts)] == [message]


def test_columns_that_the_snapshot_lacks_are_an_error(folder: Path, tmp_path: Path) -> None:
    contacts = tmp_path / "contacts.parquet"
    pq.write_table(pa.table({"id": [1], "country": ["US"], "Case": [1], "case": [2]}), contacts)
    write_segment(folder, "s", rule("country", "eq", "US"), examples=sides([{"contry": "US"}, {"CASE": 1}]))
    found = errors(folder, contacts)
    assert [path for path, _ in found] == ["$.examples.in[0].contry", "$.examples.in[1].CASE"]
    assert found[0][1] == "the snapshot has no column 'contry'; did you mean 'country'?"


DAY, NOON, LATE = "2025-06-01", "2025-06-01T12:00:00Z", "2025-06-01T23:30:00-05:00"


@pytest.mark.parametrize(
    ("rules", "inside", "outside"),
    [
        ([rule("at", "eq", DAY)], [DAY, NOON], [LATE, None]),
        ([rule("at", "eq", DAY)], [DAY], ["2025-06-02"]),
        ([rule("at", "gt", DAY)], [LATE], [NOON]),
        ([rule("at", "eq", NOON)], ["2025-06-01T14:00:00+02:00"], [DAY]),
        ([rule("at", "in", [DAY, "today"])], [NOON, "2026-11-29"], [LATE]),
        ([rule("at", "between", [DAY, "2025-06-02"])], [LATE], ["2025-06-03T00:00:00"]),
        ([rule("at", "lte", DAY), rule("at", "exists"), rule("at", "older_than", "1d")], [NOON], [LATE]),
    ],
)
def test_texts_that_a_rule_compares_with_a_date_are_dates(
    rules: list[dict[str, Any]], inside: list[Any], outside: list[Any], folder: Path
) -> None:
    write_segment(
        folder, "s", *rules, examples=sides([{"at": one} for one in inside], [{"at": one} for one in outside])
    )
    assert errors(folder) == []


@pytest.mark.parametrize(
    ("rules", "inside", "outside"),
    [
        ([rule("at", "eq", DAY)], [DAY], [NOON, "soon"]),
        ([rule("at", "eq", DAY)], [DAY], [NOON, "2025-02-30"]),
        ([rule("at", "eq", DAY), rule("at", "starts_with", "2025")], [DAY], [NOON]),
        ([rule("at", "eq", DAY), rule("at", "neq", "soon")], [DAY], [NOON]),
        ([rule("at", "eq", DAY, **{"as": "text"})], [DAY], [NOON]),
        ([rule("at", "eq", DAY), rule("at.day", "empty")], [DAY], [NOON]),
        ([rule("custom_fields.at", "eq", DAY)], [], []),
        ([rule("at", "eq", 20250601)], [20250601], [DAY]),
    ],
)
def test_other_texts_stay_texts(
    rules: list[dict[str, Any]], inside: list[Any], outside: list[Any], folder: Path
) -> None:
    more = [{"custom_fields": {"at": NOON}}] if rules[0]["field"] == "custom_fields.at" else []
    contacts = [{"at": one} for one in outside]
    write_segment(folder, "s", *rules, examples=sides([{"at": one} for one in inside], [*contacts, *more]))
    assert errors(folder) == []


def test_dates_are_compared_as_the_snapshot_has_them(folder: Path, tmp_path: Path) -> None:
    contacts, schema = tmp_path / "contacts.parquet", tmp_path / "schema.json"
    pq.write_table(pa.table({"id": [1], "at": pa.array([0], pa.timestamp("us", "UTC"))}), contacts)
    fields = [{"path": "id", "type": "number", "missing": False}, {"path": "at", "type": "date-time", "missing": True}]
    schema.write_text(json.dumps({"segbatch_schema": 1, "fields": fields}))
    write_segment(
        folder, "s", rule("at", "eq", "2026-01-02"), examples=sides([{"id": 1, "at": "2026-01-02T10:00:00Z"}])
    )
    assert errors(folder, contacts) == errors(folder, schema=schema) == errors(folder) == []


@pytest.mark.parametrize("form", ["text", "struct"])
def test_custom_fields_are_read_as_in_the_snapshot(form: str, folder: Path, tmp_path: Path) -> None:
    contacts = tmp_path / "contacts.parquet"
    objects: list[Any] = [{"plan": "pro", "seats": 5}, {"plan": "team", "seats": None}]
    cells = [json.dumps(value) for value in objects] if form == "text" else objects
    pq.write_table(pa.table({"id": [1, 2], "custom_fields": cells}), contacts)
    inside = [{"custom_fields.plan": "pro", "custom_fields.seats": 7}, {"custom_fields": {"plan": "pro", "seats": 9}}]
    rules = (PRO, rule("custom_fields.seats", "gt", 5))
    write_segment(folder, "s", *rules, examples=sides(inside, [{}, {"custom_fields.plan": "pro"}]))
    assert errors(folder, contacts) == []
    write_segment(folder, "s", *rules, examples=sides([{"custom_fields.plan": "pro", "custom_fields.seats": "x"}]))
    [(path, message)] = errors(folder, contacts)
    assert path == '$.examples.in[0]["custom_fields.seats"]' or form == "struct"
    assert message.startswith("'custom_fields.seats' is a")
    assert message.endswith("; found 'x'")


def test_types_come_from_the_schema_file(folder: Path, tmp_path: Path) -> None:
    types = {
        "id": "number",
        "name": "text",
        "n": "number",
        "ok": "boolean",
        "day": "date",
        "key": "UUID",
        "gone": "missing",
        "blob": "other",
        "tags": "list of text",
        "many": "list of object",
        "any": "object",
        "custom_fields": "object",
        "custom_fields.plan": "text",
        "custom_fields.deep.er": "number",
    }
    schema = tmp_path / "schema.json"
    fields = [{"path": path, "type": name, "missing": True} for path, name in types.items()]
    schema.write_text(json.dumps({"segbatch_schema": 1, "fields": fields}))
    contact = {
        "id": 1,
        "name": "A",
        "n": 1.5,
        "ok": True,
        "day": "2026-01-02",
        "key": UUID_TEXT,
        "tags": ["a"],
        "any": {"x": 1},
        "many": [{"x": 1}],
        "custom_fields": {"plan": "pro"},
        "custom_fields.deep.er": 5,
    }
    rules = [PRO, rule("n", "gt", 1), rule("day", "lt", "2026-02-01"), rule("key", "eq", UUID_TEXT)]
    rules += [rule("tags", "contains", "a"), rule("custom_fields.deep.er", "eq", 5), rule("ok", "eq", value=True)]
    write_segment(folder, "s", *rules, examples=sides([contact], [{}]))
    assert errors(folder, schema=schema) == []
    write_segment(folder, "s", PRO, examples=sides([{"nam": 1}, {"n": "x"}]))
    assert [path for path, _ in errors(folder, schema=schema)] == ["$.examples.in[0].nam"]
    write_segment(folder, "s", PRO, examples=sides([{"n": "x"}, {"custom_fields.plaan": 1}]))
    assert [path for path, _ in errors(folder, schema=schema)] == ["$.examples.in[0].n"]


@pytest.mark.parametrize("inputs", [(), ("contacts", "orders")])
def test_tables_of_a_run_are_lists_in_examples(inputs: Sequence[str], folder: Path, tmp_path: Path) -> None:
    contacts, orders = tmp_path / "contacts.parquet", tmp_path / "orders.parquet"
    pq.write_table(pa.table({"id": [1]}), contacts)
    pq.write_table(pa.table({"contact_id": [1], "amount": [5]}), orders)
    rules = {"table": "orders", "aggregate": "sum", "field": "amount", "operator": "gte", "value": 10}
    examples = sides([{"orders": [{"amount": 4}, {"amount": 6}]}], [{"orders": []}, {"orders": [{"amount": 4}]}])
    write_segment(folder, "s", rules, examples=examples)
    more: dict[str, Any] = {"contacts": contacts, "tables": {"orders": orders}} if inputs else {}
    assert errors(folder, **more) == []


def test_a_column_that_no_rule_reads_may_be_left_out(folder: Path, tmp_path: Path) -> None:
    contacts = tmp_path / "contacts.parquet"
    columns = {"id": pa.array([b"\xff"]), "key": pa.array([UUID(UUID_TEXT).bytes], pa.uuid()), "n": pa.array([1])}
    pq.write_table(pa.table(columns), contacts)
    write_segment(folder, "s", rule("key", "empty"), rule("n", "eq", 1), examples=sides([{"n": 1}], [{"n": 2}]))
    assert errors(folder, contacts) == []


def test_a_map_takes_paths_as_keys(folder: Path, tmp_path: Path) -> None:
    contacts = tmp_path / "contacts.parquet"
    maps = pa.array([[("a.b", "x"), ("c", "y")]], pa.map_(pa.string(), pa.string()))
    numbers = pa.array([[(1, "x")]], pa.map_(pa.int64(), pa.string()))
    pq.write_table(pa.table({"id": [1], "custom_fields": maps, "numbers": numbers}), contacts)
    rules = (rule("custom_fields.a.b", "eq", "x"), rule("custom_fields.c", "eq", "y"))
    inside = [{"custom_fields.a.b": "x", "custom_fields.c": "y"}]
    write_segment(folder, "s", *rules, examples=sides(inside, [{"custom_fields": {"c": "y"}}]))
    assert errors(folder, contacts) == []
    write_segment(folder, "s", *rules, examples=sides([{"numbers": {"1": "x"}}]))
    [(_, message)] = errors(folder, contacts)
    assert message.endswith("and an example cannot have a value of it; leave it out")


def test_texts_that_are_json_take_objects(folder: Path, tmp_path: Path) -> None:
    contacts = tmp_path / "contacts.parquet"
    pq.write_table(pa.table({"id": [1], "properties": [json.dumps({"plan": "pro"})]}), contacts)
    examples = sides([{"properties.plan": "pro"}, {"properties": '{"plan": "pro"}'}], [{"properties": "pro"}])
    write_segment(folder, "s", rule("properties.plan", "eq", "pro"), examples=examples)
    assert errors(folder, contacts) == []


def test_a_file_in_memory_is_a_location() -> None:
    file = in_memory("examples", pa.table({"a": [1]}))
    assert (str(file), file.version) == ("examples", (len(file.content), None))
    assert file.digest(Event()) == hashlib.sha256(file.content).hexdigest()


def test_examples_do_not_change_the_fingerprint(folder: Path, tmp_path: Path) -> None:
    contacts, output = tmp_path / "contacts.parquet", tmp_path / "output"
    pq.write_table(pa.table({"id": [1], "n": [1]}), contacts)
    found: list[Any] = []
    for number, more in enumerate(({}, {"examples": sides([{"n": 1}])})):
        write_segment(folder, "s", rule("n", "eq", 1), **more)
        as_of = f"2026-11-2{number}T00:00:00Z"
        found += segbatch.run(contacts, folder, output=output, as_of=as_of).segments
    assert found[0].fingerprint == found[1].fingerprint
    assert found[1].definition["examples"] == {"in": [{"n": 1}], "out": []}
    assert (found[1].entered, found[1].exited) == (0, 0)
    # a run that holds the segment back waits for no definition if only the examples differ
    write_segment(folder, "s", rule("n", "eq", 1), examples=sides([], [{"n": 5}]))
    pq.write_table(pa.table({"id": [1], "other": [1]}), contacts)
    write_segment(folder, "t", rule("other", "eq", 1))
    last = segbatch.run(contacts, folder, output=output, as_of="2026-11-25T00:00:00Z").segments[0]
    assert (last.status, last.pending_definition) == ("failed", None)
