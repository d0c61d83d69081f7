"""Hive partitions as columns of contacts."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.dataset as ds
import pytest

import segbatch
from builders import rule, write_contacts, write_segment
from segbatch import SnapshotError
from segbatch.snapshot.open_snapshot import open_snapshot
from segbatch.sql.generate import write_sql

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(files: Mapping[str, Mapping[str, Any]]) -> None:
    for name, columns in files.items():
        write_contacts(Path("in") / name, dict(columns))


def members(contacts: str, *rules: Any, **options: Any) -> list[Any]:
    write_segment(Path("segments"), "it", *rules, **options)
    segbatch.run(contacts, run_id="r")
    with duckdb.connect("output/segbatch.duckdb", read_only=True) as tables:
        rows = tables.sql("FROM membership SELECT contact_id WHERE segment_id = 'it' ORDER BY ALL").fetchall()
    return [contact_id for (contact_id,) in rows]


COUNTRIES = {
    "country=DE/a.parquet": {"id": ["a", "b"]},
    "country=US/day=2025-06-01/a.parquet": {"id": ["c"]},
    "country=__HIVE_DEFAULT_PARTITION__/a.parquet": {"id": ["d"]},
    "country=C%C3%B4te%20d'Ivoire/a.parquet": {"id": ["e"]},
    "a.parquet": {"id": ["f"]},
}


@pytest.mark.parametrize("contacts", ["in", "in/", "in/**/*.parquet", "in/**", "./in"])
@pytest.mark.parametrize(
    ("field", "operator", "value", "expected"),
    [
        ("country", "eq", "DE", ["a", "b"]),
        ("country", "neq", "DE", ["c", "d", "e", "f"]),
        ("country", "eq", "Côte d'Ivoire", ["e"]),
        ("country", "empty", None, ["d", "f"]),
        ("day", "eq", "2025-06-01", ["c"]),
        ("day", "empty", None, ["a", "b", "d", "e", "f"]),
    ],
)
def test_partitions_are_columns(contacts: str, field: str, operator: str, value: Any, expected: list[str]) -> None:
    write(COUNTRIES)
    assert members(contacts, rule(field, operator, value)) == expected


def test_every_command_knows_them() -> None:
    write({"n=1/a.parquet": {"id": ["a"]}, "n=2/a.parquet": {"id": ["b"]}, "n=10/a.parquet": {"id": ["c"]}})
    assert members("in", rule("n", "gt", 1)) == ["b", "c"]
    assert not segbatch.check(contacts="in").problems
    assert segbatch.preview("in", rules=["n gte 2"]).segments[0].members == 2
    assert segbatch.explain("in", "it", "c").member
    assert segbatch.funnel("in", "it").members == 2
    assert not segbatch.lint(contacts="in").errors
    report = segbatch.export("it", "it.csv", columns=["n"])
    assert sorted(Path("it.csv").read_text().split()) == ['"b",2', '"c",10', '"contact_id","n"']
    assert report.rows == 2
    with duckdb.connect() as tables:
        assert sorted(tables.sql(write_sql("it", "in")).fetchall()) == [("b",), ("c",)]


@pytest.mark.parametrize("value", ["DE", "a b", "007", "1e3", "2025-06-01"])
def test_sql_reads_the_same_values(value: str) -> None:
    frame = pl.DataFrame({"id": ["a", "b", "c"], "k": [value, "other", None]})
    ds.write_dataset(frame.to_arrow(), "in", format="parquet", partitioning=["k"], partitioning_flavor="hive")
    assert members("in", rule("k", "eq", value)) == ["a"]
    assert members("in", rule("k", "neq", value)) == ["b", "c"]
    with duckdb.connect() as tables:
        assert sorted(tables.sql(write_sql("it", "in")).fetchall()) == [("b",), ("c",)]


def test_sql_is_refused_where_duckdb_reads_other_columns() -> None:
    write({"k=1/a.parquet": {"id": ["a"]}, "a.parquet": {"id": ["b"]}})
    write_segment(Path("segments"), "it", rule("k", "eq", 1))
    write_segment(Path("segments"), "other", rule("id", "eq", "b"))
    with pytest.raises(segbatch.UsageError, match="DuckDB reads other columns from the paths of these files"):
        write_sql("it", "in")
    with duckdb.connect() as tables:
        assert tables.sql(write_sql("other", "in")).fetchall() == [("b",)]


def test_a_column_of_the_file_counts_and_a_difference_is_reported() -> None:
    write(
        {
            "country=DE/a.parquet": {"id": ["a", "b"], "country": ["DE", "US"]},
            "country=FR/a.parquet": {"id": ["c", "d"], "country": ["US", None]},
            "country=US/a.parquet": {"id": ["e"]},
        }
    )
    assert members("in", rule("country", "eq", "US")) == ["b", "c", "e"]
    found = "3 contacts have another value in the column 'country' than in the path of the file"
    message = f"{found}, first in in/country=DE/a.parquet; the value in the column is used"
    for report in (segbatch.check(contacts="in").problems, segbatch.run("in", output="again").warnings):
        assert [problem.message for problem in report] == [message]


@pytest.mark.parametrize(
    ("value", "column"),
    [
        ("007", pa.array([7], pa.int16())),
        ("007", pa.array(["007"])),
        ("2025-06-01", pa.array(["2025-06-01"]).cast(pa.date32())),
        ("DE", pa.array(["DE"]).dictionary_encode()),
        ("true", pa.array([True])),
        ("1.50", pa.array([1.5])),
        ("__HIVE_DEFAULT_PARTITION__", pa.array([None], pa.string())),
        ("", pa.array([""])),
    ],
)
def test_a_column_with_the_value_of_the_path_gives_no_warning(value: str, column: pa.Array) -> None:
    write({f"k={value}/a.parquet": {"id": ["a"], "k": column}})
    write_segment(Path("segments"), "it", rule("k", "exists"))
    assert not segbatch.check(contacts="in").problems


def test_a_key_takes_the_type_of_the_column_in_other_files() -> None:
    write({"code=007/a.parquet": {"id": ["a"]}, "b.parquet": {"id": ["b"], "code": ["7"]}})
    write({"code=8/a.parquet": {"id": ["c"]}})
    assert open_snapshot("in").schema["code"] == pl.String
    assert members("in", rule("code", "eq", "007")) == ["a"]
    write({"b.parquet": {"id": ["b"], "code": pa.array([8], pa.int16())}})
    assert members("in", rule("code", "eq", 8)) == ["b", "c"]


def test_the_path_of_a_file_that_has_the_column_decides_no_type() -> None:
    write({"code=1/a.parquet": {"id": ["a"]}, "code=x/b.parquet": {"id": ["b"], "code": [2]}})
    assert open_snapshot("in").schema["code"] == pl.Int64
    assert members("in", rule("code", "lte", 1)) == ["a"]


def test_a_name_that_is_not_utf_8_is_read(tmp_path: Path) -> None:
    write({"a.parquet": {"id": ["a"]}})
    folder = os.fsencode(tmp_path) + b"/in/k=\xff\xc3\xbc"
    os.mkdir(folder)  # noqa: PTH102 - a name of bytes
    os.rename(tmp_path / "in" / "a.parquet", folder + b"/a.parquet")  # noqa: PTH104
    assert members("in", rule("k", "ends_with", "ü")) == ["a"]
    assert segbatch.export("it", "it.csv", columns=["k"], contacts="in").rows == 1


def test_a_partition_can_be_the_project() -> None:
    write(
        {"project_id=p1/a.parquet": {"id": ["a"]}, "project_id=p2/a.parquet": {"id": ["b"]}, "a.parquet": {"id": ["c"]}}
    )
    assert members("in", rule("id", "exists"), project_id="p1") == ["a"]
    assert members("in/project_id=p2/a.parquet", rule("id", "exists"), project_id="p1") == []
    assert members("in/project_id=p1", rule("id", "exists"), project_id="p1") == ["a"]


def test_a_partition_is_never_the_id() -> None:
    write({"id=5/a.parquet": {"id": ["a"]}, "key=5/b.parquet": {"id": ["b"]}})
    assert members("in", rule("id", "exists")) == ["a", "b"]
    reason = "has no id column 'key': a partition would be the id of all its contacts"
    with pytest.raises(SnapshotError, match=f"in/key=5/b.parquet: {reason}"):
        open_snapshot("in", "key")


def test_other_folders_give_another_fingerprint_and_the_same_bytes_are_not_the_snapshot() -> None:
    write({"k=1/a.parquet": {"id": ["a"]}, "k=2/a.parquet": {"id": ["b"]}})
    members("in", rule("k", "eq", 1))
    first = segbatch.run("in", output="first").run.snapshot_fingerprint
    assert first == segbatch.run("in/**/*.parquet", output="again").run.snapshot_fingerprint
    Path("in/k=1").rename("in/k=x")
    Path("in/k=2").rename("in/k=1")
    Path("in/k=x").rename("in/k=2")
    assert segbatch.run("in", output="second").run.snapshot_fingerprint != first
    report = segbatch.export("it", "it.csv", columns=["k"], contacts="in")
    assert "is not the snapshot that run r read" in str(report.warnings[0])


def test_a_struct_and_json_are_read_in_partitions() -> None:
    documents = [json.dumps({"plan": "pro"}), None]
    write({"k=1/a.parquet": {"id": ["a", "b"], "custom_fields": documents}})
    write({"k=2/a.parquet": {"id": ["c", "d"], "custom_fields": documents}})
    assert members("in", rule("custom_fields.plan", "eq", "pro"), rule("k", "eq", 2)) == ["c"]


def test_many_partitions_cost_little() -> None:
    rows = 2_000
    write({f"n={number}/a.parquet": {"id": [f"{number}-{row}" for row in range(rows)]} for number in range(20)})
    snapshot = open_snapshot("in")
    assert [batch.frame.get_column("n").n_unique() for batch in snapshot.batches(["n"], 10_000)] == [1] * 20
    assert snapshot.columns([]) == ["id"]
