"""Matrices of bits, against NumPy's own packing of a matrix of booleans."""

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest

from segbatch.platform.bitmaps import Bitmap, Bitmaps, from_columns, word_count
from segbatch.storage import bit_matrix
from segbatch.storage.bit_matrix import (
    Memory,
    Words,
    changed_bits,
    digest_contacts,
    from_words,
    in_groups,
    is_in_any,
    members_in,
    slices_of,
    to_bitmaps,
    to_words,
    words_of,
)

SHAPES = [(contacts, segments) for contacts in (1, 7, 8, 9, 64, 1_000) for segments in (1, 8, 9, 63, 64, 65, 200)]


def random_members(contacts: int, segments: int) -> npt.NDArray[np.bool_]:
    return np.random.default_rng(contacts * 1_000 + segments).random((contacts, segments)) < 0.3


def columns_of(members: npt.NDArray[np.bool_]) -> list[Bitmap]:
    return [*from_columns([pl.Series(column) for column in members.T], len(members))]


def bitmaps_of(members: npt.NDArray[np.bool_]) -> Bitmaps:
    return to_bitmaps(columns_of(members), len(members), Memory())


def matrix_of(members: npt.NDArray[np.bool_]) -> Words:
    return to_words(bitmaps_of(members), len(members), Memory())


def unpacked(words: Words, segments: int) -> npt.NDArray[np.bool_]:
    rows = np.ascontiguousarray(words.T).view(np.uint8)
    return np.unpackbits(rows, axis=1, bitorder="little")[:, :segments].astype(bool)


@pytest.mark.parametrize(("bits", "words"), [(0, 0), (1, 1), (64, 1), (65, 2), (1_000, 16)])
def test_a_word_has_64_bits(bits: int, words: int) -> None:
    assert word_count(bits) == words


@pytest.mark.parametrize(("contacts", "segments"), SHAPES)
def test_every_bit_is_the_membership_in_its_segment(contacts: int, segments: int) -> None:
    members = random_members(contacts, segments)
    bitmaps = bitmaps_of(members)
    assert (unpacked(to_words(bitmaps, contacts, Memory()), segments) == members).all()
    for bit in (0, segments - 1):
        assert (members_in(bitmaps[bit], contacts) == members[:, bit]).all()
    assert (is_in_any(bitmaps, contacts) == members.any(axis=1)).all()


@pytest.mark.parametrize(("contacts", "segments"), [*SHAPES, (0, 3), (3, 0)])
def test_words_become_the_bitmaps_that_they_were(contacts: int, segments: int) -> None:
    memory, bitmaps = Memory(), bitmaps_of(random_members(contacts, segments))
    for _ in range(2):  # the second time in memory that is not empty
        assert (from_words(to_words(bitmaps, contacts, Memory()), memory) == bitmaps).all()


def test_a_bit_without_a_segment_is_empty() -> None:
    [bitmap] = columns_of(np.array([[True], [False], [True]]))
    bitmaps = to_bitmaps([None, bitmap, *[None] * 70], 3, Memory())
    assert bitmaps.shape == (128, 1)
    assert unpacked(to_words(bitmaps, 3, Memory()), 72).nonzero()[1].tolist() == [1, 1]


@pytest.mark.parametrize(("contacts", "segments"), [(3, 0), (0, 3), (0, 0)])
def test_a_matrix_may_have_no_contacts_or_no_segments(contacts: int, segments: int) -> None:
    words = to_words(to_bitmaps([None] * segments, contacts, Memory()), contacts, Memory())
    assert words.shape == (word_count(segments), contacts)
    assert not changed_bits(words.copy(), words).any()
    assert [*slices_of(words)] == []


def test_memory_of_a_larger_batch_is_used_for_a_smaller_one() -> None:
    memory = Memory()
    for contacts, segments in ((1_000, 200), (70, 3), (1_000, 65), (9, 65)):
        members = random_members(contacts, segments)
        bitmaps = to_bitmaps(columns_of(members), contacts, memory)
        assert (unpacked(to_words(bitmaps, contacts, memory), segments) == members).all()


