"""Related tables in runs: the manifest, the events, rows of no contact, and times of rows."""

import datetime as dt
import hashlib
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

import segbatch
from builders import write_contacts, write_segment
from segbatch.observability.events import PlannedTable, RunPlanned
from segbatch.storage.manifest_io import read_manifest

from .making import members, on, prepared, values, write_table

ROWS: dict[str, Any] = {
    "contact_id": ["a", "a", "b", None, "zed"],
    "status": ["paid", "open", "paid", "paid", "paid"],
    "placed_at": [dt.datetime(2026, month, 1, tzinfo=dt.UTC) for month in (1, 2, 3, 4, 5)],
}


@pytest.fixture
def contacts(tmp_path: Path) -> Path:
    return write_contacts(tmp_path / "contacts.parquet", {"id": ["a", "b", "c"]})


def run(contacts: Path, tables: Any, **options: Any) -> segbatch.RunReport:
    here = contacts.parent
    return segbatch.run(contacts, here / "segments", here / "output", tables=tables, **options)


@pytest.mark.parametrize(
    ("changed", "warning"),
    [
        ({name: cells[:0] for name, cells in ROWS.items()}, "it has no rows"),
        ({"placed_at": [dt.datetime(2036, 1, 1, tzinfo=dt.UTC)] * 5}, "all rows are later than the run (--as-of)"),
        ({"contact_id": ["x"] * 5}, "5 of 5 rows belong to no contact of the snapshot"),
    ],
)
def test_segments_are_held_if_a_table_has_no_rows_any_more(
    contacts: Path, tmp_path: Path, changed: dict[str, Any], warning: str
) -> None:
    schema = pa.schema([("contact_id", pa.string()), ("status", pa.string()), ("placed_at", pa.timestamp("us", "UTC"))])
    path = write_table(tmp_path / "orders.parquet", pa.table(ROWS, schema))
    tables = {"orders": {"path": str(path), "time": "placed_at"}}
    write_segment(tmp_path / "segments", "none", on(operator="eq", value=0))
    write_segment(tmp_path / "segments", "others", {"operator": "not_in_segment", "value": "none"})
    write_segment(tmp_path / "segments", "every", {"field": "id", "operator": "exists"})
    assert run(contacts, tables, as_of="2026-07-01").run.segments_held == 0
    write_table(path, pa.table({**ROWS, **changed}, schema))
    report = run(contacts, tables, as_of="2026-07-02")
    sizes = {one.segment_id: (one.status, one.member_count) for one in report.segments}
    assert sizes == {"none": ("held", 1), "others": ("held", 2), "every": ("ok", 3)}
    (held,) = [one.error for one in report.segments if one.segment_id == "none"]
    assert held is not None
    assert held.startswith("the table 'orders' has no rows of the contacts, unlike before")
    assert any(str(one).startswith(f"the table 'orders': {warning}") for one in report.warnings)
    report = run(contacts, tables, as_of="2026-07-03")  # still held
    assert {one.segment_id: one.member_count for one in report.segments} == {"none": 1, "others": 2, "every": 3}
    report = run(contacts, tables, as_of="2026-07-03", guard=segbatch.Guard(allow_collapse=True))
    assert {one.segment_id: one.member_count for one in report.segments} == {"none": 3, "others": 0, "every": 3}
    write_segment(tmp_path / "segments", "new", on(operator="eq", value=0))  # a table that stays empty holds nothing
    assert run(contacts, tables, as_of="2026-07-04").run.segments_held == 0


def test_the_manifest_has_files_rows_and_orphans(contacts: Path, tmp_path: Path) -> None:
    table = write_table(tmp_path / "orders" / "1.parquet", ROWS)
    write_segment(tmp_path / "segments", "two", on(operator="gte", value=2))
    write_segment(tmp_path / "segments", "paid", on(where=[{"field": "status", "operator": "eq", "value": "paid"}]))
    events = list[Any]()
    tables = {"orders": {"path": str(tmp_path / "orders"), "time": "placed_at"}}
    report = run(contacts, tables, as_of="2026-04-15", events=events.append)
    (record,) = report.tables
    assert (record.name, record.contact, record.time) == ("orders", "contact_id", "placed_at")
    assert (record.rows, record.orphans, record.later, record.aggregates) == (5, 2, 1, 2)
    assert [(file.path, file.rows, file.sha256) for file in record.files] == [
        (str(table), 5, hashlib.sha256(table.read_bytes()).hexdigest())
    ]
    note = "the table 'orders': 2 of 5 rows belong to no contact of the snapshot"
    assert [str(one) for one in report.notes] == [note]
    (planned,) = [event for event in events if isinstance(event, RunPlanned)]
    assert planned.tables == (PlannedTable("orders", 5, 2),)
    assert note in [str(event.problem) for event in events if type(event).__name__ == "Noted"]
    manifest = read_manifest(Path(report.membership).parent)
    assert manifest.tables == report.tables
    assert manifest.notes == (note,)
    (as_json,) = report.to_json()["tables"]
    assert as_json["orphans"] == 2
    assert "files" not in as_json


def test_a_table_whose_rows_all_belong_to_no_contact_is_a_warning(contacts: Path, tmp_path: Path) -> None:
    table = write_table(tmp_path / "orders.parquet", ROWS)
    write_segment(tmp_path / "segments", "one", on(operator="eq", value=0))
    report = run(contacts, {"orders": {"path": str(table), "contact": "status"}})
    assert [str(one) for one in report.warnings] == [
        (
            "the table 'orders': 5 of 5 rows belong to no contact of the snapshot; check the column 'status' "
            "(--table-contact orders=COLUMN)"
        )
    ]
    write_table(table, {"contact_id": ["a", "x"]})
    report = run(contacts, {"orders": table})
    assert [str(one) for one in report.notes] == [
        "the table 'orders': 1 of 2 rows belongs to no contact of the snapshot"
    ]
    write_table(table, {"contact_id": ["a", "b"]})
    assert run(contacts, {"orders": table}).notes == ()


