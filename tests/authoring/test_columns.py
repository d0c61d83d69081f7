"""The columns of a snapshot: fields, types, missing values, distinct and frequent values, and examples of rules."""

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import segbatch
from builders import write_contacts, write_segment
from segbatch import SnapshotError
from segbatch.authoring.check import check
from segbatch.authoring.columns import field_values
from segbatch.authoring.columns.columns import ColumnsReport, describe_columns, schema_file_of
from segbatch.authoring.columns.profile import FieldProfile

TIMES = pa.timestamp("us", "UTC")
VALUES: list[dict[str, Any] | None] = [
    *[{"plan": "pro", "seats": 12, "address": {"city": "Bonn"}, "tags": ["new", "eu"], "vip": True}] * 5,
    *[{"plan": "free", "seats": 3, "address": {"city": "Kiel"}, "tags": ["eu"], "vip": False}] * 5,
    {"plan": "pro", "seats": 3, "address": {"city": "Kiel"}, "tags": [], "vip": False},
    {"plan": None, "seats": 3, "address": {"city": "Kiel"}, "tags": ["eu"], "vip": False},
    None,
]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def described(columns: dict[str, Any], **options: Any) -> dict[str, FieldProfile]:
    report = describe_columns(write_contacts(Path("contacts.parquet"), columns), **options)
    return {field.path: field for field in report.fields}


def assert_examples_are_valid(report: ColumnsReport, contacts: str = "contacts.parquet") -> None:
    """Check and evaluate every example of a rule over the contacts."""
    for number, field in enumerate(report.fields):
        write_segment(Path("segments"), f"s{number:03}", json.loads(json.dumps(field.rule)))
    assert [str(problem) for problem in check(contacts=contacts).errors] == []
    assert segbatch.run(contacts).run.segments_failed == 0


def test_a_column_has_a_type_missing_values_and_frequent_values() -> None:
    found = described({"status": ["active"] * 7 + ["new"] * 5 + ["old"] * 4 + [""] * 5 + [None] * 7})["status"]
    assert (found.type, found.present, found.missing, found.distinct, found.is_distinct_exact) == (
        "text", 21, 0.25, 4, True,
    )  # fmt: skip
    assert [(entry.value, entry.contacts) for entry in found.values] == [("active", 7), ("", 5), ("new", 5)]
    assert found.values[0].share == pytest.approx(1 / 3)
    assert found.rule == {"field": "status", "operator": "eq", "value": "active"}


def test_values_that_are_unique_for_each_contact_are_only_counted() -> None:
    emails = [f"user{number}@example.com" for number in range(100)]
    emails[1] = emails[0]
    found = described({"email": emails, "salary": list(range(100)), "id": list(range(100))})
    for path, distinct in (("email", 99), ("salary", 100), ("id", 100)):
        field = found[path]
        assert (field.is_unique, field.values, field.low, field.high) == (True, (), None, None)
        assert (field.distinct, field.rule["operator"]) == (distinct, "exists")


def test_values_of_few_contacts_are_not_shown() -> None:
    names = [f"name {number // 3}" for number in range(3_000)] + ["common"] * 500
    (shown,) = described({"name": names})["name"].values
    assert (shown.value, shown.contacts) == ("common", 500)


def test_texts_that_fewer_than_five_contacts_share_are_not_shown() -> None:
    emails = [f"user{number // 2}@example.com" for number in range(10)]
    found = described(
        {"email": emails, "shared": ["a@example.com"] * 4 + ["b@example.com"] * 6, "one": [None] * 9 + [7]}
    )
    assert (found["email"].is_unique, found["email"].values, found["email"].rule["operator"]) == (False, (), "exists")
    assert [entry.value for entry in found["shared"].values] == ["b@example.com"]
    assert (found["one"].is_unique, found["one"].low, found["one"].rule["operator"]) == (False, None, "exists")


KEYED = pa.map_(pa.string(), pa.string())
RECORDS = pa.list_(pa.struct([("key", pa.string()), ("value", pa.string())]))
REPEATED = {
    "text": ("details", pa.array(["x"] * 6)),
    "list": ("details", pa.array([["x"]] * 6)),
    "json": ("details.k", pa.array(['{"k": "x"}'] * 6)),
    "struct": ("details.k", pa.array([{"k": "x"}] * 6)),
    "map": ("details.k", pa.array([[("k", "x")]] * 6, KEYED)),
    "records": ("details.k", pa.array([[{"key": "k", "value": "x"}]] * 6, RECORDS)),
}


