"""Texts that a file has as small dictionaries: which columns are read so, and the text of each contact."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from builders import write_contacts
from segbatch.snapshot.encoded_texts import DictionaryReader, EncodedTexts, encode_columns, text_leaves
from segbatch.snapshot.open_snapshot import open_snapshot
from segbatch.snapshot.parquet.record_batches import batch_length, find_few_texts
from segbatch.snapshot.snapshot import Snapshot

TEXT, CODES = pa.string(), pa.int8()
MANY = [f"text {number}" for number in range(40_000)]


def texts_of(encoded: EncodedTexts, *path: str) -> list[str | None]:
    """Return the text of each contact."""
    column = encoded.frame.to_series().alias("texts")
    for name in path:
        column = column.struct.field(name)
    return column.gather(pl.Series(encoded.codes)).to_list()


def dictionary(values: Sequence[str | None], codes: Sequence[int | None], of: pa.DataType = TEXT) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(codes, CODES), pa.array(values, of))


def find_encoded(batch: pa.RecordBatch, leaves: list[str]) -> dict[str, EncodedTexts]:
    return DictionaryReader(leaves).read(batch)


@pytest.mark.parametrize("of", [pa.string(), pa.large_string(), pa.string_view()])
def test_each_contact_has_its_text(of: pa.DataType) -> None:
    column = dictionary(["a", None, "a", ""], [0, 1, 2, 3, None], of)
    found = find_encoded(pa.record_batch({"f": column}), ["f"])
    assert texts_of(found["f"]) == ["a", None, "a", "", None]


@pytest.mark.parametrize("path", ["f", "home.f"])
def test_batches_with_the_same_texts_share_them(path: str) -> None:
    reader, parents = DictionaryReader([path]), path.split(".")[:-1]
    columns = [
        dictionary(["b", "a"], [0, 1, None]),
        dictionary(["b", "a"], [1]),
        dictionary(["a", "b"], [0, None, 1]),
        dictionary(["a", "b", "c"], [2, 0, 1]),
        dictionary(["c", None, "b", "a"], [0, 1, 2, 3, None]),
        dictionary([None, "c", "b", "a"], [0, 1, 2, 3, None]),
        dictionary(["a", "a", "b"], [2, 1, 0]),
    ]
    batches = [pa.record_batch({"f": column}) for column in columns]
    if parents:
        batches = [pa.record_batch({"home": batch.to_struct_array()}) for batch in batches]
    found = [reader.read(batch)[path] for batch in batches]
    for column, texts in zip(columns, found, strict=True):
        assert texts_of(texts, *path.split(".")[1:]) == column.to_pylist()
    frames = [texts.frame for texts in found]
    assert frames[0] is frames[1] is frames[2]
    assert frames[3] is frames[4] is frames[5] is frames[6]
    assert [frame.height for frame in frames] == [3] * 3 + [4] * 4


def test_texts_of_earlier_batches_are_not_kept_if_they_are_many() -> None:
    reader = DictionaryReader(["f"])
    columns = [dictionary(texts, [0]) for texts in (["a", "b"], ["c", "d"], ["e", "f"], ["a"])]
    found = [reader.read(pa.record_batch({"f": column}))["f"] for column in columns]
    assert [texts_of(texts) for texts in found] == [["a"], ["c"], ["e"], ["a"]]
    assert [texts.frame.height for texts in found] == [3, 5, 3, 2]


def test_a_slice_has_its_own_contacts() -> None:
    batch = pa.record_batch({"f": dictionary(["a", "b"], [0, 1, None, 1])}).slice(1, 2)
    assert texts_of(find_encoded(batch, ["f"])["f"]) == ["b", None]


def test_a_part_of_a_struct_is_missing_where_a_parent_is_null() -> None:
    inner = pa.StructArray.from_arrays(
        [dictionary(["a", "b"], [0, 1, 1])], ["city"], mask=pa.array([False, True, False])
    )
    outer = pa.StructArray.from_arrays([inner], ["home"], mask=pa.array([False, False, True]))
    for rows in (slice(0, 3), slice(1, 3)):
        batch = pa.record_batch({"f": outer}).slice(rows.start, rows.stop - rows.start)
        found = find_encoded(batch, ["f.home.city"])["f.home.city"]
        assert texts_of(found, "home", "city") == ["a", None, None][rows]


@pytest.mark.parametrize(
    "column",
    [
        pa.array(["a", "b"]),
        pa.array([b"a", b"b"]).dictionary_encode(),
        pa.array([1, 2]).dictionary_encode(),
        pa.array([{"g": "a"}, None]),
    ],
)
def test_other_columns_are_not_encoded(column: pa.Array) -> None:
    assert not find_encoded(pa.record_batch({"f": column}), ["f", "f.h", "g", "f.g.h"])


def test_a_dictionary_with_many_values_is_not_used() -> None:
    few = pa.array(MANY[:200] * 300).dictionary_encode()
    many = pa.array(MANY[:300] * 3).dictionary_encode()
    assert find_encoded(pa.record_batch({"f": few}), ["f"])
    assert not find_encoded(pa.record_batch({"f": many}), ["f"])


def test_columns_of_few_texts_are_encoded() -> None:
    columns = {
        "^few$": ["a", None, "b"] * 500,
        "many": MANY[:1_500],
        "rows": range(1_500),
        "late": ["a"] * 700 + MANY[:800],
    }
    frame, found = encode_columns(pl.DataFrame(columns), [*columns, "nothing"])
    assert (frame.columns, [*found]) == (["many", "rows", "late"], ["^few$"])
    assert texts_of(found["^few$"]) == ["a", None, "b"] * 500


def test_a_batch_may_have_no_contacts() -> None:
    found = find_encoded(pa.record_batch({"f": dictionary([], [])}), ["f"])
    assert (texts_of(found["f"]), found["f"].frame.height) == ([], 1)


def test_paths_that_may_be_keys_with_dots_are_not_read_as_dictionaries() -> None:
    struct = pa.struct([("a", TEXT), ("b", pa.struct([("c", TEXT)])), ("b.d", TEXT), ("n", pa.int64())])
    schema = pa.schema([("f", struct), ("g", TEXT), ("g.h", TEXT), ("i", pa.large_string()), ("j", pa.list_(TEXT))])
    wanted = ["f", "f.a", "f.b.c", "f.b.d", "f.n", "g", "g.h", "i", "i.x", "j", "nothing"]
    assert text_leaves(schema, wanted) == {"f.a", "i"}
    twins = pa.schema([("k", TEXT), ("k", TEXT)])
    assert not text_leaves(twins, ["k"])


@pytest.mark.parametrize(
    ("column", "options", "is_read"),
    [
        (["a", "b", None] * 100, {}, True),
        (["a", "b", None] * 100, {"use_dictionary": False}, False),
        (["a"] * 40_000, {"row_group_size": 20_000}, True),
        (["a"] * 40_000, {"row_group_size": 8_000}, False),
        (MANY, {}, False),
        ([["a"]] * 100, {}, False),
        ([b"a"] * 100, {}, False),
        ([], {}, False),
        (["a"] * 40_000 + MANY, {"row_group_size": 40_000}, False),
    ],
)
def test_columns_of_few_texts_are_found_in_the_footer(
    tmp_path: Path, column: list[Any], options: dict[str, Any], *, is_read: bool
) -> None:
    pq.write_table(pa.table({"f": column, "g": column}), tmp_path / "c.parquet", **options)
    found = find_few_texts(pq.read_metadata(tmp_path / "c.parquet"), ["f", "f.list.element", "f.element"])
    assert found == (["f"] if is_read else [])


@pytest.mark.parametrize(
    ("rows", "length"), [(0, 1_000), (999, 1_000), (1_000, 1_000), (1_001, 512), (1_985, 1_000), (2_500, 896)]
)
def test_batches_divide_a_row_group_evenly(rows: int, length: int) -> None:
    assert batch_length(rows, 1_000) == length


def read(snapshot: Snapshot, rows: int = 65_536) -> tuple[list[str | None], list[bool]]:
    """Return the values of `f` of all contacts, and for each batch whether it has them as a dictionary."""
    values, encoded = list[str | None](), list[bool]()
    for batch in snapshot.batches({"f"}, rows, {"f": 1, "id": 3, "other": 3}):
        encoded.append("f" in batch.texts)
        assert ("f" in batch.frame.columns) != encoded[-1]
        assert "id" not in batch.texts
        values += texts_of(batch.texts["f"]) if encoded[-1] else batch.frame.get_column("f").to_list()
    return values, encoded


def test_files_may_be_encoded_in_different_ways(tmp_path: Path) -> None:
    ways = [
        (pa.array(["a", None, "b"]), {}),
        (pa.array(["a", None, "c"]), {"use_dictionary": False}),
        (pa.array(["a", None, "d"]).dictionary_encode(), {}),
        (pa.array(["a", None, "e"], pa.large_string()).dictionary_encode(), {"use_dictionary": False}),
        (pa.array([b"a", None, b"f"]), {}),
        (pa.nulls(3), {}),
        (pa.array([], TEXT), {}),
    ]
    for number, (column, options) in enumerate(ways):
        ids = pa.array([f"{number}.{row}" for row in range(len(column))], TEXT)
        write_contacts(tmp_path / f"{number}.parquet", {"id": ids, "f": column}, **options)
    values, encoded = read(open_snapshot(str(tmp_path)).with_fields(["f"]))
    assert values == [value for last in "bcdef" for value in ("a", None, last)] + [None] * 3
    assert encoded[:4] == [True, False, True, True]


def test_batches_keep_the_order_of_contacts_across_row_groups(tmp_path: Path) -> None:
    column = [f"text {row // 1_000 % 7}" if row % 5 else None for row in range(50_000)]
    ids = pa.array([str(row) for row in range(50_000)])
    write_contacts(tmp_path / "c.parquet", {"id": ids, "f": column}, row_group_size=20_000)
    values, encoded = read(open_snapshot(str(tmp_path / "c.parquet")), 8_192)
    assert values == column
    assert encoded == [True] * 8


def test_a_row_group_that_cannot_be_read_as_a_dictionary_is_read_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = pa.array([str(row) for row in range(60)])
    write_contacts(tmp_path / "c.parquet", {"id": ids, "f": ["a", None, "b"] * 20})
    snapshot = open_snapshot(str(tmp_path / "c.parquet"))
    read_all = pq.ParquetFile.iter_batches

    def fail_in_the_middle(self: pq.ParquetFile, **options: Any) -> Any:
        for number, batch in enumerate(read_all(self, **options)):
            if number == 1 and pa.types.is_dictionary(batch.schema.field("f").type):
                raise pa.ArrowNotImplementedError("chunked")
            yield batch

    monkeypatch.setattr(pq.ParquetFile, "iter_batches", fail_in_the_middle)
    assert read(snapshot, 25) == (["a", None, "b"] * 20, [True, False, False])
