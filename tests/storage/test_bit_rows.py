"""Rows of bits, against NumPy's own packing of a matrix of booleans."""

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest

from segbatch.storage.bit_rows import bit_of, bitmap_of, find_differences, is_in_any, row_length, to_rows

SHAPES = [(contacts, segments) for contacts in (1, 7, 8, 9, 1_000) for segments in (1, 8, 9, 63, 64, 65, 200)]


def random_members(contacts: int, segments: int) -> npt.NDArray[np.bool_]:
    return np.random.default_rng(contacts * 1_000 + segments).random((contacts, segments)) < 0.3


def rows_of(members: npt.NDArray[np.bool_]) -> npt.NDArray[np.uint8]:
    return to_rows([bitmap_of(pl.Series(column)) for column in members.T], len(members))


def unpacked(rows: npt.NDArray[np.uint8], segments: int) -> npt.NDArray[np.bool_]:
    return np.unpackbits(rows, axis=1, bitorder="little")[:, :segments].astype(bool)


@pytest.mark.parametrize(("segments", "length"), [(0, 0), (1, 8), (64, 8), (65, 16), (1_000, 128)])
def test_a_row_is_a_multiple_of_64_bits(segments: int, length: int) -> None:
    assert row_length(segments) == length


@pytest.mark.parametrize(("contacts", "segments"), SHAPES)
def test_every_bit_of_a_row_is_the_membership_in_its_segment(contacts: int, segments: int) -> None:
    members = random_members(contacts, segments)
    rows = rows_of(members)
    assert (unpacked(rows, segments) == members).all()
    for bit in (0, segments - 1):
        assert (bit_of(rows, bit) == members[:, bit]).all()
    assert (is_in_any(rows) == members.any(axis=1)).all()


def test_a_bit_without_a_segment_is_empty() -> None:
    column = pl.Series([True, False, True])
    rows = to_rows([None, bitmap_of(column), *[None] * 70], 3)
    assert unpacked(rows, 72).nonzero()[1].tolist() == [1, 1]
    assert to_rows([], 3).shape == (3, 0)


@pytest.mark.parametrize("start", [0, 3, 8, 16])
def test_a_bitmap_begins_at_the_first_contact_of_a_slice(start: int) -> None:
    members = random_members(100, 1)[:, 0]
    bitmap = bitmap_of(pl.Series(members)[start:])
    assert np.unpackbits(bitmap, bitorder="little")[: 100 - start].astype(bool).tolist() == members[start:].tolist()


@pytest.mark.parametrize(("contacts", "segments"), SHAPES)
def test_differences_are_the_changed_bits_by_segment_and_contact(contacts: int, segments: int) -> None:
    before = random_members(contacts, segments)
    after = before ^ (np.random.default_rng(1).random(before.shape) < 0.05)
    found = find_differences(rows_of(before), rows_of(after))
    bits, rows = (before != after).T.nonzero()
    assert found.bits.tolist() == bits.tolist()
    assert found.contacts.tolist() == rows.tolist()
    assert found.entered.tolist() == after[rows, bits].tolist()


def test_segments_that_the_previous_run_did_not_have_were_empty() -> None:
    after = random_members(50, 100)
    found = find_differences(rows_of(after[:, :3]), rows_of(after))
    assert len(found.bits) == after[:, 3:].sum()
    assert found.entered.all()
    assert found.bits.min() >= 3
