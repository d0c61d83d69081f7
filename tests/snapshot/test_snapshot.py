"""Opening and reading snapshots."""

import os
from pathlib import Path
from threading import Event

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from builders import write_contacts
from segbatch import SnapshotError
from segbatch.snapshot.fields.types import ANY_LENGTH, Kind, UuidType, describe, kind_of
from segbatch.snapshot.id_checks import IdCheck, ids_as_series
from segbatch.snapshot.open_snapshot import open_snapshot


def read(path: str | Path, *leaves: str, rows: int = 2) -> pl.DataFrame:
    return pl.concat(batch.frame for batch in open_snapshot(str(path)).batches(leaves, rows))


def test_a_file_a_folder_and_a_glob_are_read_the_same_way(tmp_path: Path) -> None:
    write_contacts(tmp_path / "out" / "1.parquet", {"id": ["a", "b", "c"], "n": [1, 2, 3]})
    write_contacts(tmp_path / "out" / "2.parquet", {"n": [4], "id": ["d"]})
    write_contacts(tmp_path / "out" / "_temporary.parquet", {"id": ["x"]})
    expected = [("a", 1), ("b", 2), ("c", 3), ("d", 4)]
    assert read(tmp_path / "out", "n").select("id", "n").rows() == expected
    assert read(f"{tmp_path}/**/[12].parquet", "n").select("id", "n").rows() == expected
    assert read(tmp_path / "out" / "1.parquet", "n").select("id", "n").rows() == expected[:3]


def test_only_the_parts_of_a_struct_that_are_asked_for_are_read(tmp_path: Path) -> None:
    path = write_contacts(tmp_path / "c.parquet", {"cf": [{"a": 1, "b": {"c": "x", "d": 2}}], "other": [1]})
    assert dict(read(path, "cf.b.c").schema) == {"id": pl.String, "cf": pl.Struct({"b": pl.Struct({"c": pl.String})})}


def test_a_column_that_is_all_null_in_one_file_takes_its_type_from_another(tmp_path: Path) -> None:
    write_contacts(tmp_path / "1.parquet", {"id": ["a"], "n": pa.nulls(1)})
    write_contacts(tmp_path / "2.parquet", {"id": ["b"], "n": [5]})
    assert open_snapshot(str(tmp_path)).schema["n"] == pl.Int64
    assert read(tmp_path, "n").get_column("n").to_list() == [None, 5]


def test_a_type_that_polars_lacks_can_be_asked_whether_it_is_there(tmp_path: Path) -> None:
    huge = pa.array([1, None], pa.decimal256(60, 0))
    path = write_contacts(
        tmp_path / "c.parquet", pa.table({"huge": huge, "in": pa.StructArray.from_arrays([huge], ["x"])})
    )
    assert kind_of(open_snapshot(str(path)).schema["huge"]) is Kind.OTHER
    [inner] = open_snapshot(str(path)).schema["in"].fields  # type: ignore[attr-defined]
    assert kind_of(inner.dtype) is Kind.OTHER
    assert read(path, "huge").get_column("huge").is_null().to_list() == [False, True]


def test_json_and_uuid_columns_of_duckdb_are_read_as_they_are_stored(tmp_path: Path) -> None:
    path = tmp_path / "c.parquet"
    duckdb.execute(f"COPY (SELECT uuid() AS id, '{{\"a\":1}}'::JSON AS j) TO '{path}'")
    snapshot = open_snapshot(str(path))
    assert snapshot.schema == {"id": UuidType(), "j": pl.String}
    assert len(pl.concat(snapshot.ids(10))) == 1


def test_a_file_that_is_written_while_it_is_read_is_refused(tmp_path: Path) -> None:
    path = write_contacts(tmp_path / "c.parquet", {"n": [1, 2, 3]})
    batches = open_snapshot(str(path)).batches(["n"], 1)
    next(batches)
    os.utime(path, ns=(0, 0))
    with pytest.raises(SnapshotError, match="was written while it was read"):
        list(batches)


def test_a_file_that_is_written_before_its_digest_is_taken_is_refused(tmp_path: Path) -> None:
    path = write_contacts(tmp_path / "c.parquet", {"n": [1, 2, 3]})
    [file] = open_snapshot(str(path)).files
    write_contacts(path, {"n": [1, 2, 4, 5]})
    with pytest.raises(SnapshotError, match="was written while it was read"):
        file.digest(Event())


