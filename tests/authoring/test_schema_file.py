"""Schema files: written from a snapshot, checked against without one, and compared with later snapshots."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import segbatch
from builders import rule, write_contacts, write_segment
from segbatch import DefinitionError, UsageError
from segbatch.authoring.check import check
from segbatch.authoring.columns.columns import describe_columns, schema_file_of
from segbatch.model.schema_file import SchemaFile
from segbatch.snapshot.schema_file import read_schema_file, schema_file_columns, write_schema_file

SCHEMA = Path("schema.json")
VALUES = [
    {"plan": "pro", "seats": 12, "address": {"city": "Bonn", "zip": "1"}, "tags": ["new"], "vip": True},
    {"plan": "free", "seats": 3, "address": {"city": "Kiel", "zip": "2"}, "tags": ["eu"], "vip": False},
]
STRUCT = pa.array(VALUES)
FORMS: dict[str, dict[str, Any]] = {
    "struct": {"custom_fields": STRUCT},
    "json": {"custom_fields": [json.dumps(value) for value in VALUES]},
    "map": {"custom_fields": pa.array([[("plan", "pro")], [("seats", "3")]], pa.map_(pa.string(), pa.string()))},
}
RULES = [
    rule("custom_fields.plan", "eq", "pro"),
    rule("custom_fields.plan", "gt", value=True),
    rule("custom_fields.seats", "gte", 3),
    rule("custom_fields.seats", "gte", "many"),
    rule("custom_fields.seats", "within_last", "30d"),
    rule("custom_fields.plam", "eq", "pro"),
    rule("custom_fields.address.city", "eq", "Bonn"),
    rule("custom_fields.address.ciyt", "eq", "Bonn"),
    rule("custom_fields.address", "exists"),
    rule("custom_fields.tags", "contains", "new"),
    rule("custom_fields.vip", "eq", "maybe"),
    rule("custom_fields", "exists"),
    rule("stauts", "eq", "x"),
    rule("status", "eq", "x"),
    rule("created", "within_last", "30d"),
    rule("created", "eq", "soon"),
    rule("born", "lt", "2000-01-01"),
    rule("key", "eq", "x"),
    rule("notes.kind", "eq", "x"),
    rule("notes", "contains", "x"),
]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def contacts(**columns: Any) -> None:
    fixed = {
        "status": ["a", "b"],
        "created": pa.array([1, 2], pa.timestamp("us")),
        "born": pa.array([1, 2], pa.date32()),
        "notes": ['{"kind": "call"}', '{"kind": "mail"}'],
        "key": pa.array([b"0" * 16, b"1" * 16], pa.uuid()),
    }
    write_contacts(Path("contacts.parquet"), fixed | columns)


def write_schema() -> SchemaFile:
    schema_file = schema_file_of(describe_columns("contacts.parquet"))
    write_schema_file(SCHEMA, schema_file)
    return schema_file


@pytest.mark.parametrize("form", FORMS)
def test_a_check_against_the_schema_finds_what_a_check_against_the_snapshot_finds(form: str) -> None:
    contacts(**FORMS[form])
    write_schema()
    for number, one in enumerate(RULES):
        write_segment(Path("segments"), f"s{number:02}", one)
    with_snapshot, without = check(contacts="contacts.parquet"), check(schema=SCHEMA)
    assert {problem.segment_id for problem in without.errors} == {one.segment_id for one in with_snapshot.errors}
    assert len(without.errors) >= 4

    def warned(report: Any) -> set[str | None]:
        return {problem.segment_id for problem in report.warnings}

    assert warned(without) == warned(with_snapshot)
    assert {"s05", "s07"} <= warned(without)
    strict = check(schema=SCHEMA, strict=True)
    assert {problem.segment_id for problem in strict.errors} >= {"s05", "s07"}


def test_the_schema_is_read_as_it_was_written() -> None:
    contacts(status=["a", None])
    schema_file = write_schema()
    assert read_schema_file(SCHEMA) == schema_file
    assert {field.path: field.missing for field in schema_file.fields}["status"]
    assert not {field.path: field.missing for field in schema_file.fields}["id"]
    write_schema()  # replaces the schema
    assert sorted(path.name for path in Path().iterdir()) == ["contacts.parquet", "schema.json"]


def test_a_key_with_dots_is_a_key_of_an_object() -> None:
    contacts(custom_fields=['{"home.city": "Bonn", "home": {"zip": "1"}, "a": {"b": {"c": 1}}}', None])
    columns = schema_file_columns(write_schema())
    assert str(columns["custom_fields"]).count("Struct") == 4
    rules = rule("custom_fields.home.city", "eq", "Bonn"), rule("custom_fields.a.b.c", "eq", 1)
    write_segment(Path("segments"), "a", *rules)
    assert check(schema=SCHEMA).problems == ()


def test_segments_with_related_tables_are_checked_without_types() -> None:
    contacts()
    write_schema()
    orders = {"table": "orders", "operator": "gte", "value": 1}
    write_segment(Path("segments"), "a", orders, rule("stauts", "eq", "x"))
    write_segment(Path("segments"), "b", {"operator": "in_segment", "value": "a"})
    write_segment(Path("segments"), "c", orders, {"operator": "in_segment", "value": "nope"})
    (error, note) = check(schema=SCHEMA).problems
    assert (error.segment_id, error.severity, note.severity) == ("c", "error", "note")
    assert str(note) == (
        "fields and types are not checked in 3 segments (a, b, c) with related tables, which the schema does not have"
    )


def test_a_sample_is_checked_by_the_id_column() -> None:
    write_contacts(Path("contacts.parquet"), {"key": [1, 2], "id": ["a", "b"]})
    write_schema()
    write_segment(Path("segments"), "a", {"operator": "sample", "value": {"seed": "x", "from": 0, "to": 0.5}})
    assert check(schema=SCHEMA, id_column="key").problems == ()


def deviating(**columns: Any) -> list[str]:
    """Return the warnings of a run over a snapshot with other columns than the schema has."""
    contacts(**columns)
    return [str(warning) for warning in segbatch.run("contacts.parquet", schema=SCHEMA, dry_run=True).warnings]


def test_a_run_warns_of_missing_fields_and_other_types() -> None:
    contacts(**FORMS["struct"])
    write_schema()
    write_segment(Path("segments"), "a", rule("status", "exists"), rule("custom_fields.seats", "exists"))
    assert deviating(**FORMS["struct"]) == []
    assert deviating(**FORMS["json"], more=["x", "y"]) == []
    number = "'status' is of type 'number', but of type 'text' in schema.json"
    assert deviating(**FORMS["struct"], status=[1, 2]) == [number]
    without = [{key: value for key, value in entry.items() if key != "vip"} for entry in VALUES]
    gone = "no contact has 'custom_fields.vip', which schema.json lists"
    assert deviating(custom_fields=pa.array(without)) == [gone]
    texts = [json.dumps(entry | {"seats": "x"}) for entry in VALUES]
    seats = "'custom_fields.seats' is of type 'text', but of type 'number' in schema.json"
    assert deviating(custom_fields=texts) == [seats]
    assert deviating(**FORMS["struct"], notes=pa.nulls(2)) == []


def test_a_run_warns_of_a_missing_column() -> None:
    contacts(extra=["x", "y"])
    write_schema()
    write_segment(Path("segments"), "a", rule("status", "exists"))
    warning = "the snapshot has no column 'extra', which schema.json lists"
    assert deviating() == [warning]
    assert [str(problem) for problem in check(contacts="contacts.parquet", schema=SCHEMA).warnings] == [warning]
    strict = check(contacts="contacts.parquet", schema=SCHEMA, strict=True)
    assert [str(problem) for problem in strict.errors] == [warning]


def test_a_strict_run_fails_before_it_evaluates() -> None:
    contacts(extra=["x", "y"])
    write_schema()
    write_segment(Path("segments"), "a", rule("status", "exists"))
    contacts(status=[1, 2])
    with pytest.raises(DefinitionError) as caught:
        segbatch.run("contacts.parquet", schema=SCHEMA, strict=True)
    assert caught.value.exit_code == 1
    assert str(caught.value).splitlines() == [
        "'status' is of type 'number', but of type 'text' in schema.json",
        "the snapshot has no column 'extra', which schema.json lists",
        "the snapshot deviates from its schema; nothing was published (--schema, --strict)",
    ]
    assert not Path("output/segbatch.duckdb").exists()


def test_the_column_of_custom_fields_may_have_another_name() -> None:
    contacts(traits=FORMS["json"]["custom_fields"])
    write_schema_file(SCHEMA, schema_file_of(describe_columns("contacts.parquet", custom_fields="traits")))
    write_segment(Path("segments"), "a", rule("custom_fields.plan", "eq", "pro"))
    assert check(schema=SCHEMA).problems == ()
    assert segbatch.run("contacts.parquet", schema=SCHEMA, custom_fields="traits").warnings == ()


def test_names_that_differ_only_by_case_are_no_deviation() -> None:
    contacts(STATUS2=["x", "y"])
    write_schema()
    write_segment(Path("segments"), "a", rule("status", "exists"))
    assert deviating(Status2=["x", "y"]) == []
    assert deviating(Status2=["x", "y"], status2=["x", "y"]) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "schema.json: $: must be an object; write a schema with segbatch columns --schema"),
        ("{", "schema.json: $: is not valid JSON"),
        ('{"fields": []}', "schema.json: $.fields: is empty"),
        ('{"segbatch_schema": 2, "fields": []}', "schema.json: $.segbatch_schema: must be 1"),
        (
            '{"fields": [{"path": "a", "type": "int", "missing": true}]}',
            "schema.json: $.fields[0].type: has the wrong form",
        ),
    ],
)
def test_a_file_that_is_not_a_schema_is_reported_and_not_replaced(text: str, message: str) -> None:
    contacts()
    SCHEMA.write_text(text)
    write_segment(Path("segments"), "a", rule("status", "exists"))
    with pytest.raises(UsageError) as caught:
        check(schema=SCHEMA)
    assert str(caught.value).startswith(message)
    with pytest.raises(UsageError, match=r"schema\.json: is not a schema file, and is not replaced; choose another"):
        write_schema()
    assert SCHEMA.read_text() == text


def test_a_schema_that_cannot_be_read_or_written_is_reported() -> None:
    contacts()
    with pytest.raises(UsageError, match=r"nope\.json: cannot be read: No such file or directory \(--schema\)"):
        segbatch.run("contacts.parquet", schema="nope.json")
    with pytest.raises(UsageError, match=r"no: no such folder; create it first \(--schema\)"):
        write_schema_file(Path("no/schema.json"), schema_file_of(describe_columns("contacts.parquet")))
