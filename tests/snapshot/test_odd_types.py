"""Types at the ends of what they hold, and types that are rare: the file stays usable, and a rule on them is right."""

from base64 import b64encode
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import segbatch
from builders import nested, rule, segment
from segbatch.sql.generate import write_sql

pytestmark = pytest.mark.slow

_MOST = 2**63 - 1
_EXTREMES: dict[str, tuple[pa.Array, bool]] = {
    "day before the year 1": (pa.array([-1_000_000, None], pa.date32()), False),
    "day after 9999": (pa.array([3_000_000, None], pa.date32()), True),
    "first day": (pa.array([1 - 2**31, None], pa.date32()), False),
    "last day": (pa.array([2**31 - 2, None], pa.date32()), True),
    "milliseconds of a day before the year 1": (pa.array([-1_000_000 * 86_400_000, None], pa.date64()), False),
    "infinity in ms": (pa.array([_MOST, None], pa.timestamp("ms", "UTC")), True),
    "minus infinity in ms": (pa.array([-_MOST, None], pa.timestamp("ms")), False),
    "infinity in us": (pa.array([_MOST, None], pa.timestamp("us")), True),
    "minus infinity in us": (pa.array([-_MOST, None], pa.timestamp("us", "Asia/Tokyo")), False),
    "last ns": (pa.array([_MOST, None], pa.timestamp("ns")), True),
    "last ns but one": (pa.array([_MOST - 1, None], pa.timestamp("ns", "UTC")), True),
    "first ns": (pa.array([-_MOST, None], pa.timestamp("ns", "UTC")), False),
    "first ns but one": (pa.array([1 - _MOST, None], pa.timestamp("ns")), False),
}
_ZONES = ("UTC", "Pacific/Kiritimati", "America/New_York")


def write(path: Path, columns: dict[str, pa.Array]) -> Path:
    pq.write_table(pa.table({"id": ["a", "b"], "x": [1, 2], **columns}), path)
    return path


def members(path: Path, *wanted: Any, timezone: str = "UTC") -> list[str | int]:
    return list(segbatch.preview(path, segment(rule(*wanted)), first=9, timezone=timezone).segments[0].first)


@pytest.mark.parametrize("name", _EXTREMES)
def test_the_ends_of_dates_and_times_compare_in_every_zone(tmp_path: Path, name: str) -> None:
    array, is_late = _EXTREMES[name]
    path = write(tmp_path / "c.parquet", nested(array))
    late, early = (["a"], []) if is_late else ([], ["a"])
    for timezone in _ZONES:
        for field in ("top", "s.in", "m.k"):
            expected = {
                ("gt", "2262-04-01"): late,
                ("lt", "1677-10-01"): early,
                ("eq", "2025-01-01"): [],
                ("neq", "2025-01-01"): ["a", "b"],
                ("exists",): ["a"],
                ("within_next", "30d"): [],
            }
            for wanted, found in expected.items():
                assert members(path, field, *wanted, timezone=timezone) == found
                query = write_sql(segment(rule(field, *wanted)), path, timezone=timezone)
                assert [row for (row,) in duckdb.execute(query).fetchall()] == found
    assert members(path, "l", "contains", "2025-01-01") == []
    days = [f"2025-01-{number:02}" for number in range(1, 20)]
    assert members(path, "top", "in", days) == []


@pytest.mark.parametrize("name", _EXTREMES)
def test_explain_words_the_ends_of_dates_and_times(tmp_path: Path, name: str) -> None:
    array, is_late = _EXTREMES[name]
    path = write(tmp_path / "c.parquet", nested(array))
    found = segbatch.explain(path, segment(rule("top", "lt", "2025-01-01"), rule("l", "exists")), "a")
    why = found.verdicts[0].why.removesuffix(" (as a day in UTC)")
    end = "is not before 2025-01-01" if is_late else "is before 2025-01-01"
    words = "a time after the year 9999" if is_late else "a time before the year 1"
    assert why == (f"{words} {end}" if "ns" not in name else f"{why.split(' ', maxsplit=1)[0]} {end}")
    assert found.verdicts[1].why.startswith("present: [")