@pytest.mark.parametrize("ids", [["a", "b"], [1, 2], pa.array([b"a" * 16, b"b" * 16], pa.binary(16))], ids=str)
def test_a_column_of_contacts_without_values_is_read_alike_in_any_type(tmp_path: Path, ids: Any) -> None:
    contacts = write_contacts(tmp_path / "contacts.parquet", {"id": ids})
    write_segment(tmp_path / "segments", "none", on(operator="eq", value=0))
    write_segment(tmp_path / "segments", "some", on(aggregate="sum", field="n", operator="gte", value=1))
    found = []
    for contact in (pa.nulls(3, pa.array(ids).type), pa.nulls(3)):
        table = write_table(tmp_path / "orders.parquet", {"contact_id": contact, "n": [1, 2, 3]})
        report = run(contacts, {"orders": table})
        sizes = {one.segment_id: (one.status, one.member_count) for one in report.segments}
        found.append((sizes, [str(one) for one in report.warnings]))
    assert found[0] == found[1]
    assert found[0][0] == {"none": ("ok", 2), "some": ("ok", 0)}
    assert "3 of 3 rows belong to no contact" in found[0][1][0]


def test_a_time_column_without_values_is_read_alike_in_any_type(contacts: Path, tmp_path: Path) -> None:
    rules = [on(operator="eq", value=2), on(aggregate="last", field="n", operator="empty")]
    for at in (pa.nulls(3), pa.nulls(3, pa.timestamp("us", "UTC")), pa.nulls(3, pa.date32())):
        table = write_table(tmp_path / "orders.parquet", {"contact_id": ["a", "a", "b"], "n": [1, 2, 3], "at": at})
        tables = {"orders": {"path": str(table), "time": "at"}}
        assert members(prepared(contacts, tables, *rules)) == {"s0": ["a"], "s1": ["a", "b", "c"]}


def test_a_run_for_a_past_time_equals_a_run_made_then(contacts: Path, tmp_path: Path) -> None:
    write_segment(tmp_path / "segments", "two", on(operator="gte", value=2))
    write_segment(tmp_path / "segments", "open", on(aggregate="last", field="status", operator="eq", value="open"))
    then = {name: column[:2] for name, column in ROWS.items()}
    found = []
    for rows in (then, dict(ROWS)):
        table = write_table(tmp_path / "orders.parquet", rows)
        tables = {"orders": {"path": str(table), "time": "placed_at"}}
        report = run(contacts, tables, as_of="2026-02-15", run_id="then")
        with duckdb.connect(str(report.catalogue), read_only=True) as con:
            found.append(con.execute("SELECT segment_id, contact_id FROM membership ORDER BY ALL").fetchall())
    assert found == [[("open", "a"), ("two", "a")]] * 2


@pytest.mark.parametrize(
    ("times", "as_of", "timezone", "expected"),
    [
        ([dt.datetime(2026, 5, 1, 12, tzinfo=dt.UTC), None], "2026-05-01T12:00:00Z", "UTC", 2),
        ([dt.datetime(2026, 5, 1, 12, 0, 1, tzinfo=dt.UTC), None], "2026-05-01T12:00:00Z", "UTC", 1),
        ([dt.date(2026, 5, 1), dt.date(2026, 5, 2)], "2026-05-01T00:00:00Z", "UTC", 1),
        ([dt.date(2026, 5, 1), dt.date(2026, 5, 2)], "2026-05-01T22:30:00Z", "Europe/Berlin", 2),
    ],
)
def test_rows_later_than_the_run_do_not_exist(
    contacts: Path, tmp_path: Path, times: list[Any], as_of: str, timezone: str, expected: int
) -> None:
    table = write_table(tmp_path / "orders.parquet", {"contact_id": ["a", "a"], "at": times})
    tables = {"orders": {"path": str(table), "time": "at"}}
    found = prepared(contacts, tables, on(), as_of=as_of, timezone=timezone)
    assert values(found, on()) == [expected, 0, 0]


def test_a_segment_that_is_held_back_is_evaluated_again_without_it(tmp_path: Path) -> None:
    ids = [str(number) for number in range(200)]
    contacts = write_contacts(tmp_path / "contacts.parquet", {"id": ids})
    table = write_table(tmp_path / "orders.parquet", {"contact_id": ids})
    write_segment(tmp_path / "segments", "buyers", on(operator="gte", value=1))
    run(contacts, {"orders": table})
    write_table(table, {"contact_id": ["x"]})
    report = run(contacts, {"orders": table})
    assert [(one.status, one.member_count) for one in report.segments] == [("held", 200)]
    assert report.tables[0].orphans == 1


def test_a_plan_and_its_tables_evaluate_in_another_process(contacts: Path, tmp_path: Path) -> None:
    table = write_table(tmp_path / "orders.parquet", {**ROWS, "custom_fields": ['{"n": 1}', None, "{}", None, None]})
    rules = [
        on(operator="gte", value=1, where=[{"field": "custom_fields.n", "operator": "eq", "value": 1}]),
        on(aggregate="last", field="status", operator="eq", value="open"),
    ]
    found = prepared(contacts, {"orders": {"path": str(table), "time": "placed_at"}}, *rules)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        elsewhere = pool.submit(members, found).result()
    assert elsewhere == members(found) == {"s0": ["a"], "s1": ["a"]}
