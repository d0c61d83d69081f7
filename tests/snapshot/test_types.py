"""Columns of every type: those that cannot be evaluated hurt only the rules that name them."""

import re
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from refused_files import write_encrypted, write_long_decimal, write_map_with_optional_keys

import segbatch
from builders import nested
from segbatch.errors import SnapshotError
from segbatch.snapshot.open_snapshot import open_snapshot
from segbatch.sql.generate import write_sql

ONE = UUID("aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee")
UUIDS = pa.ExtensionArray.from_storage(pa.uuid(), pa.array([ONE.bytes, None], pa.binary(16)))
TENSORS = pa.ExtensionArray.from_storage(
    pa.fixed_shape_tensor(pa.float32(), [2]), pa.array([[1.0, 2.0], None], pa.list_(pa.float32(), 2))
)
JSON = pa.ExtensionArray.from_storage(pa.json_(pa.string()), pa.array(['{"a":1}', None]))
BOOL8 = pa.ExtensionArray.from_storage(pa.bool8(), pa.array([1, None], pa.int8()))
HUGE = pa.array([Decimal(1), None], pa.decimal256(70, 2))


def members(path: Path, written: str) -> tuple[str | int, ...]:
    return segbatch.preview(path, rules=[written], first=9).segments[0].first


def table(**columns: Any) -> pa.Table:
    return pa.table({"id": ["a", "b"], "x": [1, 2], **columns})


ODD = {
    "UUID": UUIDS,
    "tensor": TENSORS,
    "JSON": JSON,
    "bool8": BOOL8,
    "decimal of 70 digits": HUGE,
    "half float": pa.array([1, None]).cast(pa.float16()),
    "half hour": pa.array([1, None], pa.timestamp("us", "+05:30")),
    "45 minutes": pa.array([1, None], pa.timestamp("ns", "-03:45")),
    "25 hours": pa.array([1, None], pa.timestamp("ms", "+25:00")),
    "no such zone": pa.array([1, None], pa.timestamp("us", "Mars/Base")),
    "duration": pa.array([1, None], pa.duration("s")),
    "decimal32": pa.array([Decimal("1.5"), None], pa.decimal32(5, 1)),
    "fixed bytes": pa.array([b"abc", None], pa.binary(3)),
    "time of day in nanoseconds": pa.array([1, None], pa.time64("ns")),
    "nulls": pa.nulls(2),
}


@pytest.mark.parametrize("name", ODD)
def test_a_column_of_any_type_at_any_depth_hurts_no_other_rule(tmp_path: Path, name: str) -> None:
    path = tmp_path / "c.parquet"
    pq.write_table(table(**nested(ODD[name])), path)
    assert members(path, "x eq 1") == ("a",)
    assert members(path, "l exists") == ("a", "b")
    expected = () if name == "nulls" else ("a",)
    assert [members(path, rule) for rule in ("top exists", "s.in exists", "m.k exists")] == [expected] * 3
    frame = next(open_snapshot(str(path)).batches(["top", "s", "l", "ls", "m"], 2)).frame
    assert frame.height == 2


@pytest.mark.parametrize("zone", ["+05:30", "-03:30", "+05:45", "+25:00", "UTC+2", "GMT", "Z", "utc", "Mars/Base"])
def test_date_times_of_any_zone_are_instants(tmp_path: Path, zone: str) -> None:
    path = tmp_path / "c.parquet"
    instants = pa.array([1_748_779_200_000_000, None], pa.timestamp("us", zone))
    pq.write_table(table(at=instants, s=pa.StructArray.from_arrays([instants], ["at"])), path)
    assert members(path, "at eq 2025-06-01T12:00:00Z") == ("a",)
    assert members(path, "s.at eq 2025-06-01T14:00:00+02:00") == ("a",)


YEARS = {"0001": -719162, "1677": -107015, "2263": 107016, "9999": 2932532}
"""Years beyond what nanoseconds hold, with their first day since 1970."""


@pytest.mark.parametrize("year", YEARS)
def test_years_beyond_nanoseconds_in_int96_are_right(tmp_path: Path, year: str) -> None:
    path = tmp_path / "c.parquet"
    times = pa.array([YEARS[year] * 86_400_000_000, 0], pa.timestamp("us"))
    pq.write_table(table(at=times, **nested(times)), path, use_deprecated_int96_timestamps=True)
    for field in ("at", "s.in", "m.k"):
        assert members(path, f"{field} eq {year}-01-01") == ("a",)
    beyond, before = (("a",), ()) if YEARS[year] > 0 else ((), ("a",))
    assert (members(path, "at gt 1970-01-01"), members(path, "at lt 1970-01-01")) == (beyond, before)


def test_uuids_compare_with_their_text_in_sql_too(tmp_path: Path) -> None:
    path = tmp_path / "c.parquet"
    pq.write_table(table(u=UUIDS, s=nested(UUIDS)["s"], l=nested(UUIDS)["l"]), path)
    rules = [
        f"u eq {ONE}",
        "u starts_with aaaaaaaa-",
        "s.in contains bbbb-cccc",
        f"l contains {ONE}",
        "u matches ^a.*e$",
    ]
    for written in rules:
        assert members(path, written) == ("a",)
        assert duckdb.execute(write_sql(None, path, rules=[written])).fetchall() == [("a",)]


