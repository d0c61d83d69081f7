"""Aggregates of related tables, against plain Python over the same rows."""

import datetime as dt
import random
from collections.abc import Callable, Sequence
from decimal import Decimal, localcontext
from fractions import Fraction
from pathlib import Path
from typing import Any
from uuid import UUID

import polars as pl
import pyarrow as pa
import pytest

from builders import write_contacts
from segbatch import TableRule
from segbatch.snapshot.related import aggregation, partitions
from segbatch.snapshot.related import values as related_values
from segbatch.snapshot.related.ids import family_of

from .making import aggregate, all_values, on, prepared, values, write_table

IDS = ["a", "b", "c", "d"]
COLUMNS: dict[str, tuple[pa.DataType, Sequence[Any]]] = {
    "small": (pa.int8(), [1, -2, 127, 0]),
    "whole": (pa.int64(), [2**63 - 1, -(2**63), 5, 0]),
    "unsigned": (pa.uint64(), [2**64 - 1, 3]),
    "float": (pa.float64(), [0.1, 0.2, -0.0, 0.0, float("nan"), 1e300]),
    "half": (pa.float32(), [0.5, 1.5, float("nan")]),
    "decimal": (pa.decimal128(10, 2), [Decimal("1.25"), Decimal("-3.10"), Decimal("0.00")]),
    "wide": (pa.decimal128(38, 3), [Decimal(10) ** 30, -(Decimal(10) ** 31), Decimal("0.001")]),
    "text": (pa.string(), ["b", "a", "", "z\u00e9", "\U0001f600", "\uffff"]),
    "flag": (pa.bool_(), [True, False]),
    "day": (pa.date32(), [dt.date(2026, 1, 1), dt.date(1960, 2, 3)]),
    "moment": (
        pa.timestamp("us", "UTC"),
        [dt.datetime(2026, 1, 1, tzinfo=dt.UTC), dt.datetime(1950, 1, 1, tzinfo=dt.UTC)],
    ),
    "wall": (
        pa.timestamp("ms"),
        [dt.datetime.fromisoformat("2026-01-01T05:00"), dt.datetime.fromisoformat("2026-01-02")],
    ),
    "nothing": (pa.null(), [None]),
}
NUMBERS = ("small", "whole", "unsigned", "float", "half", "decimal", "wide")
ORDERED = (*NUMBERS, "text", "day", "moment", "wall")


def is_missing(value: Any) -> bool:
    return value is None or value != value  # noqa: PLR0124 - NaN


def added(found: list[Any]) -> Any:
    total = found[0] * 0 if found else 0
    with localcontext(prec=60):
        for value in found:
            total += value
    return total


def mean(found: list[Any]) -> float | None:
    if not found:
        return None
    if isinstance(found[0], float):
        return float(added(found)) / len(found)
    return float(sum(map(Fraction, found)) / len(found))


REFERENCE: dict[str, Callable[[list[Any]], Any]] = {
    "count_distinct": lambda found: len(set(found)),
    "sum": added,
    "avg": mean,
    "min": lambda found: min(found, default=None, key=sortable),
    "max": lambda found: max(found, default=None, key=sortable),
}


def sortable(value: Any) -> Any:
    return value.encode() if isinstance(value, str) else value


