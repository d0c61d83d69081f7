"""The order in which rows are written: by contact."""

import uuid

import pyarrow as pa
import pytest

from segbatch.exports.database.contact_order import sort_by_contact

IDS = {
    "text": pa.array(["b", "a", "c", "a", "b"]),
    "dictionary": pa.array(["b", "a", "c", "a", "b"]).dictionary_encode(),
    "whole numbers": pa.array([2, 1, 30, 1, 2]),
    "uuid": pa.array([uuid.UUID(int=number).bytes for number in (2, 1, 30, 1, 2)], pa.uuid()),
    "bytes": pa.array([b"\2", b"\1", b"\xff", b"\1", b"\2"]),
}


def batch(ids: pa.Array) -> pa.RecordBatch:
    segments = pa.array(["s", "s", "t", "t", "t"]).dictionary_encode()
    return pa.record_batch({"segment_id": segments, "contact_id": ids})


@pytest.mark.parametrize("kind", IDS)
def test_rows_of_a_contact_are_next_to_each_other_in_their_order(kind: str) -> None:
    rows = batch(IDS[kind])
    found = [part.to_pylist() for part in sort_by_contact([rows], 2)]
    assert [len(part) for part in found] == [2, 2, 1]
    expected = [rows.to_pylist()[at] for at in (1, 3, 0, 4, 2)]
    assert [row for part in found for row in part] == expected


def test_batches_have_dictionaries_of_their_own() -> None:
    batches = [batch(pa.array(list(texts)).dictionary_encode()) for texts in ("dcbbd", "abcxd")]
    [found] = sort_by_contact(batches, 100)
    assert found["contact_id"].to_pylist() == list("abbbccdddx")
    assert found["segment_id"].to_pylist() == list("sttsststtt")