def test_a_name_that_two_fields_have_hurts_only_rules_on_it(tmp_path: Path) -> None:
    path = tmp_path / "c.parquet"
    twins = pa.StructArray.from_arrays(
        [
            pa.array(["pro", None]),
            pa.array(
                [
                    None,
                    None,
                ][:2],
                pa.int64(),
            ),
            pa.array([1, 2]),
        ],
        ["plan", "plan", "n"],
    )
    columns = pa.Table.from_arrays(
        [pa.array(["a", "b"]), twins, pa.array([1, 2]), pa.array(["x", "y"])], ["id", "s", "t", "t"]
    )
    pq.write_table(columns, path)
    assert members(path, "s.n eq 2") == ("b",)
    assert members(path, "s.plan exists") == ("a",)
    for field in ("t", "s.plan"):
        with pytest.raises(segbatch.DefinitionError, match=rf"'{field}' \(several fields have this name\)"):
            members(path, f"{field} eq x")


def test_no_path_leads_into_a_variant(tmp_path: Path) -> None:
    path = tmp_path / "c.parquet"
    parts = [pa.array([b"\x01\0\0", b"\x01\0\0"]), pa.array([b"\x0c\x01", b"\x0c\x02"])]
    pq.write_table(table(v=pa.StructArray.from_arrays(parts, ["metadata", "value"])), path)
    assert members(path, "v exists") == ("a", "b")
    with pytest.raises(segbatch.DefinitionError, match=r"no path leads into 'v' \(a variant\)"):
        members(path, "v.a eq 1")


def test_a_time_outside_of_the_day_is_present(tmp_path: Path) -> None:
    path = tmp_path / "c.parquet"
    times = pa.array([-3_600_000_000, None], pa.int64()).view(pa.time64("us"))
    pq.write_table(table(at=times, s=nested(times)["s"]), path)
    assert members(path, "at exists") == members(path, "s.in exists") == ("a",)


def test_a_map_with_optional_keys_is_read(tmp_path: Path) -> None:
    path = tmp_path / "c.parquet"
    pair = pa.struct([("key", pa.string()), ("value", pa.string())])
    kind = pa.list_(pa.field("element", pair, nullable=False))
    cells = [[{"key": "plan", "value": "pro"}, {"key": None, "value": "x"}], [{"key": "plan", "value": None}]]
    write_map_with_optional_keys(path, table(f=pa.array(cells, kind)), "f")
    with pytest.raises(pa.ArrowInvalid, match="Map keys must be annotated as required"):
        pq.read_table(path)
    assert members(path, "x eq 1") == members(path, "f.plan eq pro") == ("a",)
    assert members(path, "f.plan empty") == ("b",)


def test_a_decimal_of_77_digits_can_be_asked_whether_it_is_there(tmp_path: Path) -> None:
    path = tmp_path / "c.parquet"
    write_long_decimal(path, table(d=pa.array([Decimal(1), None], pa.decimal256(76, 0))), "d")
    with pytest.raises(pa.ArrowInvalid, match="precision out of range"):
        pq.read_table(path)
    assert members(path, "x eq 1") == members(path, "d exists") == ("a",)
    with pytest.raises(segbatch.DefinitionError, match="of a type that Polars does not support"):
        members(path, "d gt 0")


@pytest.mark.parametrize("plaintext_footer", [False, True])
def test_an_encrypted_file_is_refused_as_such(tmp_path: Path, *, plaintext_footer: bool) -> None:
    path = tmp_path / "c.parquet"
    write_encrypted(path, table(), "x", plaintext_footer=plaintext_footer)
    with pytest.raises(
        SnapshotError, match=r"c\.parquet: (the column 'x' )?is encrypted; export it without encryption"
    ):
        members(path, "x eq 1")


def test_a_page_that_does_not_match_its_checksum_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "c.parquet"
    options: dict[str, Any] = {"compression": "none", "use_dictionary": False, "write_statistics": False}
    pq.write_table(table(plan=["free", "pro"]), path, write_page_checksum=True, **options)
    path.write_bytes(path.read_bytes().replace(b"free", b"fred", 1))
    problem = "the column 'plan' is damaged: a page does not match its checksum; export the file again"
    with pytest.raises(SnapshotError, match=re.escape(f"{path}: {problem}")):
        members(path, "plan eq fred")
    assert members(path, "x eq 1") == ("a",)


def test_ids_of_small_decimals_are_whole_numbers(tmp_path: Path) -> None:
    for kind in (pa.decimal32(9, 0), pa.decimal64(18, 0), pa.decimal128(38, 0), pa.decimal256(38, 0)):
        path = tmp_path / "c.parquet"
        pq.write_table(pa.table({"id": pa.array([Decimal(1), Decimal(2)], kind), "x": [1, 2]}), path)
        assert members(path, "x eq 2") == (2,)
