"""Which bit is whose from night to night."""

import polars as pl

from segbatch.storage.bitmap import Slots


def test_segments_get_their_bits_in_turn_and_keep_them() -> None:
    first = Slots().next(["a", "b", "c"])
    assert first.names == ("a", "b", "c")
    assert first.next(["c", "b", "a"]).names == ("a", "b", "c")
    assert first.next(["d", "a", "b", "c"]).names == ("a", "b", "c", "d")


def test_the_bit_of_a_deleted_segment_is_free_for_a_night_before_it_is_given_away() -> None:
    deleted = Slots(("a", "b", "c")).next(["a", "c", "new"])
    assert deleted.names == ("a", None, "c", "new")
    assert deleted.next(["a", "c", "new", "newer"]).names == ("a", "newer", "c", "new")


def test_a_segment_that_comes_back_gets_a_free_bit() -> None:
    deleted = Slots(("a", "b")).next(["b"])
    assert deleted.next(["a", "b"]).names == ("a", "b")
    assert Slots((None, "b", None)).next(["b", "y", "x", "z"]).names == ("y", "b", "x", "z")


def test_a_byte_has_eight_segments() -> None:
    assert Slots().octets == []
    assert Slots(tuple("abcdefgh")).octets == ["0"]
    assert Slots(tuple("abcdefghi")).octets == ["0", "1"]


def test_what_is_packed_is_held() -> None:
    names = [f"s{number}" for number in range(11)]
    slots = Slots((*names[:4], None, *names[4:]))
    members = pl.DataFrame({name: [row % (number + 2) == 0 for row in range(50)] for number, name in enumerate(names)})
    octets = slots.pack(members)
    assert octets.dtypes == [pl.UInt8, pl.UInt8]
    assert octets.select(slots.holds(name).alias(name) for name in names).equals(members)


def test_a_byte_of_free_bits_alone_is_empty() -> None:
    slots = Slots((*[None] * 8, "a"))
    octets = slots.pack(pl.DataFrame({"a": [True, False]}))
    assert octets.select(pl.all().sum()).row(0) == (0, 1)