class _Geo(pa.ExtensionType):  # type: ignore[misc]
    """A type as geoarrow registers it."""

    def __init__(self, storage: pa.DataType, name: str) -> None:
        super().__init__(storage, name)

    def __arrow_ext_serialize__(self) -> bytes:
        return b'{"crs": "EPSG:4326"}'

    @classmethod
    def __arrow_ext_deserialize__(cls, storage: pa.DataType, serialized: bytes) -> "_Geo":
        del serialized
        return cls(storage, "geoarrow.point")


_POINT = pa.struct([("x", pa.float64()), ("y", pa.float64())])


def geo(name: str, storage: pa.DataType, value: Any) -> pa.Array:
    return pa.ExtensionArray.from_storage(_Geo(storage, name), pa.array([value, None], storage))


_RARE: dict[str, tuple[pa.Array, tuple[Any, ...] | None]] = {
    "geoarrow.point": (geo("geoarrow.point", _POINT, {"x": 1.0, "y": 2.0}), None),
    "geoarrow.wkb": (geo("geoarrow.wkb", pa.binary(), b"\x01\xff"), None),
    "geoarrow.wkt": (geo("geoarrow.wkt", pa.string(), "POINT (1 2)"), ("starts_with", "POINT")),
    "geoarrow.linestring": (geo("geoarrow.linestring", pa.list_(_POINT), [{"x": 1.0, "y": 2.0}]), None),
    "duration of ns": (pa.array([_MOST, None], pa.duration("ns")), None),
    "float16": (pa.array([1.5, None], pa.float16()), ("eq", 1.5)),
    "fixed bytes": (pa.array([b"\xff\0", None], pa.binary(2)), None),
    "decimal256 of few digits": (pa.array([Decimal("1.5"), None], pa.decimal256(20, 3)), ("eq", 1.5)),
    "decimal256 of many digits": (pa.array([Decimal("1.5"), None], pa.decimal256(76, 3)), None),
    "decimal64": (pa.array([Decimal("1.5"), None], pa.decimal64(10, 3)), ("eq", 1.5)),
    "list view": (pa.array([[1], None], pa.list_view(pa.int64())), ("eq", 1)),
    "large list view": (pa.array([["a"], None], pa.large_list_view(pa.string())), ("contains", "a")),
    "binary view": (pa.array([b"\xff", None], pa.binary_view()), None),
    "dictionary of dates": (pa.array([date(2025, 1, 1), None]).dictionary_encode(), ("eq", "2025-01-01")),
    "dictionary of decimals": (pa.array([Decimal("1.5"), None]).dictionary_encode(), ("eq", 1.5)),
    "time32": (pa.array([1, None], pa.time32("s")), None),
    "opaque": (
        pa.ExtensionArray.from_storage(pa.opaque(pa.binary(), "geometry", "db"), pa.array([b"x", None], pa.binary())),
        None,
    ),
}


@pytest.mark.parametrize("name", _RARE)
def test_a_rare_type_hurts_only_a_rule_that_compares_it(tmp_path: Path, name: str) -> None:
    array, wanted = _RARE[name]
    columns = nested(array)
    if name == "binary view":
        del columns["ls"]  # PyArrow cannot write these
    path = write(tmp_path / "c.parquet", columns)
    assert members(path, "x", "eq", 1) == ["a"]
    for field in ("top", "s.in", "m.k"):
        assert members(path, field, "exists") == ["a"]
        if wanted is not None:
            assert members(path, field, *wanted) == ["a"]
        else:
            with pytest.raises(segbatch.DefinitionError, match=f"'eq' is not for '{field}'"):
                members(path, field, "eq", 1)
    assert members(path, "l", "exists") == ["a", "b"]


