"""The bits of a published run, looked up by row."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pytest

from segbatch import PublishError
from segbatch.storage.bitmap import SegmentBitmap
from segbatch.storage.state import State, StateWriter, open_state

BITMAP = SegmentBitmap(tuple("abcdefghi"))
ROWS = 1000


@pytest.fixture
def state(tmp_path: Path) -> State:
    """A state of a thousand contacts in four batches; each contact's bytes are its number."""
    writer = StateWriter(tmp_path, BITMAP, pa.string())
    for start in range(0, ROWS, 250):
        numbers = pl.int_range(start, start + 250, eager=True)
        writer.write(pa.array([f"c{number}" for number in numbers]), numbers.to_numpy().view(np.uint8).reshape(-1, 8))
    file = writer.finish()
    assert (file.rows, file.size) == (ROWS, (tmp_path / file.path).stat().st_size)
    return open_state(tmp_path)


def values(state: State, rows: list[int | None]) -> list[int]:
    found = state.bits_of(pl.Series(rows, dtype=pl.UInt32))
    assert found.shape == (len(rows), 8)
    return [int(number) for number in found.view(np.int64).ravel()]


def test_a_state_returns_the_written_bits(state: State) -> None:
    assert (state.rows, state.bitmap, state.id_type) == (ROWS, BITMAP, pa.string())
    assert [len(ids) for ids in state.id_batches()] == [250] * 4
    assert next(iter(state.id_batches())).head(2).to_list() == ["c0", "c1"]


def test_rows_that_lie_near_each_other_are_found(state: State) -> None:
    rows: list[int | None] = list(range(240, 300))
    assert values(state, rows) == rows
    assert values(state, rows[::-1]) == rows[::-1]


def test_rows_that_lie_far_from_each_other_are_found(state: State) -> None:
    assert values(state, [999, 0, 500]) == [999, 0, 500]
    assert values(state, [1, 998]) == [1, 998]


def test_contacts_that_are_new_have_no_bits(state: State) -> None:
    assert values(state, [None, 7, None, 8]) == [0, 7, 0, 8]
    assert values(state, [None, 999, 3]) == [0, 999, 3]
    assert values(state, [None, None]) == [0, 0]
    assert values(state, []) == []


@pytest.mark.parametrize("rows", [[0], [999, 1], []])
def test_the_ids_of_rows_are_found(state: State, rows: list[int]) -> None:
    found = state.ids_of(pl.Series(rows, dtype=pl.UInt32))
    assert isinstance(found, pa.Array)
    assert found.to_pylist() == [f"c{row}" for row in rows]


def test_a_state_of_an_earlier_version_has_the_same_bits(tmp_path: Path) -> None:
    metadata = {"segbatch.slots": json.dumps(list("abcdefghi"))}
    schema = pa.schema([("contact_id", pa.string()), ("0", pa.uint8()), ("1", pa.uint8())], metadata=metadata)
    with pa.ipc.new_file(str(tmp_path / "state.arrow"), schema) as file:
        for start in (0, 300):
            numbers = range(start, start + 300)
            low, high = [number % 256 for number in numbers], [number // 256 for number in numbers]
            ids = [f"c{number}" for number in numbers]
            columns = [pa.array(ids), pa.array(low, pa.uint8()), pa.array(high, pa.uint8())]
            file.write_batch(pa.record_batch(columns, schema=schema))
    earlier = open_state(tmp_path)
    assert (earlier.rows, earlier.bitmap) == (600, BITMAP)
    assert values(earlier, [599, None, 0, 299, 300]) == [599, 0, 0, 299, 300]
    assert earlier.members("i", 0, 3) == (["c256", "c257", "c258"], 259)
    assert earlier.members("a", 597, 3) == (["c597", "c599"], None)


def test_a_state_without_contacts_can_be_read(tmp_path: Path) -> None:
    StateWriter(tmp_path, SegmentBitmap(), pa.int64()).finish()
    state = open_state(tmp_path)
    assert (state.rows, list(state.bitmap.names), list(state.id_batches())) == (0, [], [])


@pytest.mark.parametrize("content", [None, b"", b"x" * 100])
def test_a_lost_or_damaged_state_is_reported(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "state.arrow").write_bytes(content)
    wrong = "is missing" if content is None else "is damaged"
    with pytest.raises(PublishError, match=rf"state.arrow: {wrong}; restore it from a copy"):
        open_state(tmp_path)


def test_a_table_without_the_order_of_its_bits_is_damaged(tmp_path: Path) -> None:
    table = pa.table({"contact_id": ["a"]})
    with pa.ipc.new_file(str(tmp_path / "state.arrow"), table.schema) as file:
        file.write_table(table)
    with pytest.raises(PublishError, match=r"state.arrow: is damaged"):
        open_state(tmp_path)