@pytest.mark.parametrize(("contacts", "segments"), SHAPES)
def test_changed_bits_are_those_that_differ(contacts: int, segments: int) -> None:
    before = random_members(contacts, segments)
    after = before ^ (np.random.default_rng(1).random(before.shape) < 0.05)
    changed = changed_bits(matrix_of(before), matrix_of(after))
    assert (unpacked(changed, segments) == (before != after)).all()


@pytest.mark.parametrize("contacts", [1, 20, 1_000_000])
@pytest.mark.parametrize("most", [1, 20, 70, 1_000_000])
def test_slices_of_contacts_have_a_bounded_number_of_changes(
    most: int, contacts: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bit_matrix, "MOST_CHANGES", most)
    monkeypatch.setattr(bit_matrix, "MOST_CHANGED_CONTACTS", contacts)
    is_changed = np.random.default_rng(1).random((90, 130)) < 0.1
    is_changed[40:45], is_changed[80:], is_changed[3] = False, False, np.arange(130) < 100
    slices = [*slices_of(matrix_of(is_changed))]
    for part in slices:
        assert is_changed[part].sum() <= most or part.stop - part.start == 1
        assert part.stop - part.start <= contacts
    assert [part.start for part in slices] == [0, *(part.stop for part in slices[:-1])]
    assert not is_changed[slices[-1].stop :].any()
    assert (len(slices) == 1) == (most > is_changed.sum() and contacts > 90)


def test_segments_that_the_previous_run_did_not_have_were_empty() -> None:
    after = random_members(50, 100)
    changed = unpacked(changed_bits(matrix_of(after[:, :3]), matrix_of(after)), 100)
    assert not changed[:, :3].any()
    assert (changed[:, 3:] == after[:, 3:]).all()


@pytest.mark.parametrize(("contacts", "segments"), SHAPES)
@pytest.mark.parametrize("share", [0, 0.05, 0.5, 1])
def test_words_of_some_contacts_are_those_of_all(contacts: int, segments: int, share: float) -> None:
    members = random_members(contacts, segments)
    places = np.flatnonzero(np.random.default_rng(contacts).random(contacts) < share)
    found = words_of(in_groups(bitmaps_of(members)), contacts, places, Memory())
    assert (found == matrix_of(members)[:, places]).all()
    assert found.shape == (word_count(segments), len(places))


def digests_of(members: npt.NDArray[np.bool_], memory: Memory) -> list[int]:
    digests: list[int] = digest_contacts(in_groups(bitmaps_of(members)), len(members), memory).tolist()
    return digests


def columns_of_digests(segments: int) -> npt.NDArray[np.uint64]:
    """Return the digests of contacts that are in one segment each."""
    return np.array(digests_of(np.eye(segments, dtype=bool), Memory()), dtype=np.uint64)


@pytest.mark.parametrize(("contacts", "segments"), [*SHAPES, (3, 0)])
def test_a_digest_is_a_sum_of_digests_of_segments(contacts: int, segments: int) -> None:
    members, memory = random_members(contacts, segments), Memory()
    columns = columns_of_digests(segments)
    expected = [int(np.bitwise_xor.reduce(columns[row])) for row in members]
    for _ in range(2):  # the second time in memory that is not empty
        assert digests_of(members, memory) == expected


def test_digests_differ_if_up_to_four_segments_do() -> None:
    columns = columns_of_digests(1_024)
    one, two = np.triu_indices(len(columns), 1)
    pairs = np.sort(columns[one] ^ columns[two])
    assert pairs[0]
    assert (pairs[1:] != pairs[:-1]).all()
    assert not np.isin(columns, pairs).any()
    assert columns.all()


@pytest.mark.parametrize("group", [0, 1, 70])
def test_digests_differ_if_segments_of_one_group_do(group: int) -> None:
    columns = columns_of_digests((group + 1) * 64)[-64:].tolist()
    by_first_bit = dict[int, int]()
    for column in columns:  # Gaussian elimination
        rest = column
        while rest and rest.bit_length() in by_first_bit:
            rest ^= by_first_bit[rest.bit_length()]
        by_first_bit[rest.bit_length()] = rest
    assert set(by_first_bit) == set(range(1, 65))


def test_segments_without_members_do_not_change_the_digest() -> None:
    members = random_members(100, 70)
    more = np.concatenate([members, np.zeros((100, 130), dtype=bool)], axis=1)
    assert digests_of(members, Memory()) == digests_of(more, Memory())
