"""The bits of a published run, looked up by row."""

from pathlib import Path

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
        members = pl.DataFrame({"0": (numbers % 256).cast(pl.UInt8), "1": (numbers // 256).cast(pl.UInt8)})
        writer.write(pa.array([f"c{number}" for number in numbers]), members)
    file = writer.finish()
    assert (file.rows, file.size) == (ROWS, (tmp_path / file.path).stat().st_size)
    return open_state(tmp_path)


def numbers(state: State, rows: list[int | None]) -> list[int]:
    found = state.bytes_of(pl.Series(rows, dtype=pl.UInt32))
    assert found.columns == ["0", "1"]
    return found.select(pl.col("0").cast(pl.Int64) + pl.col("1").cast(pl.Int64) * 256).to_series().to_list()


def test_a_state_returns_the_written_bits(state: State) -> None:
    assert (state.rows, state.bitmap, state.id_type) == (ROWS, BITMAP, pa.string())
    assert [len(ids) for ids in state.id_batches()] == [250] * 4
    assert next(iter(state.id_batches())).head(2).to_list() == ["c0", "c1"]


def test_rows_that_lie_near_each_other_are_found(state: State) -> None:
    rows: list[int | None] = list(range(240, 300))
    assert numbers(state, rows) == rows
    assert numbers(state, rows[::-1]) == rows[::-1]


def test_rows_that_lie_far_from_each_other_are_found(state: State) -> None:
    assert numbers(state, [999, 0, 500]) == [999, 0, 500]
    assert numbers(state, [1, 998]) == [1, 998]


def test_contacts_that_are_new_have_no_bits(state: State) -> None:
    assert numbers(state, [None, 7, None, 8]) == [0, 7, 0, 8]
    assert numbers(state, [None, 999, 3]) == [0, 999, 3]
    assert numbers(state, [None, None]) == [0, 0]
    assert numbers(state, []) == []


@pytest.mark.parametrize("rows", [[0], [999, 1], []])
def test_the_ids_of_rows_are_found(state: State, rows: list[int]) -> None:
    found = state.ids_of(pl.Series(rows, dtype=pl.UInt32))
    assert isinstance(found, pa.Array)
    assert found.to_pylist() == [f"c{row}" for row in rows]


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
