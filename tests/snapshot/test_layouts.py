"""Files of one snapshot that differ in layout."""

import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import segbatch
from segbatch.errors import SnapshotError
from segbatch.snapshot.open_snapshot import open_snapshot
from segbatch.sql.generate import write_sql

ONE = UUID("aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee")
NOON = dt.datetime(2025, 6, 1, 12)  # noqa: DTZ001 - a cell of a column without a zone
SECONDS = 1_748_779_200


def write(folder: Path, *columns: pa.Array | None, ids: pa.DataType | None = None) -> Path:
    """Write a file for each column; the contacts are 1, 2, 3 and so on."""
    number = 0
    for index, column in enumerate(columns):
        rows = 1 if column is None else len(column)
        names = [str(number + row + 1) for row in range(rows)]
        number += rows
        table = pa.table({"id": pa.array(names, ids or pa.string())})
        if column is not None:
            table = table.append_column("f", column)
        pq.write_table(table, folder / f"{index}.parquet")
    return folder


def members(folder: Path, *written: str) -> list[tuple[str | int, ...]]:
    """Return the members of a segment for each rule."""
    return [segbatch.preview(folder, rules=[one], first=99).segments[0].first for one in written]


def lists(*values: Any, kind: pa.DataType) -> pa.Array:
    return pa.array(values, kind)


