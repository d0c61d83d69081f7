"""Membership files read back by PyArrow, Polars and DuckDB, for every type of ids; tests/compat has other readers."""

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from segbatch.platform.thrift import Cursor, Struct
from segbatch.storage import membership_pages
from segbatch.storage.coded_pages import MOST_CONTACTS, RowNumbers
from segbatch.storage.membership_pages import MembershipFile

ID_TYPES = [
    pa.string(),
    *(pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64()),
    *(pa.binary(3), pa.binary(), pa.uuid(), pa.decimal128(5, 0), pa.decimal128(38, 0)),
]
Batch = tuple[pa.Array, Sequence[RowNumbers]]
Memberships = list[tuple[str, object]]
RANDOM = np.random.default_rng(0)
CONSTANTS = {"run_id": "night-é", "publication": "night-é~2"}


def make_ids(kind: pa.DataType, contacts: int, start: int = 0) -> pa.Array:
    numbers = range(start, start + contacts)
    if kind == pa.string():
        return pa.array([f"contact-é{number}" for number in numbers])
    if kind == pa.uuid():
        return pa.ExtensionArray.from_storage(kind, make_ids(pa.binary(16), contacts, start))
    if pa.types.is_fixed_size_binary(kind):
        return pa.array([number.to_bytes(kind.byte_width, "big") for number in numbers], kind)
    if pa.types.is_binary(kind):
        return pa.array([b"\0" * (number % 3) + b"%d" % number for number in numbers], kind)
    return pa.array([Decimal(number) for number in numbers] if pa.types.is_decimal(kind) else numbers, kind)


def members(contacts: int, share: float, seed: int = 0) -> RowNumbers:
    chosen = np.random.default_rng(seed).random(contacts) < share
    return np.flatnonzero(chosen).astype(np.uint16)


def write(
    path: Path, kind: pa.DataType, segment_ids: Sequence[str], batches: Sequence[Batch]
) -> list[tuple[str, object]]:
    """Write batches and return the rows that readers have to find."""
    expected: Memberships = []
    with path.open("wb") as file:
        writer = MembershipFile(file, kind, CONSTANTS)
        for ids, rows in batches:
            writer.write(segment_ids, ids, rows)
            values = plain(ids.to_pylist())
            expected += [(name, values[row]) for name, found in zip(segment_ids, rows, strict=True) for row in found]
        writer.finish()
    assert writer.rows == len(expected)
    return expected


def plain(values: Sequence[object]) -> list[object]:
    return [value.bytes if isinstance(value, UUID) else value for value in values]


def ensure_readable(path: Path, kind: pa.DataType, expected: Sequence[tuple[str, object]]) -> None:
    table = pq.read_table(path)
    assert table.schema.names == ["segment_id", "contact_id", "run_id", "publication"]
    assert table.schema.field("contact_id").type == kind
    for name, text in CONSTANTS.items():
        assert table.schema.field(name).type == pa.string()
        assert table[name].to_pylist() == [text] * len(expected)
    assert list(zip(table["segment_id"].to_pylist(), plain(table["contact_id"].to_pylist()), strict=True)) == expected
    frame = pl.read_parquet(path)
    assert frame.get_column("segment_id").dtype == pl.String
    assert frame.rows() == [(*row, *CONSTANTS.values()) for row in expected]
    with duckdb.connect() as connection:
        found = connection.execute("SELECT segment_id, contact_id FROM read_parquet(?)", [str(path)]).fetchall()
        assert list(zip([row[0] for row in found], plain([row[1] for row in found]), strict=True)) == expected
        texts = connection.execute("SELECT DISTINCT run_id, publication FROM read_parquet(?)", [str(path)]).fetchall()
        assert texts == ([tuple(CONSTANTS.values())] if expected else [])
        for name in {expected[0][0], expected[-1][0]} if expected else ():
            sql = "SELECT count(*) FROM read_parquet(?) WHERE segment_id = ?"
            [[count]] = connection.execute(sql, [str(path), name]).fetchall()
            assert count == sum(row[0] == name for row in expected)


@pytest.mark.parametrize("kind", ID_TYPES, ids=str)
def test_ids_of_every_type_are_read_by_all(kind: pa.DataType, tmp_path: Path) -> None:
    batches = [
        (make_ids(kind, 61), [members(61, 0.5), members(61, 0), members(61, 1)]),
        (make_ids(kind, 20, 61), [members(20, 0), members(20, 0), members(20, 0.9)]),
    ]
    expected = write(tmp_path / "m.parquet", kind, ["a", "b", "c-é"], batches)
    ensure_readable(tmp_path / "m.parquet", kind, expected)


@pytest.mark.parametrize("kind", ID_TYPES, ids=str)
def test_a_file_without_members_has_the_types(kind: pa.DataType, tmp_path: Path) -> None:
    expected = write(tmp_path / "m.parquet", kind, ["a"], [(make_ids(kind, 5), [members(5, 0)])])
    assert expected == []
    ensure_readable(tmp_path / "m.parquet", kind, expected)


@pytest.mark.parametrize("contacts", [1, 2, 7, 8, 9, 255, 256, 257, MOST_CONTACTS - 1, MOST_CONTACTS])
def test_batches_of_any_size_are_read(contacts: int, tmp_path: Path) -> None:
    rows = [members(contacts, 1), members(contacts, 0.3, 1)]
    expected = write(tmp_path / "m.parquet", pa.int32(), ["all", "some"], [(make_ids(pa.int32(), contacts), rows)])
    ensure_readable(tmp_path / "m.parquet", pa.int32(), expected)