@pytest.mark.parametrize("form", REPEATED)
@pytest.mark.parametrize("contacts", [1, 4, 5])
def test_values_in_rows_of_few_contacts_are_not_shown(form: str, contacts: int) -> None:
    write_contacts(Path("contacts.parquet"), {"id": ["a"]})
    path, details = REPEATED[form]
    owners = [str(min(number, contacts - 1)) for number in range(6)]
    write_contacts(Path("orders.parquet"), pa.table({"contact_id": owners, "details": details}))
    fields = describe_columns("contacts.parquet", tables={"orders": "orders.parquet"}).fields
    shown = next(field.values for field in fields if field.table and field.path == path)
    assert [entry.value for entry in shown] == (["x"] if contacts == 5 else [])


@pytest.mark.parametrize("form", ["list", "json"])
def test_an_element_that_one_contact_has_often_is_not_shown(form: str) -> None:
    lists = [["mine"] * 9, *[["ours"]] * 5, ["a", "b"]]
    columns = {"list": pa.array(lists), "json": pa.array([json.dumps({"k": value}) for value in lists])}
    found = described({"tags": columns[form]})["tags" if form == "list" else "tags.k"]
    assert [entry.value for entry in found.values] == ["ours"]


def test_numbers_and_dates_have_a_range() -> None:
    days = [date(2025, 1, 1), date(2025, 3, 1)] * 10
    times = [datetime(2025, 1, 1, tzinfo=UTC), datetime(2025, 6, 1, 12, tzinfo=UTC)] * 10
    found = described(
        {
            "seats": [1, 9] * 10,
            "mrr": [0.5, float("nan")] * 10,
            "price": pa.array([Decimal("1.50"), Decimal("20.00")] * 10, pa.decimal128(10, 2)),
            "day": days,
            "at": pa.array(times, TIMES),
        }
    )
    assert (found["seats"].low, found["seats"].high) == (1, 9)
    assert found["seats"].rule == {"field": "seats", "operator": "gte", "value": 5}
    assert (found["mrr"].low, found["mrr"].high, found["mrr"].missing) == (0.5, 0.5, 0.5)
    assert (found["price"].low, found["price"].high) == (1.5, 20)
    assert (found["day"].low, found["day"].high, found["day"].type) == ("2025-01-01", "2025-03-01", "date")
    assert (found["at"].low, found["at"].type) == ("2025-01-01T00:00:00+00:00", "date-time")
    assert found["at"].rule == {"field": "at", "operator": "within_last", "value": "30d"}


def test_a_decimal_that_no_double_stores_is_a_text_as_rules_take_it() -> None:
    prices = [Decimal("12345678901234567.89"), Decimal("0.10")] * 10
    found = described({"price": pa.array(prices, pa.decimal128(20, 2))})["price"]
    assert [entry.value for entry in found.values] == [0.1, "12345678901234567.89"]
    assert (found.low, found.high, found.rule) == (
        0.1, "12345678901234567.89", {"field": "price", "operator": "exists"},
    )  # fmt: skip


FORMS = {
    "struct": pa.array(
        VALUES,
        pa.struct(
            [
                ("address", pa.struct([("city", pa.string())])),
                ("plan", pa.string()),
                ("seats", pa.int64()),
                ("tags", pa.list_(pa.string())),
                ("vip", pa.bool_()),
            ]
        ),
    ),
    "json": pa.array([value and json.dumps(value) for value in VALUES]),
}


@pytest.mark.parametrize("form", FORMS)
def test_structs_and_json_texts_have_the_same_fields(form: str) -> None:
    found = described({"custom_fields": FORMS[form]})
    assert {path: (field.type, field.present) for path, field in found.items() if path != "id"} == {
        "custom_fields": ("object", 12),
        "custom_fields.address": ("object", 12),
        "custom_fields.address.city": ("text", 12),
        "custom_fields.plan": ("text", 11),
        "custom_fields.seats": ("number", 12),
        "custom_fields.tags": ("list of text", 12),
        "custom_fields.vip": ("boolean", 12),
    }
    assert [(entry.value, entry.contacts) for entry in found["custom_fields.plan"].values] == [("pro", 6), ("free", 5)]
    assert [entry.value for entry in found["custom_fields.tags"].values] == ["eu", "new"]
    assert [entry.value for entry in found["custom_fields.vip"].values] == [False, True]
    seats = found["custom_fields.seats"]
    assert (seats.low, seats.high, [entry.value for entry in seats.values]) == (3, 12, [3, 12])
    assert_examples_are_valid(describe_columns("contacts.parquet"))


