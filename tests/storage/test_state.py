"""The bits of a published run."""

import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pytest

from segbatch import PublishError
from segbatch.platform.bitmaps import from_columns
from segbatch.storage.bit_matrix import Memory, from_words, to_bitmaps
from segbatch.storage.segment_bits import SegmentBits
from segbatch.storage.state import State, StateWriter, open_state

BITMAP = SegmentBits(tuple("abcdefghi"))
ROWS = 1000
COUNTS = (250, 1, 249, 500)
"""The contacts of each batch."""


def bits(numbers: pl.Series) -> list[pl.Series]:
    """Return one column per bit of numbers."""
    return [(numbers // 2**bit % 2 == 1).alias(name) for bit, name in enumerate(BITMAP.names)]


@pytest.fixture
def state(tmp_path: Path) -> State:
    """A state of a thousand contacts in four batches. The bits of each contact are its number."""
    writer, start = StateWriter(tmp_path, BITMAP, pa.string()), 0
    for count in COUNTS:
        numbers = pl.int_range(start, start + count, eager=True)
        bitmaps = [*from_columns(bits(numbers), count)]
        writer.write(pa.array([f"c{number}" for number in numbers]), to_bitmaps(bitmaps, count, Memory()))
        start += count
    file = writer.finish()
    assert (file.rows, file.size) == (ROWS, (tmp_path / file.path).stat().st_size)
    return open_state(tmp_path)


def values(state: State) -> list[int]:
    """Return the bits of all contacts as numbers."""
    words = [state.words(batch, Memory()) for batch in range(len(state.starts) - 1)]
    assert all(len(part) == 1 for part in words)
    return [int(number) for part in words for number in part[0]]


def values_of_bitmaps(state: State) -> list[int]:
    """Return the same numbers, from the bitmaps."""
    found = list[int]()
    for batch, (start, end) in enumerate(pairwise(state.starts.tolist())):
        bits = np.unpackbits(state.bitmaps(batch).view(np.uint8), axis=1, bitorder="little")[:, : end - start]
        found += (bits[: len(BITMAP.names)].T @ (1 << np.arange(len(BITMAP.names)))).tolist()
        assert not bits[len(BITMAP.names) :].any()
    return found


def test_a_state_returns_the_written_bits(state: State) -> None:
    assert (state.rows, state.bitmap, state.id_type) == (ROWS, BITMAP, pa.string())
    assert state.starts.tolist() == [0, 250, 251, 500, 1000]
    assert [len(ids) for ids in state.id_batches()] == [*COUNTS]
    assert next(iter(state.id_batches())).head(2).to_list() == ["c0", "c1"]
    assert state.ids(1).to_pylist() == ["c250"]
    assert values(state) == [number % 512 for number in range(ROWS)]
    assert values_of_bitmaps(state) == values(state)
    state.release_memory()
    assert values(state) == [number % 512 for number in range(ROWS)]


def test_the_members_of_a_segment_are_found_from_a_row_onwards(state: State) -> None:
    assert state.members("i", 0, 3) == (["c256", "c257", "c258"], 259)
    assert state.members("a", 247, 3) == (["c247", "c249", "c251"], 253)
    assert state.members("a", 997, 3) == (["c997", "c999"], None)
    assert state.members("z", 0, 3) == ([], None)
    members = np.unpackbits(state.all_members("c"), count=ROWS, bitorder="little")
    assert members.tolist() == [number // 4 % 2 for number in range(ROWS)]


def _by_byte(ids: list[str], numbers: range) -> pa.Table:
    low, high = [number % 256 for number in numbers], [number // 256 % 2 for number in numbers]
    return pa.table({"contact_id": ids, "0": pa.array(low, pa.uint8()), "1": pa.array(high, pa.uint8())})


def _by_contact(ids: list[str], numbers: range) -> pa.Table:
    rows = [(number % 512).to_bytes(8, "little") for number in numbers]
    return pa.table({"contact_id": ids, "bits": pa.array(rows, pa.binary(8))})


@pytest.mark.parametrize("layout", ["by byte", "by contact"])
def test_states_of_earlier_versions_have_any_number_of_segments(tmp_path: Path, layout: str) -> None:
    segments = SegmentBits(tuple(f"s{number}" for number in range(130)))
    rows = np.random.default_rng(5).integers(256, size=(100, 24), dtype=np.uint8)
    rows[:, 16] &= 3
    rows[:, 17:] = 0
    ids = [f"c{number}" for number in range(100)]
    by_byte = {"contact_id": ids} | {str(byte): rows[:, byte] for byte in range(17)}
    by_contact = {"contact_id": ids, "bits": pa.array([row.tobytes() for row in rows], pa.binary(24))}
    table = pa.table(by_byte if layout == "by byte" else by_contact)
    table = table.replace_schema_metadata({"segbatch.slots": json.dumps(segments.names)})
    with pa.ipc.new_file(str(tmp_path / "state.arrow"), table.schema) as file:
        file.write_table(table)
    earlier, expected = open_state(tmp_path), rows.view(np.uint64).T
    assert (earlier.words(0, Memory()) == expected).all()
    places = np.array([0, 3, 64, 99])
    assert (earlier.words_of(0, places, Memory()) == expected[:, places]).all()
    again = tmp_path / "again"
    again.mkdir()
    writer = StateWriter(again, segments, pa.string())
    writer.write(pa.array(ids), from_words(expected, Memory()))
    writer.finish()
    assert (open_state(again).bitmaps(0) == earlier.bitmaps(0)).all()


@pytest.mark.parametrize("layout", [_by_byte, _by_contact])
def test_a_state_of_an_earlier_version_has_the_same_bits(
    tmp_path: Path, layout: Callable[[list[str], range], pa.Table]
) -> None:
    tables = [layout([f"c{number}" for number in part], part) for part in (range(300), range(300, 600))]
    schema = tables[0].schema.with_metadata({"segbatch.slots": json.dumps(BITMAP.names)})
    with pa.ipc.new_file(str(tmp_path / "state.arrow"), schema) as file:
        for table in tables:
            file.write_table(table.cast(schema))
    earlier = open_state(tmp_path)
    assert (earlier.rows, earlier.bitmap, earlier.id_type) == (600, BITMAP, pa.string())
    assert values(earlier) == [number % 512 for number in range(600)]
    assert values_of_bitmaps(earlier) == values(earlier)
    assert earlier.members("i", 0, 3) == (["c256", "c257", "c258"], 259)
    assert earlier.members("a", 597, 3) == (["c597", "c599"], None)


def test_damaged_bits_are_reported(state: State, tmp_path: Path) -> None:
    path = tmp_path / "state.arrow"
    table = pa.ipc.open_file(path).read_all()
    bitmaps = [[group[:-1] for group in groups] for groups in table.column("bitmaps").to_pylist()]
    spoiled = table.set_column(1, table.schema.field(1), pa.array(bitmaps, table.schema.field(1).type))
    del state, table
    with pa.ipc.new_file(str(path), spoiled.schema) as file:
        file.write_table(spoiled)
    spoiled_state = open_state(tmp_path, "write it again")
    readers: list[Callable[[], object]] = [
        lambda: spoiled_state.words(0, Memory()),
        lambda: spoiled_state.words_of(0, np.array([1]), Memory()),
        lambda: spoiled_state.groups(0),
        lambda: spoiled_state.members("a", 0, 1),
        lambda: spoiled_state.bitmaps(0),
    ]
    for ask in readers:
        with pytest.raises(PublishError, match=r"state.arrow: is damaged; write it again"):
            ask()


def test_a_state_without_contacts_can_be_read(tmp_path: Path) -> None:
    StateWriter(tmp_path, SegmentBits(), pa.int64()).finish()
    state = open_state(tmp_path)
    assert (state.rows, list(state.bitmap.names), list(state.id_batches())) == (0, [], [])


def test_contacts_without_segments_have_no_bitmaps(tmp_path: Path) -> None:
    writer = StateWriter(tmp_path, SegmentBits(), pa.string())
    writer.write(pa.array(["a", "b"]), to_bitmaps([], 2, Memory()))
    writer.finish()
    assert open_state(tmp_path).bitmaps(0).shape == (0, 1)


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