TEXTS = pa.array(["pro", None, ""])
SAME: dict[str, tuple[list[pa.Array | None], dict[str, str]]] = {
    "texts": (
        [
            TEXTS,
            TEXTS.cast(pa.large_string()),
            TEXTS.cast(pa.string_view()),
            TEXTS.dictionary_encode(),
            TEXTS.cast(pa.large_string()).dictionary_encode(),
            TEXTS.cast(pa.binary()),
            TEXTS.cast(pa.large_binary()),
            pa.ExtensionArray.from_storage(pa.json_(pa.string()), TEXTS),
            pa.nulls(1),
            None,
        ],
        {
            "f eq pro": "1 4 7 10 13 16 19 22",
            "f starts_with p": "1 4 7 10 13 16 19 22",
            "f empty": "2 5 8 11 14 17 20 23 25 26",
        },
    ),
    "instants": (
        [
            pa.array([NOON], pa.timestamp("us")),
            pa.array([NOON], pa.timestamp("ns")),
            pa.array([SECONDS * 1000], pa.timestamp("ms", "UTC")),
            pa.array([SECONDS * 10**6], pa.timestamp("us", "+05:30")),
            pa.array([SECONDS * 10**9], pa.timestamp("ns", "Europe/Berlin")),
            pa.array([-(10**9) * 62_135_596_800 // 1000], pa.timestamp("us")),
            pa.array([253_402_214_400_000_000], pa.timestamp("us")),
        ],
        {
            "f eq 2025-06-01T12:00:00Z": "1 2 3 4 5",
            "f gt 9999-01-01": "7",
            "f lt 0002-01-01": "6",
        },
    ),
    "numbers": (
        [
            pa.array([5, 1], pa.int8()),
            pa.array([5, 2**31], pa.uint32()),
            pa.array([5, -(2**60)], pa.int64()),
            pa.array([5, 2**64 - 1], pa.uint64()),
            pa.array([Decimal("5.00"), Decimal("0.25")], pa.decimal128(5, 2)),
        ],
        {"f eq 5": "1 3 5 7 9", "f gt 18446744073709551614": "8", "f lt 0": "6", "f eq 0.25": "10"},
    ),
    "decimals of many digits and of many places": (
        [
            pa.array([Decimal("1.50"), None], pa.decimal128(38, 2)),
            pa.array([Decimal("1.50000"), Decimal("0.00001")], pa.decimal128(18, 5)),
            pa.array([2, -(2**62)], pa.int64()),
        ],
        {"f eq 1.5": "1 3", "f gt 1.5": "5", "f lt 0.0001": "4 6", "f empty": "2"},
    ),
    "numbers beside floats": (
        [pa.array([5, 2**53]), pa.array([5.0, 0.5]), pa.array([5.0, 0.5], pa.float32()), pa.array([5], pa.uint8())],
        {"f eq 5": "1 3 5 7", "f eq 9007199254740992": "2"},
    ),
    "dates": (
        [pa.array([dt.date(2025, 6, 1)], pa.date32()), pa.array([dt.date(2025, 6, 1)], pa.date64()), pa.nulls(1)],
        {"f eq 2025-06-01": "1 2"},
    ),
    "lists": (
        [
            lists(["x"], [], None, kind=pa.list_(pa.string())),
            lists(["x"], kind=pa.large_list(pa.large_string())),
            lists(["x", "y"], None, kind=pa.list_(pa.string(), 2)),
            lists([], None, kind=pa.list_(pa.null())),
            lists([b"x"], kind=pa.list_(pa.binary())),
            lists(["x"], kind=pa.list_(pa.field("element", pa.dictionary(pa.int8(), pa.string()), nullable=False))),
        ],
        {"f contains x": "1 4 5 9 10", "f empty": "3 6 8"},
    ),
    "structs": (
        [
            pa.array([{"plan": "pro", "n": 1}, None]),
            pa.array([{"n": 1, "more": {"x": [1]}, "plan": "pro"}]),
            pa.array([{"plan": None}]),
            pa.array(
                [{"more": {"x": [2**40], "y": None}}],
                pa.struct([("more", pa.struct([("x", pa.list_(pa.int64())), ("y", pa.null())]))]),
            ),
            None,
        ],
        {
            "f.plan eq pro": "1 3",
            "f.n eq 1": "1 3",
            "f.more.x contains 1": "3",
            "f.more.x contains 1099511627776": "5",
            "f.plan empty": "2 4 5 6",
        },
    ),
    "maps": (
        [
            pa.array([[("a", "1")]], pa.map_(pa.string(), pa.string())),
            pa.array([[(b"a", b"1")], None], pa.map_(pa.binary(), pa.large_binary())),
        ],
        {"f.a eq 1": "1 2"},
    ),
    "UUIDs": (
        [
            pa.ExtensionArray.from_storage(pa.uuid(), pa.array([ONE.bytes, None], pa.binary(16))),
            pa.array([str(ONE)]),
        ],
        {f"f eq {ONE}": "1 3", "f contains bbbb-cccc": "1 3", "f empty": "2"},
    ),
    "UUIDs and their bytes": (
        [
            pa.ExtensionArray.from_storage(pa.uuid(), pa.array([ONE.bytes], pa.binary(16))),
            pa.array([ONE.bytes], pa.binary(16)),
        ],
        {f"f eq {ONE}": "1 2"},
    ),
}


@pytest.mark.parametrize("name", SAME)
@pytest.mark.parametrize("is_turned", [False, True])
def test_files_that_differ_in_layout_are_one_snapshot(tmp_path: Path, name: str, *, is_turned: bool) -> None:
    columns, rules = SAME[name]
    write(tmp_path, *columns)
    if is_turned:  # the file that is read first should not decide
        for index in range(len(columns)):
            (tmp_path / f"{index}.parquet").rename(tmp_path / f"{99 - index}.parquet")
    found = [sorted(map(int, map(str, one))) for one in members(tmp_path, *rules)]
    assert found == [[*map(int, expected.split())] for expected in rules.values()]


def test_ids_of_every_layout_are_one_type(tmp_path: Path) -> None:
    kinds = [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string())]
    for index, kind in enumerate(kinds):
        pq.write_table(pa.table({"id": pa.array([f"no. {index}"]).cast(kind)}), tmp_path / f"{index}.parquet")
    snapshot = open_snapshot(str(tmp_path))
    assert snapshot.id_type == pa.large_string()
    assert members(tmp_path, "id exists") == [tuple(f"no. {index}" for index in range(4))]


def test_ids_of_other_widths_are_the_widest(tmp_path: Path) -> None:
    for index, kind in enumerate([pa.int32(), pa.int64(), pa.uint8()]):
        pq.write_table(pa.table({"id": pa.array([index], kind)}), tmp_path / f"{index}.parquet")
    assert open_snapshot(str(tmp_path)).id_type == pa.int64()
    assert members(tmp_path, "id gte 1") == [(1, 2)]


def test_a_whole_number_that_a_float_would_change_is_refused(tmp_path: Path) -> None:
    write(tmp_path, pa.array([0.5]), pa.array([2**53 + 1]))
    assert members(tmp_path, "id exists") == [("1", "2")]
    problem = r"1\.parquet: the column 'f' has a value that does not fit into double, the common type"
    with pytest.raises(SnapshotError, match=problem):
        members(tmp_path, "f gt 0")


def test_a_decimal_with_too_many_digits_for_the_places_of_other_files_is_refused(tmp_path: Path) -> None:
    write(
        tmp_path,
        pa.array([Decimal(10**35)], pa.decimal128(38, 2)),
        pa.array([Decimal("0.00001")], pa.decimal128(18, 5)),
    )
    assert members(tmp_path, "id exists") == [("1", "2")]
    problem = r"0\.parquet: the column 'f' has a value that does not fit into decimal128\(38, 5\), the common type"
    with pytest.raises(SnapshotError, match=problem):
        members(tmp_path, "f gt 0")


def test_bytes_that_are_texts_are_noted(tmp_path: Path) -> None:
    write(tmp_path, pa.array([b"pro", "\u00e9".encode(), None]), ids=pa.binary())
    report = segbatch.preview(tmp_path, rules=["f eq pro"])
    assert report.segments[0].first == ("1",)
    why = "is stored as bytes without the UTF-8 annotation; it is read as text because all of it is UTF-8"
    assert [str(note) for note in report.notes] == [f"'id' {why}", f"'f' {why}"]
    sql = write_sql(None, tmp_path, rules=["f eq pro"])
    assert "binary_as_string" in sql.lower()


def test_bytes_that_are_no_texts_stay_bytes(tmp_path: Path) -> None:
    write(tmp_path, pa.array([b"pro"]), pa.array([b"\xff"]), pa.array([b"a\0b"]))
    report = segbatch.preview(tmp_path, rules=["f exists"])
    assert report.segments[0].members == 3
    problem = "'eq' is not for 'f' (bytes): only 'exists' and 'empty' apply to it"
    with pytest.raises(segbatch.DefinitionError, match=problem.replace("(", r"\(").replace(")", r"\)")):
        segbatch.preview(tmp_path, rules=["f eq pro"])