def test_maps_and_records_have_a_field_for_each_key() -> None:
    maps = pa.array([[("plan", "pro"), ("x.y", "1")], [("plan", "pro")], None, []], pa.map_(pa.string(), pa.string()))
    record = pa.struct([("key", pa.string()), ("value", pa.string())])
    records = pa.array([[{"key": "a", "value": "1"}, {"key": "b", "value": None}], None, [], []], pa.list_(record))
    found = described({"custom_fields": maps, "traits": records})
    assert {path: (field.type, field.present) for path, field in found.items() if path != "id"} == {
        "custom_fields": ("object", 3),
        "custom_fields.plan": ("text", 2),
        "custom_fields.x.y": ("text", 1),
        "traits": ("object", 3),
        "traits.a": ("text", 1),
        "traits.b": ("text", 0),
    }
    assert_examples_are_valid(describe_columns("contacts.parquet"))


def test_json_texts_are_read_as_rules_read_them() -> None:
    big = "123456789012345678901234567890"
    texts = [
        f'{{"mixed": 1, "list": ["a", 2], "n": {big}, "one": [1], "home.city": "Bonn", "deep": [{{"k": 1}}]}}',
        '{"mixed": "x", "list": [], "n": 1, "one": 2, "home.city": "Bonn", "none": null}',
        "[1]",
        "not json",
        None,
    ]
    found = described({"custom_fields": texts})
    assert {path: (field.type, field.present) for path, field in found.items() if path != "id"} == {
        "custom_fields": ("object", 4),
        "custom_fields.deep": ("list of object", 1),
        "custom_fields.home.city": ("text", 2),
        "custom_fields.list": ("list of text", 2),
        "custom_fields.mixed": ("text", 2),
        "custom_fields.n": ("number", 2),
        "custom_fields.one": ("list of number", 2),
    }
    assert found["custom_fields.mixed"].is_mixed
    assert_examples_are_valid(describe_columns("contacts.parquet"))


def test_a_text_column_with_json_objects_has_fields() -> None:
    found = described({"properties": ['{"a": "x"}', None] * 5, "note": ["{a}", "b"] * 5})
    assert [path for path in found if path != "id"] == ["properties", "properties.a", "note"]
    assert found["properties.a"].values[0].value == "x"


def test_the_column_of_custom_fields_may_have_another_name() -> None:
    found = described({"traits": ['{"plan": "pro"}', '{"plan": "pro"}']}, custom_fields="traits")
    assert list(found) == ["id", "custom_fields", "custom_fields.plan"]


def test_columns_that_only_can_be_present_are_described() -> None:
    columns = {
        "nothing": pa.nulls(2),
        "bytes": pa.array([b"\xff", None]),
        "texts": pa.array([b"a", b"a"]),
        "span": pa.array([timedelta(1), None]),
        "rows": pa.array([[{"k": 1}], None], pa.list_(pa.struct([("k", pa.int64())]))),
        "kind": pa.array(["a", "a"]).dictionary_encode(),
    }
    found = described(columns)
    assert {path: (field.type, field.present) for path, field in found.items() if path != "id"} == {
        "nothing": ("missing", 0),
        "bytes": ("other", 1),
        "texts": ("text", 2),
        "span": ("other", 1),
        "rows": ("list of object", 1),
        "kind": ("text", 2),
    }
    report = describe_columns("contacts.parquet")
    assert any("'texts' is stored as bytes" in str(note) for note in report.notes)


def test_many_distinct_values_are_estimated_over_several_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("segbatch.authoring.columns.columns._BATCH", 10_000)
    found = described({"id": list(range(100_000)), "code": [number % 40_000 for number in range(100_000)]})
    code = found["code"]
    assert not code.is_distinct_exact
    assert code.distinct == pytest.approx(40_000, rel=0.1)
    assert (code.present, code.low, code.high) == (100_000, 0, 39_999)


