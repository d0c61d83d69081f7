"""The rows of related tables that explanations show."""

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import segbatch
from builders import orders, rule, segment, write_contacts
from segbatch.authoring.explain.reports import Rows, Verdict

NOW = datetime(2025, 6, 15, tzinfo=UTC)
PAID = rule("status", "eq", "paid")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_contacts(tmp_path / "contacts.parquet", {"status": ["new", "new", "new"]})
    days = [1, 3, 2, 20, 4, 5, 6, None]
    pq.write_table(
        pa.table(
            {
                "contact_id": ["a", "a", "a", "a", "b", "a", "a", "a"],
                "placed_at": [day and datetime(2025, 6, day, tzinfo=UTC) for day in days],
                "status": ["paid", "paid", "open", "paid", "paid", "paid", None, "paid"],
                "amount": pa.array([Decimal("1.50"), None, *map(Decimal, range(3, 9))], pa.decimal128(10, 2)),
                "day": [date(2025, 6, 1), *[None] * 7],
                "tags": [["x"], *[None] * 7],
                "deep": [{"a": {"secret": 1}}, *[None] * 7],
                "secret": ["no"] * 8,
            }
        ),
        tmp_path / "orders.parquet",
    )
    return tmp_path


def explained(folder: Path, contact: str, written: dict[str, Any], *, time: str | None = "placed_at") -> Verdict:
    tables = {"orders": segbatch.TableSource(folder / "orders.parquet", time=time)}
    [verdict] = segbatch.explain(
        folder / "contacts.parquet", segment(written), contact, tables=tables, as_of=NOW
    ).verdicts
    return verdict


def rows(verdict: Verdict) -> Rows:
    assert verdict.rows is not None
    return verdict.rows


def test_the_rows_of_an_aggregate_are_counted_and_shown_the_latest_first(folder: Path) -> None:
    verdict = explained(folder, "a", orders("gte", 3, PAID))
    assert (verdict.holds, verdict.why) == (True, "4 is at least 3; from 4 rows")
    days = ["2025-06-05", "2025-06-03", "2025-06-01"]
    shown = [{"placed_at": f"{day}T00:00:00Z", "status": "paid"} for day in days]
    assert rows(verdict) == Rows(4, (*shown, {"placed_at": None, "status": "paid"}))


def test_at_most_five_rows_are_shown_and_only_columns_that_the_rule_names(folder: Path) -> None:
    verdict = explained(folder, "a", orders("gte", 3, aggregate="max", field="status"), time=None)
    assert rows(verdict).number == 6
    assert rows(verdict).shown == (
        {"status": "paid"},
        {"status": "paid"},
        {"status": "open"},
        *[{"status": "paid"}] * 2,
    )


def test_rows_without_a_value_are_not_part_of_its_aggregate(folder: Path) -> None:
    verdict = explained(folder, "a", orders("gt", 5, PAID, aggregate="avg", field="amount"))
    assert verdict.why == "5.166666666666667 is above 5; from 3 rows"
    assert [row["amount"] for row in rows(verdict).shown] == [6.0, 1.5, 8.0]


def test_first_and_last_are_made_of_the_rows_with_a_time(folder: Path) -> None:
    assert rows(explained(folder, "a", orders("eq", 7, aggregate="last", field="amount"))).number == 5


@pytest.mark.parametrize(
    ("aggregate", "value", "origin", "first"),
    [
        ("last", 7, "the latest of 5 rows", {"placed_at": "2025-06-06T00:00:00Z", "amount": 7.0}),
        ("first", 1.5, "the earliest of 5 rows", {"placed_at": "2025-06-01T00:00:00Z", "amount": 1.5}),
        ("max", 8, "the one with the largest value of 5 rows", {"placed_at": None, "amount": 8.0}),
        ("min", 1.5, "the one with the smallest value of 5 rows", {"placed_at": "2025-06-01T00:00:00Z", "amount": 1.5}),
    ],
)
def test_the_row_that_has_the_value_comes_first(
    folder: Path, aggregate: str, value: float, origin: str, first: dict[str, object]
) -> None:
    verdict = explained(folder, "a", orders("eq", value, aggregate=aggregate, field="amount"))
    assert verdict.holds
    assert verdict.why.endswith(f"; from {origin}")
    assert (rows(verdict).has_source, rows(verdict).shown[0]) == (True, first)
    assert len({row["placed_at"] for row in rows(verdict).shown}) == 5