def test_more_contacts_than_row_numbers_are_refused(tmp_path: Path) -> None:
    contacts = MOST_CONTACTS + 1
    with pytest.raises(ValueError, match=r"^65,537 contacts in a batch, at most 65,536 can be written$"):
        write(tmp_path / "m.parquet", pa.int32(), ["s"], [(make_ids(pa.int32(), contacts), [members(contacts, 0.1)])])


@pytest.mark.parametrize("segments", [255, 256, 257, 65_536, 65_537])
def test_any_number_of_segments_is_read(segments: int, tmp_path: Path) -> None:
    names = [f"{number:06}" for number in range(segments)]
    rows = [np.array([number % 3], dtype=np.uint16) for number in range(segments)]
    expected = write(tmp_path / "m.parquet", pa.int64(), names, [(make_ids(pa.int64(), 3), rows)])
    ensure_readable(tmp_path / "m.parquet", pa.int64(), expected)


def read_struct(data: bytes, place: int) -> Struct:
    return Cursor(data, place).struct()


def values(fields: Struct, number: int) -> list[object]:
    found = fields[number][1]
    assert isinstance(found, list)
    return [*found]


def test_the_page_index_leads_to_the_pages_of_a_segment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(membership_pages, "_PAGE_ROWS", 100)
    names = [f"{number:02}" for number in range(30)]
    rows = [members(80, 0 if number == 7 else 0.4, number) for number in range(30)]
    write(tmp_path / "m.parquet", pa.int32(), names, [(make_ids(pa.int32(), 80), rows)])
    data = (tmp_path / "m.parquet").read_bytes()
    footer = read_struct(data, len(data) - 8 - int.from_bytes(data[-8:-4], "little"))
    [group] = values(footer, 4)
    chunks = values(group, 1)  # type: ignore[arg-type]
    offsets = [values(read_struct(data, chunk[4][1]), 1) for chunk in chunks]  # type: ignore[index]
    starts = [[page[3][1] for page in pages] for pages in offsets]  # type: ignore[index]
    assert starts == [starts[0]] * 4
    assert len(starts[0]) > 5
    segment_chunk, _, run_chunk, _ = chunks
    run_index = read_struct(data, run_chunk[6][1])  # type: ignore[index]
    assert values(run_index, 2) == values(run_index, 3) == [CONSTANTS["run_id"].encode()] * len(starts[0])
    index = read_struct(data, segment_chunk[6][1])  # type: ignore[index]
    written = [name.encode() for name, found in zip(names, rows, strict=True) for _ in found]
    ends = [*starts[0][1:], len(written)]
    assert values(index, 2) == [written[start] for start in starts[0]]
    assert values(index, 3) == [written[end - 1] for end in ends]
    for pages in offsets:
        for page in pages:
            header = read_struct(data, page[1][1])  # type: ignore[index]
            assert header[1][1] == 3, "a data page of version 2"


def test_row_groups_have_the_first_and_the_last_segment_as_statistics(tmp_path: Path) -> None:
    ids = make_ids(pa.int32(), 10)
    write(
        tmp_path / "m.parquet", pa.int32(), ["a", "b", "c"], [(ids, [members(10, 0), members(10, 1), members(10, 1)])]
    )
    group = pq.ParquetFile(tmp_path / "m.parquet").metadata.row_group(0)
    statistics = group.column(0).statistics
    assert (statistics.min, statistics.max, statistics.null_count) == ("b", "c", 0)
    for column, text in enumerate(CONSTANTS.values(), 2):
        statistics = group.column(column).statistics
        assert (statistics.min, statistics.max, statistics.null_count) == (text, text, 0)


@pytest.mark.parametrize(
    ("ids", "codec"),
    [
        (make_ids(pa.string(), MOST_CONTACTS), "ZSTD"),
        (make_ids(pa.int64(), MOST_CONTACTS), "ZSTD"),
        (pa.array([str(UUID(int=number)) for number in range(1_000)]), "ZSTD"),
        (pa.array([str(UUID(int=number)) for number in RANDOM.integers(2**63, size=5_000).tolist()]), "ZSTD"),
        (pa.array([str(UUID(bytes=RANDOM.bytes(16))) for _ in range(5_000)]), "UNCOMPRESSED"),
        (pa.array([RANDOM.bytes(16) for _ in range(5_000)], pa.binary(16)), "UNCOMPRESSED"),
        (pa.array(["one"]), "UNCOMPRESSED"),
    ],
    ids=["texts", "numbers", "texts with zeros", "texts half with zeros", "uuids", "bytes", "one"],
)
def test_ids_are_compressed_if_they_shrink_to_a_third(ids: pa.Array, codec: str, tmp_path: Path) -> None:
    path = tmp_path / "m.parquet"
    expected = write(path, ids.type, ["a", "b"], [(ids, [members(len(ids), 0.1), members(len(ids), 1)])])
    column = pq.ParquetFile(path).metadata.row_group(0).column(1)
    assert column.compression == codec
    assert (column.total_compressed_size < column.total_uncompressed_size) == (codec == "ZSTD")
    table = pq.read_table(path, columns=["segment_id", "contact_id"])
    rows = zip(table["segment_id"].to_pylist(), table["contact_id"].to_pylist(), strict=True)
    assert list(rows) == expected


def test_constant_columns_take_no_space_to_speak_of(tmp_path: Path) -> None:
    ids, rows = make_ids(pa.int32(), MOST_CONTACTS), [members(MOST_CONTACTS, 0.5, seed) for seed in range(20)]
    sizes = []
    for constants in ({}, CONSTANTS):
        with (tmp_path / "m.parquet").open("wb") as file:
            writer = MembershipFile(file, pa.int32(), constants)
            writer.write([f"{number:02}" for number in range(20)], ids, rows)
            writer.finish()
            sizes.append(file.tell())
    assert sizes[1] - sizes[0] < 0.002 * writer.rows