_MONTHS = pa.array([pa.MonthDayNano([1, 2, 3]), None])
_UNIONS = [
    pa.UnionArray.from_dense(
        pa.array([0, 1], pa.int8()), pa.array([0, 0], pa.int32()), [pa.array([1]), pa.array([None], pa.string())]
    ),
    pa.UnionArray.from_sparse(pa.array([0, 1], pa.int8()), [pa.array([1, 2]), pa.array(["a", None])]),
]
_RUNS = pa.RunEndEncodedArray.from_arrays(pa.array([1, 2], pa.int32()), pa.array(["a", None]))


@pytest.mark.parametrize("array", [_MONTHS, *_UNIONS, _RUNS], ids=["months", "dense", "sparse", "runs"])
@pytest.mark.parametrize("place", ["top", "s", "l", "m"])
def test_a_schema_of_arrow_may_name_types_that_parquet_does_not_have(
    tmp_path: Path, array: pa.Array, place: str
) -> None:
    """Such a type is in the schema of Arrow in the footer alone, as a writer that changes values leaves it."""
    path = tmp_path / "c.parquet"
    stored = pa.table({"id": ["a", "b"], "x": [1, 2], place: nested(pa.array(["a", None]))[place]})
    named = stored.schema.set(2, pa.field(place, nested(array)[place].type))
    with pq.ParquetWriter(path, stored.schema, store_schema=False) as writer:
        writer.add_key_value_metadata({"ARROW:schema": encoded(named)})
        writer.write_table(stored)
    assert members(path, "x", "eq", 1) == ["a"]
    rules = {"top": "top", "s": "s.in", "l": "l", "m": "m.k"}
    assert members(path, rules[place], "exists") == (["a", "b"] if place == "l" else ["a"])


def encoded(schema: pa.Schema) -> bytes:
    return b64encode(schema.serialize().to_pybytes())


def test_columns_next_to_intervals_and_unions_of_duckdb_are_read(tmp_path: Path) -> None:
    path = tmp_path / "c.parquet"
    intervals = "INTERVAL 1 MONTH AS i, {'in': INTERVAL 2 DAY} AS s, [INTERVAL 1 MONTH] AS l"
    columns = f"1 AS x, {intervals}, 'infinity'::TIMESTAMP AS t"
    duckdb.execute(f"COPY (SELECT 'a' AS id, {columns}) TO '{path}'")
    assert members(path, "x", "eq", 1) == members(path, "i", "exists") == members(path, "s.in", "exists") == ["a"]
    assert members(path, "l", "exists") == members(path, "t", "gt", "9999-12-31") == ["a"]
    assert "after the year 9999" in segbatch.explain(path, segment(rule("t", "exists")), "a").verdicts[0].why


def test_columns_next_to_other_types_of_polars_are_read(tmp_path: Path) -> None:
    path = tmp_path / "c.parquet"
    frame = pl.DataFrame(
        {
            "id": ["a", "b"],
            "x": [1, 2],
            "c": pl.Series(["u", None], dtype=pl.Categorical),
            "e": pl.Series(["u", None], dtype=pl.Enum(["u", "v"])),
            "i": pl.Series([2**100, None], dtype=pl.Int128),
            "d": pl.Series([datetime(9999, 12, 31, tzinfo=UTC), None], dtype=pl.Datetime("ms", "UTC")),
            "n": pl.Series([None, None], dtype=pl.Null),
            "arr": pl.Series([[1, 2], None], dtype=pl.Array(pl.Int64, 2)),
        }
    )
    frame.write_parquet(path)
    assert members(path, "x", "eq", 1) == members(path, "c", "eq", "u") == members(path, "e", "in", ["u"]) == ["a"]
    assert members(path, "d", "eq", "9999-12-31") == members(path, "arr", "contains", 2) == ["a"]
    assert (members(path, "n", "exists"), members(path, "i", "exists")) == ([], ["a"])
