"""The bit of each segment, from run to run."""

import polars as pl

from segbatch.storage.bitmap import SegmentBitmap


def test_segments_get_their_bits_in_turn_and_keep_them() -> None:
    first = SegmentBitmap().next(["a", "b", "c"])
    assert first.names == ("a", "b", "c")
    assert first.next(["c", "b", "a"]).names == ("a", "b", "c")
    assert first.next(["d", "a", "b", "c"]).names == ("a", "b", "c", "d")


def test_the_bit_of_a_deleted_segment_is_free_for_a_run_before_it_is_given_away() -> None:
    deleted = SegmentBitmap(("a", "b", "c")).next(["a", "c", "new"])
    assert deleted.names == ("a", None, "c", "new")
    assert deleted.next(["a", "c", "new", "newer"]).names == ("a", "newer", "c", "new")


def test_a_segment_that_comes_back_gets_a_free_bit() -> None:
    deleted = SegmentBitmap(("a", "b")).next(["b"])
    assert deleted.next(["a", "b"]).names == ("a", "b")
    assert SegmentBitmap((None, "b", None)).next(["b", "y", "x", "z"]).names == ("y", "b", "x", "z")


def test_a_byte_has_eight_segments() -> None:
    assert SegmentBitmap().byte_columns == []
    assert SegmentBitmap(tuple("abcdefgh")).byte_columns == ["0"]
    assert SegmentBitmap(tuple("abcdefghi")).byte_columns == ["0", "1"]


def test_packed_members_are_members() -> None:
    names = [f"s{number}" for number in range(11)]
    bitmap = SegmentBitmap((*names[:4], None, *names[4:]))
    members = pl.DataFrame({name: [row % (number + 2) == 0 for row in range(50)] for number, name in enumerate(names)})
    found = bitmap.pack(members)
    assert found.dtypes == [pl.UInt8, pl.UInt8]
    assert found.select(bitmap.is_member(name).alias(name) for name in names).equals(members)


def test_a_byte_of_free_bits_alone_is_empty() -> None:
    bitmap = SegmentBitmap((*[None] * 8, "a"))
    found = bitmap.pack(pl.DataFrame({"a": [True, False]}))
    assert found.select(pl.all().sum()).row(0) == (0, 1)
