"""Bitmaps of contacts, against columns of booleans."""

import numpy as np
import polars as pl
import pytest

from segbatch.platform.bitmaps import (
    count_bits,
    empty_bitmaps,
    from_columns,
    full_bitmap,
    to_array,
    to_columns,
    to_mask,
)

CONTACTS = [1, 7, 63, 64, 65, 1_000]


def random_columns(contacts: int, number: int) -> list[pl.Series]:
    return [pl.Series(np.random.default_rng([contacts, seed]).random(contacts) < 0.3) for seed in range(number)]


@pytest.mark.parametrize("contacts", CONTACTS)
@pytest.mark.parametrize("number", [1, 2, 9])
def test_columns_are_the_same_after_a_round_trip(contacts: int, number: int) -> None:
    columns = random_columns(contacts, number)
    bitmaps = from_columns(columns, contacts)
    assert [column.to_list() for column in to_columns(bitmaps, contacts)] == [column.to_list() for column in columns]
    assert count_bits(bitmaps).tolist() == [column.sum() for column in columns]


@pytest.mark.parametrize("start", [0, 3, 8, 64])
def test_a_column_may_be_a_slice_of_another_one(start: int) -> None:
    long = pl.Series([True] * 200)
    bitmaps = from_columns([long[start:100]], 100 - start)
    assert np.unpackbits(bitmaps[0].view(np.uint8), bitorder="little").nonzero()[0].tolist() == [*range(100 - start)]


@pytest.mark.parametrize("contacts", CONTACTS)
def test_bits_after_the_last_contact_are_not_set(contacts: int) -> None:
    everyone = pl.repeat(value=True, n=contacts, dtype=pl.Boolean, eager=True)
    assert from_columns([everyone, everyone], contacts).tolist() == [full_bitmap(contacts).tolist()] * 2
    assert count_bits(full_bitmap(contacts).reshape(1, -1)).tolist() == [contacts]


def test_a_selection_of_bitmaps_becomes_columns() -> None:
    columns = random_columns(100, 6)
    found = to_columns(from_columns(columns, 100)[::2], 100)
    assert [column.to_list() for column in found] == [column.to_list() for column in columns[::2]]


@pytest.mark.parametrize(("number", "contacts"), [(0, 0), (0, 3), (3, 0)])
def test_there_may_be_no_contacts_or_no_bitmaps(number: int, contacts: int) -> None:
    columns = [pl.Series([False] * contacts, dtype=pl.Boolean)] * number
    bitmaps = from_columns(columns, contacts)
    assert bitmaps.shape == empty_bitmaps(number, contacts).shape
    assert [column.to_list() for column in to_columns(bitmaps, contacts)] == [[False] * contacts] * number


@pytest.mark.parametrize("contacts", [0, *CONTACTS])
def test_arrays_have_the_values_of_numpy(contacts: int) -> None:
    numbers = np.random.default_rng(contacts).integers(0, 1 << 16, contacts * 2, dtype=np.uint16)[::2]
    assert to_array(numbers).to_pylist() == numbers.tolist()
    assert to_mask(numbers > 1 << 15).to_pylist() == (numbers > 1 << 15).tolist()
