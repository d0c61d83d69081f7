"""The hash of contact ids: golden values, and the same hash for every type and layout of equal ids."""

from decimal import Decimal
from uuid import UUID

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segbatch.cluster.contact_hash import bucket_of, hash_ids

UUIDS = [UUID(int=number).bytes for number in (0, 1, 1 << 127)]
TEXTS = ["", "a", "contact-1", "contact-2", "12345678", "123456789", "Zürich", "x" * 100]
WORD = (1 << 64) - 1


def mixed(value: int) -> int:
    """Return the finalizer of SplitMix64 in plain numbers."""
    value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9 & WORD
    value = (value ^ (value >> 27)) * 0x94D049BB133111EB & WORD
    return value ^ (value >> 31)


def hash_of_bytes(content: bytes) -> int:
    found = mixed(len(content) + 0x9E3779B97F4A7C15 & WORD)
    for start in range(0, len(content), 8):
        found = mixed(found ^ int.from_bytes(content[start : start + 8], "little"))
    return found


def test_hashes_never_change() -> None:
    assert hash_ids(pa.array(["", "a", "contact-1", None])).tolist() == [
        16294208416658607535,
        4490210150949542640,
        hash_of_bytes(b"contact-1"),
        0,
    ]
    assert hash_ids(pa.array([1, -1, None])).tolist() == [10451216379200822465, 16490336266968443936, 0]
    assert hash_ids(pa.array([2**64 - 2], pa.uint64())).tolist() == [mixed(2**64 - 2 + 0x9E3779B97F4A7C15 & WORD)]
    assert hash_ids(pa.array([Decimal(5), Decimal(-7)], pa.decimal128(20, 0))).tolist() == [
        16734047128602657191,
        1400076001659124235,
    ]


@pytest.mark.parametrize(
    "arrow_type",
    [pa.large_string(), pa.string_view(), pa.dictionary(pa.int8(), pa.string()), pa.binary(), pa.large_binary()],
)
def test_the_layout_of_texts_does_not_matter(arrow_type: pa.DataType) -> None:
    texts = pa.array([*TEXTS, None])
    other = texts.dictionary_encode() if pa.types.is_dictionary(arrow_type) else texts.cast(arrow_type)
    assert hash_ids(other).tolist() == hash_ids(texts).tolist()


@pytest.mark.parametrize(
    "arrow_type",
    [
        pa.int8(),
        pa.int16(),
        pa.int32(),
        pa.uint8(),
        pa.uint16(),
        pa.uint32(),
        pa.uint64(),
        pa.dictionary(pa.int8(), pa.int32()),
    ],
)
def test_the_width_of_whole_numbers_does_not_matter(arrow_type: pa.DataType) -> None:
    numbers = pa.array([0, 1, 100, None], pa.int64())
    other = (
        numbers.cast(pa.int32()).dictionary_encode() if pa.types.is_dictionary(arrow_type) else numbers.cast(arrow_type)
    )
    assert hash_ids(other).tolist() == hash_ids(numbers).tolist()


def test_uuids_hash_as_their_bytes() -> None:
    expected = [hash_of_bytes(one) for one in UUIDS]
    for arrow_type in (pa.uuid(), pa.binary(16), pa.binary()):
        assert hash_ids(pa.array(UUIDS, arrow_type)).tolist() == expected


def test_the_precision_of_decimals_does_not_matter() -> None:
    numbers = pa.array([Decimal(5), None, Decimal(-(10**18))], pa.decimal128(20, 0))
    assert hash_ids(numbers).tolist() == hash_ids(numbers.cast(pa.decimal128(38, 0))).tolist()


@given(texts=st.lists(st.none() | st.text(max_size=20), max_size=30), start=st.integers(0, 5))
def test_the_hash_is_that_of_plain_numbers_also_for_slices(texts: list[str | None], start: int) -> None:
    expected = [0 if text is None else hash_of_bytes(text.encode()) for text in texts[start:]]
    assert hash_ids(pa.array(texts, pa.string())[start:]).tolist() == expected
    assert hash_ids(pa.array(texts, pa.string()).dictionary_encode()[start:]).tolist() == expected


@given(numbers=st.lists(st.none() | st.integers(-(2**63), 2**63 - 1), max_size=30), start=st.integers(0, 5))
def test_slices_of_numbers_hash_as_their_copies(numbers: list[int | None], start: int) -> None:
    whole = pa.array(numbers, pa.int64())
    assert hash_ids(whole[start:]).tolist() == hash_ids(pa.array(numbers[start:], pa.int64())).tolist()


def test_a_column_of_nulls_has_a_bucket() -> None:
    assert bucket_of(pa.nulls(2), 5).tolist() == [0, 0]


@pytest.mark.parametrize("ids", [pa.array(range(10_000)), pa.array([f"contact-{number}" for number in range(10_000)])])
def test_buckets_get_about_as_many_contacts_each(ids: pa.Array) -> None:
    sizes = np.bincount(bucket_of(ids, 16), minlength=16)
    assert sizes.min() > 500
    assert sizes.max() < 750
