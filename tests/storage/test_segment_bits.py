"""The bit of each segment, from run to run."""

from segbatch.storage.segment_bits import SegmentBits


def test_segments_get_their_bits_in_turn_and_keep_them() -> None:
    first = SegmentBits().next(["a", "b", "c"])
    assert first.names == ("a", "b", "c")
    assert first.next(["c", "b", "a"]).names == ("a", "b", "c")
    assert first.next(["d", "a", "b", "c"]).names == ("a", "b", "c", "d")


def test_the_bit_of_a_deleted_segment_is_free_for_a_run_before_it_is_given_away() -> None:
    deleted = SegmentBits(("a", "b", "c")).next(["a", "c", "new"])
    assert deleted.names == ("a", None, "c", "new")
    assert deleted.next(["a", "c", "new", "newer"]).names == ("a", "newer", "c", "new")


def test_a_segment_that_comes_back_gets_a_free_bit() -> None:
    deleted = SegmentBits(("a", "b")).next(["b"])
    assert deleted.next(["a", "b"]).names == ("a", "b")
    assert SegmentBits((None, "b", None)).next(["b", "y", "x", "z"]).names == ("y", "b", "x", "z")