def test_a_file_that_vanishes_is_named(tmp_path: Path) -> None:
    path = write_contacts(tmp_path / "c.parquet", {"n": [1]})
    snapshot = open_snapshot(str(path))
    path.unlink()
    with pytest.raises(SnapshotError, match=r"c\.parquet: no such file"):
        list(snapshot.batches(["n"], 1))


@pytest.mark.parametrize(
    "ids",
    [
        pa.array(["a", "b"]),
        pa.array(["a", "b"], pa.large_string()),
        pa.array(["a", "b"]).dictionary_encode(),
        pa.array([1, 2], pa.uint64()),
        pa.array([b"\0" * 16, b"\1" * 16], pa.binary(16)),
        pa.array([1, 2], pa.decimal128(38, 0)),
    ],
    ids=str,
)
def test_ids_come_in_many_types(ids: pa.Array, tmp_path: Path) -> None:
    path = write_contacts(tmp_path / "c.parquet", {"id": ids})
    assert pl.concat(open_snapshot(str(path)).ids(10)).n_unique() == 2


def test_ids_whose_hashes_meet_but_that_differ_are_no_duplicates(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pl.Series, "hash", lambda series: pl.Series([7] * len(series), dtype=pl.UInt64))
    check, ids = IdCheck("id"), pl.Series(["a", "b"])
    check.add(ids)
    check.finish(lambda: [ids])
    again = IdCheck("id")
    again.add(pl.Series(["a", "b", "a"]))
    with pytest.raises(SnapshotError, match=r"1 id occurs more than once in 'id' \(a\)"):
        again.finish(lambda: [pl.Series(["a", "b", "a"])])


def test_duplicates_are_found_across_batches_and_files(tmp_path: Path) -> None:
    write_contacts(tmp_path / "1.parquet", {"id": ["a", "b"]})
    write_contacts(tmp_path / "2.parquet", {"id": ["c", "a"]})
    snapshot, check = open_snapshot(str(tmp_path)), IdCheck("id")
    for batch in snapshot.batches([], 1):
        check.add(ids_as_series(batch.ids))
    with pytest.raises(SnapshotError, match=r"1 id occurs more than once in 'id' \(a\); keep one row per contact"):
        check.finish(lambda: snapshot.ids(1))


def test_row_groups_do_not_matter(tmp_path: Path) -> None:
    path = write_contacts(tmp_path / "c.parquet", {"id": [str(n) for n in range(100)]}, row_group_size=7)
    assert read(path, rows=30).height == 100
    assert pq.ParquetFile(path).num_row_groups == 15


@pytest.mark.parametrize(
    ("dtype", "words"),
    [
        (pl.String(), "text"),
        (pl.Int8(), "whole number"),
        (pl.Decimal(9, 0), "whole number"),
        (pl.Decimal(9, 2), "decimal number"),
        (ANY_LENGTH, "number of any length"),
        (pl.List(ANY_LENGTH), "list of numbers of any length"),
        (pl.List(pl.Float64), "list of numbers"),
        (pl.Array(pl.String, 2), "list of text"),
        (pl.List(pl.List(pl.Int64)), "list of list of whole numbers"),
        (pl.Map(pl.String(), pl.List(pl.Int64)), "map of text to lists of numbers (Int64)"),
        (pl.Binary(), "bytes"),
        (pl.Time(), "time of day"),
        (pl.Null(), "nothing"),
        (pl.Datetime(), "date-time"),
    ],
)
def test_types_have_names_for_people(dtype: pl.DataType, words: str) -> None:
    assert describe(dtype) == words


def test_ids_that_all_come_twice_are_counted_in_little_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("segbatch.snapshot.duplicate_ids._LOOKED_UP", 100)
    folder = tmp_path / ("a-long-name-" * 10)
    for day in (1, 2):
        write_contacts(folder / f"dt=2025-06-0{day}" / "a.parquet", {"id": [f"c{n:04}" for n in range(1_000)]})
    snapshot, check = open_snapshot(str(folder)), IdCheck("id")
    for ids in snapshot.ids(300):
        check.add(ids)
    with pytest.raises(SnapshotError) as raised:
        check.finish(lambda: snapshot.ids(300), snapshot.file_rows)
    shown, places = (
        "(c0000, c0001, c0002, …), one of them in ",
        f"{folder}/dt=2025-06-01/a.parquet and in {folder}/",
    )
    assert str(raised.value).startswith(
        f"1,000 ids occur more than once in 'id' {shown}{places}dt=2025-06-02/a.parquet; if"
    )
    assert "c0000" not in raised.value.without_ids
    assert f"in 'id', one of them in {places}" in raised.value.without_ids
