"""Keys and values in paths, against DuckDB."""

from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from segbatch.snapshot.hive_partitions import infer_partition_types, parse_partitions, parse_value

WORDS = {pa.date32(): "DATE", pa.timestamp("us"): "TIMESTAMP", pa.int64(): "BIGINT", pa.string(): "VARCHAR"}

VALUES: list[list[str]] = [
    *(
        [value]
        for value in (
            "1",
            "0",
            "-1",
            "-0",
            "-00",
            "-007",
            "007",
            "00",
            "+1",
            " 1",
            "1 ",
            "\t1",
            "1_000",
            "1,000",
            "1 0",
        )
    ),
    *([value] for value in ("1.0", "1e3", ".5", "1.", "0x1F", "0X1f", "0x", "0b101", "0B1", "0b2", "-0x1F", "0x00ff")),
    ["9223372036854775807"],
    ["9223372036854775808"],
    ["-9223372036854775808"],
    ["-9223372036854775809"],
    ["0x7FFFFFFFFFFFFFFF"],
    ["0xFFFFFFFFFFFFFFFF"],
    *([value] for value in ("true", "NULL", "null", "nan", "-", "--1", "1-", "٣", "\xa01")),
    *(
        [value]
        for value in ("2025-06-01", "2025-6-1", "2025-06-01 ", " 2025-06-01", "2025 06 01", "20250601", "2025-06")
    ),
    *(
        [value]
        for value in ("2025-02-29", "2024-02-29", "2025-13-01", "2025-06-31", "2025-00-01", "25-01-01", "9999-12-31")
    ),
    *([value] for value in ("0001-01-01", "2025-06-001", "2025-006-01", "2025-06 01", "2025-06-01Z", "2025-W01")),
    *(
        [f"2025-06-01{time}"]
        for time in (" 10:00", "T10:00:00", " 10:00:00.123456789", " 1:2:3", "  10:00", " 10", "t10:00")
    ),
    *(
        [f"2025-06-01{time}"]
        for time in (" 24:00", " 24:00:01", " 25:00", " 23:60", " 23:59:60", " 10:00:00.", " 10:00:00 ")
    ),
    *([value] for value in ("a%20b", "a%2Fb", "%31", "%", "%zz", "%2", "a+b", "ü", "%C3%BC", "it's", '"q"', "%00")),
    ["__HIVE_DEFAULT_PARTITION__"],
    ["__hive_default_partition__"],
    [""],
    ["1", "2"],
    ["1", "x"],
    ["1", ""],
    ["1", "2025-06-01"],
    ["1", "%31"],
    ["01", "2"],
    ["1", "9223372036854775808"],
    ["1", "__HIVE_DEFAULT_PARTITION__"],
    ["2025-06-01", "2025-06-02 10:00"],
    ["2025-06-01", "__HIVE_DEFAULT_PARTITION__"],
]


@pytest.mark.parametrize("values", VALUES, ids=str)
def test_types_and_values_are_those_of_duckdb(tmp_path: Path, values: list[str]) -> None:
    files = [tmp_path / f"key={value}" / f"{number}.parquet" for number, value in enumerate(values)]
    for file in files:
        file.parent.mkdir(exist_ok=True)
        pq.write_table(pa.table({"id": [int(file.stem)]}), file)
    partitions = [parse_partitions(str(file)) for file in files]
    kind = infer_partition_types(partitions)["key"]
    query = "SELECT typeof(key), key FROM read_parquet(?, hive_partitioning = true) ORDER BY id"
    found = duckdb.execute(query, [f"{tmp_path}/**/*.parquet"]).fetchall()
    assert [(WORDS[kind], parse_value(partition["key"], kind).as_py()) for partition in partitions] == found


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2025-06-01 10:00:00+02", "VARCHAR"),
        ("2025-06-01T10:00:00Z", "VARCHAR"),
        ("infinity", "VARCHAR"),
        ("-1-01-01", "VARCHAR"),
    ],
)
def test_what_a_type_would_change_stays_text(value: str, expected: str) -> None:
    kind = infer_partition_types([{"key": value}])["key"]
    assert (WORDS[kind], parse_value(value, kind).as_py()) == (expected, value)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("a/k=1/b.parquet", {"k": "1"}),
        ("k=1/l=2/b.parquet", {"k": "1", "l": "2"}),
        ("k=1/deep/l=2/b.parquet", {"k": "1", "l": "2"}),
        ("/abs/k=1/b.parquet", {"k": "1"}),
        ("k=1/k=2/b.parquet", {"k": "1"}),
        ("k=1/K=2/b.parquet", {"k": "1", "K": "2"}),
        ("a/k=1.parquet", {}),
        ("=1/b.parquet", {}),
        ("k=/b.parquet", {"k": ""}),
        ("k=a=b/b.parquet", {"k": "a=b"}),
        ("k=__HIVE_DEFAULT_PARTITION__/b.parquet", {"k": None}),
        ("a%20b=1/b.parquet", {"a%20b": "1"}),
        ("s3://bucket/k=1/b.parquet", {"k": "1"}),
        ("abfss://box@account.dfs.core.windows.net/a/k=1/b.parquet", {"k": "1"}),
        ("gs://bucket/b.parquet", {}),
    ],
)
def test_the_folders_of_a_path_name_keys(path: str, expected: dict[str, Any]) -> None:
    assert parse_partitions(path) == expected


@pytest.mark.parametrize("value", ["2025-06-01%2010%3A00%3A00", "2025-06-01 10%3A00%3A00.000000", "2025-06-01%2010:00"])
def test_a_time_whose_colons_are_escaped_is_a_time(value: str) -> None:
    assert infer_partition_types([{"key": value}])["key"] == pa.timestamp("us")
    assert parse_value(value, pa.timestamp("us")).as_py() == datetime(2025, 6, 1, 10)  # noqa: DTZ001


def test_dates_and_times_are_read() -> None:
    assert parse_value("2025-6-1", pa.date32()).as_py() == date(2025, 6, 1)
    assert parse_value("2025-06-01 24:00", pa.timestamp("us")).as_py() == datetime(2025, 6, 2)  # noqa: DTZ001
    assert parse_value("9999-12-31 24:00", pa.string()).as_py() == "9999-12-31 24:00"
    with pytest.raises(ValueError, match="007"):
        parse_value("007", pa.int64())
