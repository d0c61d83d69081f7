"""Rules on rows that read a column as another type: `as`, and texts that are dates."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from builders import write_contacts

from .making import members, on, prepared, write_table

RULE = {"field": "seen", "operator": "older_than", "value": "30d"}


@pytest.fixture
def contacts(tmp_path: Path) -> Path:
    return write_contacts(tmp_path / "contacts.parquet", {"id": ["a", "b"]})


def table(tmp_path: Path, seen: list[Any], **more: Any) -> dict[str, Any]:
    cells = {"contact_id": ["a", "b", "b", None, "zed"][: len(seen)], "seen": seen, **more}
    return {"orders": str(write_table(tmp_path / "orders.parquet", cells))}


@pytest.mark.parametrize(
    ("seen", "older"),
    [
        (["2026-01-01", "2026-05-30", None], ["a"]),
        (["2026-05-30T10:00Z", "2026-01-01", "2026-05-03T11:59:59Z"], ["b"]),
    ],
    ids=["days", "date-times"],
)
def test_texts_that_are_dates_count_as_dates(contacts: Path, tmp_path: Path, seen: list[Any], older: list[str]) -> None:
    found = prepared(contacts, table(tmp_path, seen), on(operator="gte", value=1, where=[RULE]))
    assert members(found) == {"s0": older}
    assert not found.warnings


@pytest.mark.parametrize("form", ["json", "structs", "texts"])
def test_texts_in_lists_count_as_dates(tmp_path: Path, form: str) -> None:
    lists: list[Any] = [["2026-01-01"], ["2026-05-30", "2026-05-31"], None]
    objects: list[Any] = [cells and [{"seen": cell} for cell in cells] for cells in lists]
    column = {
        "json": [cells and json.dumps({"visits": cells}) for cells in objects],
        "structs": pa.array([cells and {"visits": cells} for cells in objects]),
        "texts": pa.array([cells and {"visits": cells} for cells in lists]),
    }[form]
    contacts = write_contacts(tmp_path / "contacts.parquet", {"id": ["a", "b", "c"], "custom_fields": column})
    rule = {**RULE, "field": "value" if form == "texts" else "seen"}
    found = prepared(contacts, {}, on("custom_fields.visits", operator="gte", value=1, where=[rule]))
    assert members(found) == {"s0": ["a"]}


def test_other_texts_are_an_error_with_their_number(contacts: Path, tmp_path: Path) -> None:
    found = prepared(contacts, table(tmp_path, ["2026-01-01", "soon", "x"]), on(operator="gte", value=1, where=[RULE]))
    (problem,) = found.plan.failed["s0"]
    assert (problem.path, problem.message) == (
        "$.rules[0].where[0].field",
        (
            "'older_than' compares dates here, and 2 of the 3 values of 'seen' (text) are not ISO 8601 dates; "
            'add "as": "datetime" to treat them as missing'
        ),
    )


def test_rows_of_no_contact_and_later_rows_decide_nothing(contacts: Path, tmp_path: Path) -> None:
    seen = ["2026-01-01", "2026-01-01", "later", "of no contact", "of another"]
    at = pa.array([1, None, 2**52, 1, 1], pa.timestamp("us", "UTC"))
    tables = table(tmp_path, seen, at=at)
    rule = on(operator="gte", value=1, where=[RULE])
    timed = {"orders": {"path": tables["orders"], "time": "at"}}
    assert members(prepared(contacts, timed, rule)) == {"s0": ["a", "b"]}
    (problem,) = prepared(contacts, tables, rule).plan.failed["s0"]
    assert "1 of the 3 values" in problem.message


def test_values_that_cannot_be_read_are_a_warning_and_no_readable_one_an_error(contacts: Path, tmp_path: Path) -> None:
    rules = [
        on(operator="gte", value=1, where=[{"field": "seen", "operator": "gt", "value": 5, "as": "number"}]),
        on(operator="gte", value=1, where=[{"field": "seen", "operator": "gt", "value": "1.0", "as": "version"}]),
    ]
    found = prepared(contacts, table(tmp_path, ["7", "x y", "3 z"]), rules[0])
    assert members(found) == {"s0": ["a"]}
    assert [(one.path, one.message) for one in found.warnings] == [
        (
            "$.rules[0].where[0].as",
            "2 of 3 values of 'seen' cannot be read as a number; this rule treats them as missing",
        )
    ]
    failed = prepared(contacts, table(tmp_path, ["x y", "z w", None]), *rules).plan.failed
    assert [failed[name][0].message for name in ("s0", "s1")] == [
        "none of the 2 values of 'seen' can be read as a number",
        "none of the 2 values of 'seen' can be read as a version",
    ]


def test_a_damaged_table_fails_the_segment(contacts: Path, tmp_path: Path) -> None:
    tables = table(tmp_path, ["2026-01-01", "2026-01-01"], note=[b"\xff\xfe", b"a"])
    schema = pa.schema([("contact_id", pa.string()), ("seen", pa.string())])
    cells = [pa.array(["a"]), pa.array([b"\xff"]).view(pa.string())]
    write_table(Path(tables["orders"]), pa.Table.from_arrays(cells, schema=schema))
    (problem,) = prepared(contacts, tables, on(operator="gte", value=1, where=[RULE])).plan.failed["s0"]
    assert "has text that is not UTF-8" in problem.message