def test_of_rows_at_one_time_that_with_the_value_comes_first(folder: Path) -> None:
    time = datetime(2025, 6, 1, tzinfo=UTC)
    cells = {"contact_id": ["a"] * 7, "placed_at": [time] * 7, "amount": [4, 3, None, 9, 2, 5, 6]}
    pq.write_table(pa.table(cells), folder / "orders.parquet")
    for aggregate, value in (("last", 9), ("first", 2)):
        verdict = explained(folder, "a", orders("eq", value, aggregate=aggregate, field="amount"))
        assert (verdict.holds, rows(verdict).shown[0]["amount"]) == (True, value)


def test_a_latest_row_without_a_value_comes_first(folder: Path) -> None:
    verdict = explained(folder, "a", orders("empty", aggregate="last", field="status"))
    assert (verdict.holds, rows(verdict).shown[0]) == (True, {"placed_at": "2025-06-06T00:00:00Z", "status": None})


@pytest.mark.parametrize(
    ("field", "column", "most"),
    [
        ("custom_fields.x", [f'{{"x": {10**30}}}', '{"x": 7}'], 1e30),
        ("x", ["a", "b"], "b"),
        ("x", [date(2025, 1, 1), date(2025, 1, 2)], "2025-01-02"),
        ("x", pa.array([Decimal("1.50"), Decimal("2.50")], pa.decimal128(5, 2)), 2.5),
    ],
    ids=["numbers of any length", "texts", "dates", "decimals"],
)
def test_the_row_is_found_by_values_of_all_types(folder: Path, field: str, column: Any, most: object) -> None:
    cells = {"contact_id": ["a", "a"], field.partition(".")[0]: column}
    pq.write_table(pa.table(cells), folder / "orders.parquet")
    verdict = explained(folder, "a", orders("exists", aggregate="max", field=field), time=None)
    assert rows(verdict).has_source
    assert rows(verdict).shown[0] == {field: most}


def test_an_aggregate_of_one_row_is_of_that_row(folder: Path) -> None:
    verdict = explained(folder, "b", orders("exists", aggregate="last", field="status"))
    assert verdict.why.endswith("; from 1 row")


def test_a_contact_without_rows_has_none(folder: Path) -> None:
    verdict = explained(folder, "c", orders("gt", 5, aggregate="max", field="amount"))
    assert (verdict.holds, verdict.why, rows(verdict)) == (
        False,
        "missing, and the rule does not match missing values; from 0 rows",
        Rows(0),
    )


def test_values_of_all_types_can_be_json(folder: Path) -> None:
    where = [rule("day", "exists"), rule("tags", "contains", "x"), rule("deep", "exists"), rule("amount", "lt", 2)]
    [row] = rows(explained(folder, "a", orders("eq", 1, *where), time=None)).shown
    assert row == {"day": "2025-06-01", "tags": ["x"], "deep": "an object", "amount": 1.5}


def test_another_rule_has_no_rows(folder: Path) -> None:
    assert explained(folder, "a", rule("status", "eq", "new")).rows is None


def test_rows_of_no_contact_are_not_shown(folder: Path) -> None:
    pq.write_table(pa.table({"contact_id": pa.nulls(2), "placed_at": pa.nulls(2)}), folder / "orders.parquet")
    verdict = explained(folder, "a", orders("eq", 0))
    assert (verdict.holds, verdict.why) == (True, "0 is 0; from 0 rows")