@pytest.fixture(params=["whole", "in parts"])
def _parts(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Aggregate all contacts at once, or few contacts and few rows at a time with rows on disk."""
    if request.param == "in parts":
        monkeypatch.setattr(partitions, "RANGE", 2)
        monkeypatch.setattr(related_values, "RANGE", 2)
        monkeypatch.setattr(aggregation, "_MOST_ROWS", 3)
        monkeypatch.setattr(related_values, "_BATCH", 5)
        monkeypatch.setattr(partitions, "MOST_BYTES", 50)


def table_of(path: Path, seed: int) -> tuple[list[dict[str, Any]], Path]:
    chosen = random.Random(seed)  # noqa: S311 - draws rows, not secrets
    rows = [
        {
            "contact_id": chosen.choice([*IDS[:3], None, "stranger"]),
            "kind": chosen.choice(["x", "y", None]),
            "at": chosen.choice([None, *(dt.datetime.fromisoformat(f"2026-05-0{day}") for day in (1, 2, 3))]),
            **{name: chosen.choice([*among, None]) for name, (_, among) in COLUMNS.items()},
        }
        for _ in range(40)
    ]
    schema = pa.schema(
        [
            ("contact_id", pa.string()),
            ("kind", pa.string()),
            ("at", pa.timestamp("us")),
            *((name, arrow_type) for name, (arrow_type, _) in COLUMNS.items()),
        ]
    )
    return rows, write_table(path, pa.Table.from_pylist(rows, schema))


@pytest.mark.usefixtures("_parts")
@pytest.mark.parametrize("seed", range(2))
def test_aggregates_of_columns_equal_those_of_plain_python(tmp_path: Path, seed: int) -> None:
    contacts = write_contacts(tmp_path / "contacts.parquet", {"id": IDS})
    rows, table = table_of(tmp_path / "orders.parquet", seed)
    accepted = {"count_distinct": COLUMNS, "sum": NUMBERS, "avg": NUMBERS, "min": ORDERED, "max": ORDERED}
    where = [{"field": "kind", "operator": "eq", "value": "x"}]
    conditions: list[dict[str, Any]] = [{}, {"where": where}]
    rules = [
        on(aggregate=name, field=field, **more)
        for name, fields in accepted.items()
        for field in fields
        for more in conditions
    ]
    found = prepared(contacts, {"orders": table}, *rules)
    assert not found.plan.failed
    for rule, seen in zip(rules, all_values(found, rules, 3), strict=True):
        if rule["field"] == "nothing":
            assert seen == [0] * len(IDS)
            continue
        own = [
            [
                row[rule["field"]]
                for row in rows
                if row["contact_id"] == contact and ("where" not in rule or row["kind"] == "x")
            ]
            for contact in IDS
        ]
        expected = [REFERENCE[rule["aggregate"]]([value for value in one if not is_missing(value)]) for one in own]
        if rule["field"] == "wall":
            expected = [one.replace(tzinfo=dt.UTC) if isinstance(one, dt.datetime) else one for one in expected]
        assert seen == expected, rule


@pytest.mark.usefixtures("_parts")
@pytest.mark.parametrize("seed", range(2))
def test_first_and_last_return_the_value_of_one_row(tmp_path: Path, seed: int) -> None:
    contacts = write_contacts(tmp_path / "contacts.parquet", {"id": IDS})
    rows, table = table_of(tmp_path / "orders.parquet", seed)
    fields = ["whole", "text", "flag", "decimal", "day"]
    rules = [on(aggregate=name, field=field) for name in ("first", "last") for field in fields]
    found = prepared(contacts, {"orders": {"path": str(table), "time": "at"}}, *rules)
    assert not found.plan.failed
    for rule, seen in zip(rules, all_values(found, rules, 3), strict=True):
        expected = list[Any]()
        for contact in IDS:
            timed = [row for row in rows if row["contact_id"] == contact and row["at"] is not None]
            end = min if rule["aggregate"] == "first" else max
            best = end((row["at"] for row in timed), default=None)
            own = [row[rule["field"]] for row in timed if row["at"] == best and row[rule["field"]] is not None]
            expected.append(end(own, key=sortable, default=None))
        assert seen == expected, rule


def test_rows_are_counted(tmp_path: Path) -> None:
    contacts = write_contacts(tmp_path / "contacts.parquet", {"id": IDS})
    rows, table = table_of(tmp_path / "orders.parquet", 1)
    counts = [sum(row["contact_id"] == contact for row in rows) for contact in IDS]
    assert aggregate(contacts, table) == counts
    assert counts[-1] == 0
    found = prepared(contacts, {"orders": table}, on())
    (batch,) = found.snapshot.batches(found.plan.leaves, 100)
    assert batch.tables["orders"].rows == len(rows)
    assert batch.tables["orders"].orphans == len(rows) - sum(counts)


def test_a_sum_of_floats_does_not_depend_on_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    contacts = write_contacts(tmp_path / "contacts.parquet", {"id": ["a"]})
    amounts = [0.1, 1e16, 0.7, -1e16, 0.3] * 5
    table = write_table(tmp_path / "orders.parquet", {"contact_id": ["a"] * 25, "amount": amounts})
    monkeypatch.setattr(related_values, "_BATCH", 3)
    assert aggregate(contacts, table, aggregate="sum", field="amount") == [added(amounts)]


def test_a_table_without_rows_has_aggregates(tmp_path: Path) -> None:
    contacts = write_contacts(tmp_path / "contacts.parquet", {"id": ["a"]})
    schema = pa.schema([("contact_id", pa.string()), ("amount", pa.decimal128(10, 2)), ("kind", pa.string())])
    table = write_table(tmp_path / "orders.parquet", schema.empty_table())
    assert aggregate(contacts, table) == [0]
    assert aggregate(contacts, table, aggregate="sum", field="amount") == [0]
    assert aggregate(contacts, table, aggregate="avg", field="amount") == [None]
    assert aggregate(contacts, table, aggregate="max", field="kind") == [None]
    assert aggregate(contacts, table, aggregate="count_distinct", field="kind") == [0]


def test_a_snapshot_without_contacts_reads_a_table(tmp_path: Path) -> None:
    contacts = write_contacts(tmp_path / "contacts.parquet", {"id": pa.array([], pa.string())})
    table = write_table(tmp_path / "orders.parquet", {"contact_id": ["a"]})
    found = prepared(contacts, {"orders": table}, on(), allow_empty=True)
    assert values(found, on()) == []


def test_uuids_have_an_order(tmp_path: Path) -> None:
    contacts = write_contacts(tmp_path / "contacts.parquet", {"id": ["a"]})
    keys = [UUID(int=5).bytes, UUID(int=2).bytes]
    column = pa.ExtensionArray.from_storage(pa.uuid(), pa.array(keys, pa.binary(16)))
    table = write_table(tmp_path / "orders.parquet", pa.table({"contact_id": ["a", "a"], "key": column}))
    assert aggregate(contacts, table, aggregate="min", field="key") == [str(UUID(int=2))]
    assert aggregate(contacts, table, aggregate="count_distinct", field="key") == [2]


@pytest.mark.parametrize(
    ("ids", "contact"),
    [
        (pa.array([1, 2], pa.int32()), pa.array([2, 2, None], pa.int64())),
        (pa.array([1, 2], pa.uint64()), pa.array([Decimal(2), Decimal(2), None], pa.decimal128(38, 0))),
        (pa.array(["1", "2"], pa.large_string()), pa.array(["2", "2", None]).dictionary_encode()),
        (pa.array([b"\xff1", b"\xff2"]), pa.array([b"\xff2", b"\xff2", None])),
        (
            pa.array([UUID(int=1).bytes, UUID(int=2).bytes], pa.binary(16)),
            pa.array([UUID(int=2).bytes] * 2 + [None], pa.binary(16)),
        ),
    ],
)
def test_ids_of_one_family_are_compared(tmp_path: Path, ids: pa.Array, contact: pa.Array) -> None:
    contacts = write_contacts(tmp_path / "contacts.parquet", {"id": ids})
    table = write_table(tmp_path / "orders.parquet", {"contact_id": contact})
    assert aggregate(contacts, table) == [0, 2]


def test_many_contacts_are_found_by_their_ids(tmp_path: Path) -> None:
    number = 70_000
    contacts = write_contacts(tmp_path / "contacts.parquet", {"id": pa.array(range(number))})
    table = write_table(tmp_path / "orders.parquet", {"contact_id": pa.array([*range(0, number, 7), number])})
    assert aggregate(contacts, table) == [int(contact % 7 == 0) for contact in range(number)]


def test_an_exact_sum_has_more_than_64_bits() -> None:
    import numpy as np  # noqa: PLC0415 - only here

    from segbatch.snapshot.related.reductions import exact_sums, means  # noqa: PLC0415 - only here

    big = [2**100, -(2**100) - 7, 2**126, 5]
    found = exact_sums(np.array([0, 0, 1, 1]), pl.Series(big, dtype=pl.Int128), 3)
    assert found.to_list() == [-7, 2**126 + 5, 0]
    assert means(found, np.array([2, 2, 0]), 1).to_list() == [-3.5, (2**126 + 5) / 2, None]


def test_numbers_of_any_length_are_counted(tmp_path: Path) -> None:
    contacts = write_contacts(tmp_path / "contacts.parquet", {"id": ["a"]})
    texts = [f'{{"n": {number}}}' for number in (1.5, 10**30, 10**30, 10**45)]
    table = write_table(tmp_path / "orders.parquet", {"contact_id": ["a"] * 4, "custom_fields": texts})
    assert aggregate(contacts, table, aggregate="count_distinct", field="custom_fields.n") == [3]


def test_ids_in_a_dictionary_are_of_the_family_of_their_values() -> None:
    assert family_of(pa.dictionary(pa.int32(), pa.string())) == "texts"


def test_reading_can_end_early(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partitions, "RANGE", 1)
    monkeypatch.setattr(related_values, "RANGE", 1)
    contacts = write_contacts(tmp_path / "contacts.parquet", {"id": IDS})
    table = write_table(tmp_path / "orders.parquet", {"contact_id": IDS})
    found = prepared(contacts, {"orders": table}, on())
    batches = found.snapshot.batches(found.plan.leaves, 1)
    assert next(batches).frame.get_column(TableRule.model_validate(on()).key).to_list() == [1]
    batches.close()  # type: ignore[attr-defined]


def test_equal_rules_share_one_aggregate_and_equal_conditions_one_column(tmp_path: Path) -> None:
    contacts = write_contacts(tmp_path / "contacts.parquet", {"id": IDS})
    table = write_table(tmp_path / "orders.parquet", {"contact_id": IDS, "n": [1, 2, 3, 4]})
    where = [{"field": "n", "operator": "gt", "value": 2}]
    rules = [
        on(operator="gte", value=1, where=where),
        on(operator="gte", value=1, where=where),
        on(operator="lt", value=1, where=where),
        on(aggregate="sum", field="n", where=where),
        on(aggregate="max", field="n"),
    ]
    plan = prepared(contacts, {"orders": table}, *rules).plan
    (query,) = plan.queries
    assert (len(plan.predicates), len(query.aggregates)) == (4, 3)
    assert (len(query.predicates), len(query.conditions), len(query.values)) == (1, 1, 1)