def test_frequent_values_are_found_among_many_rare_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("segbatch.authoring.columns.columns._BATCH", 1_000)
    codes = [f"rare {number // 2}" if number % 4 else "frequent" for number in range(10_000)]
    codes[0] = "x" * 1_000
    (shown,) = described({"id": list(range(10_000)), "code": codes})["code"].values
    assert (shown.value, shown.contacts) == ("frequent", 2_499)


def test_a_column_with_too_many_keys_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(field_values, "MOST_PATHS", 3)
    maps = pa.array([[(str(number), "x")] for number in range(9)], pa.map_(pa.string(), pa.string()))
    texts = [json.dumps({str(number): "x"}) for number in range(9)]
    write_contacts(Path("contacts.parquet"), {"m": maps, "custom_fields": texts})
    report = describe_columns("contacts.parquet")
    assert [str(warning).partition(" has more than")[0] for warning in report.warnings] == ["'custom_fields'", "'m'"]
    assert len([field for field in report.fields if "." in field.path]) == 6


def test_several_files_with_partitions_are_one_snapshot() -> None:
    write_contacts(Path("contacts/country=DE/a.parquet"), {"plan": ["pro"] * 5, "id": range(5)})
    write_contacts(Path("contacts/country=US/b.parquet"), {"plan": ["pro", *[None] * 4], "id": range(5, 10)})
    found = {field.path: field for field in describe_columns("contacts").fields}
    assert [(entry.value, entry.contacts) for entry in found["country"].values] == [("DE", 5), ("US", 5)]
    assert found["plan"].missing == 0.4


def test_a_snapshot_without_contacts_has_fields() -> None:
    found = described({"id": pa.array([], pa.string()), "plan": pa.array([], pa.string())})
    assert (found["plan"].type, found["plan"].missing, found["plan"].distinct) == ("text", 0, 0)


def test_a_missing_snapshot_is_an_error() -> None:
    with pytest.raises(SnapshotError, match="no such file"):
        describe_columns("nope.parquet")


def test_progress_is_reported() -> None:
    calls: list[tuple[int, int]] = []
    described({"plan": ["pro", "free"]}, progress=lambda done, total: calls.append((done, total)))
    assert calls == [(2, 2)]


def test_related_tables_are_described_too() -> None:
    write_contacts(Path("contacts.parquet"), {"id": [*"abcde"]})
    orders = {
        "contact_id": [*"abcdea", None, None],
        "status": [*["paid"] * 5, "open", "paid", "paid"],
        "at": pa.array(range(8), TIMES),
        "details": ['{"coupon": "x"}'] * 6 + [None] * 2,
    }
    write_contacts(Path("orders/1.parquet"), pa.table(orders))
    report = describe_columns("contacts.parquet", tables={"orders": "orders"})
    found = {field.path: field for field in report.fields if field.table == "orders"}
    assert [field.path for field in report.fields if field.table is None] == ["id"]
    assert list(found) == ["id", "contact_id", "status", "at", "details", "details.coupon"]
    assert (found["contact_id"].is_unique, found["contact_id"].missing) == (True, 0.25)
    assert [(entry.value, entry.contacts) for entry in found["status"].values] == [("paid", 7)]
    assert [(entry.value, entry.contacts) for entry in found["details.coupon"].values] == [("x", 6)]
    assert found["status"].rule == {
        "table": "orders",
        "operator": "gte",
        "value": 1,
        "where": [{"field": "status", "operator": "eq", "value": "paid"}],
    }
    for number, field in enumerate(report.fields):
        write_segment(Path("segments"), f"s{number:03}", json.loads(json.dumps(field.rule)))
    tables = {"orders": "orders"}
    assert [str(problem) for problem in check(contacts="contacts.parquet", tables=tables).errors] == []
    assert segbatch.run("contacts.parquet", tables=tables).run.segments_failed == 0
    assert [field.path for field in schema_file_of(report).fields] == ["id"]


def test_a_table_without_its_column_of_contacts_is_an_error() -> None:
    write_contacts(Path("contacts.parquet"), {"id": ["a"]})
    write_contacts(Path("orders.parquet"), {"customer": ["a"]})
    with pytest.raises(SnapshotError, match="--table-contact orders=COLUMN"):
        describe_columns("contacts.parquet", tables={"orders": "orders.parquet"})
