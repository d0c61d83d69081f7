"""Ids and projects that a file stores as bytes, in each layout of bytes."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import segbatch
from segbatch.snapshot.id_checks import ids_as_series
from segbatch.snapshot.open_snapshot import open_snapshot

LAYOUTS = [pa.binary(), pa.large_binary(), pa.binary_view()]


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
@pytest.mark.parametrize(("ids", "read"), [([b"a", b"b"], ["a", "b"]), ([b"\xff", b"b"], [b"\xff", b"b"])])
def test_ids_of_bytes_are_read_in_each_layout(
    tmp_path: Path, layout: pa.DataType, ids: list[bytes], read: list[object]
) -> None:
    pq.write_table(pa.table({"id": pa.array(ids, layout)}), tmp_path / "a.parquet")
    [batch] = open_snapshot(str(tmp_path)).batches([], 10)
    assert ids_as_series(batch.ids).to_list() == read


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
def test_ids_may_be_texts_in_one_file_and_bytes_in_another(tmp_path: Path, layout: pa.DataType) -> None:
    pq.write_table(pa.table({"id": pa.array(["a"])}), tmp_path / "a.parquet")
    pq.write_table(pa.table({"id": pa.array([b"b"], layout)}), tmp_path / "b.parquet")
    assert [ids_as_series(batch.ids).to_list() for batch in open_snapshot(str(tmp_path)).batches([], 10)] == [
        ["a"],
        ["b"],
    ]


def test_a_project_stored_as_bytes_is_compared_as_text(tmp_path: Path) -> None:
    table = {"id": ["a", "b"], "project_id": pa.array([b"p1", b"p2"]), "plan": ["pro", "pro"]}
    pq.write_table(pa.table(table), tmp_path / "a.parquet")
    rule = {"field": "plan", "operator": "eq", "value": "pro"}
    segment = segbatch.Segment.model_validate({"id": "s", "name": "S", "project_id": "p1", "rules": [rule]})
    assert segment.project_id == "p1"
    (tmp_path / "segments").mkdir()
    (tmp_path / "segments/s.json").write_text(segment.model_dump_json(exclude_none=True))
    [found] = segbatch.preview(tmp_path / "a.parquet", tmp_path / "segments", first=9).segments
    assert found.first == ("a",)
