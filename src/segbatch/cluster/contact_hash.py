"""A hash of contact ids that is the same on every machine, in every version and for every Arrow layout.

A contact's bucket is derived from its hash, and the files of a run are named by bucket. So the hash must never change:
another hash needs another name, by which runs recognize the states of the same buckets.

Whole numbers are hashed by their value, so that the integer type does not matter. All other ids are hashed by their
bytes, eight at a time, each time with the finalizer of SplitMix64.
"""

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

HASH = "sb1"
"""The name of the hash, as in the manifest of a run."""

Hashes = npt.NDArray[np.uint64]

_WORD = 8
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_INCREMENT = np.uint64(0x9E3779B97F4A7C15)
_SMALL = 1 << 16
"""The number of buckets whose numbers have 16 bits."""
_BLOCK = 1 << 14
"""The number of texts that are hashed at once, so that their words stay in the cache of a processor."""
_MASKS = np.array([(1 << 8 * length) - 1 for length in range(_WORD + 1)], dtype=np.uint64)
"""For each length below a word, and a whole word: the mask of its bytes."""


def bucket_of(ids: pa.Array, buckets: int) -> npt.NDArray[np.int32]:
    """Return the bucket of each id."""
    return (hash_ids(ids) % np.uint64(buckets)).astype(np.int32)


def sort_by_bucket(ids: pa.Array, buckets: int) -> tuple[npt.NDArray[np.intp], list[tuple[int, int, int]]]:
    """Return the order of rows by bucket, and each bucket that has any with its first row and their number."""
    found = bucket_of(ids, buckets)
    # NumPy sorts numbers of 16 bits by counting them, eight times as fast as others.
    order = np.argsort(found.astype(np.uint16) if buckets <= _SMALL else found, kind="stable")
    numbers = np.bincount(found)
    with_rows = np.flatnonzero(numbers)
    parts = with_rows, (np.cumsum(numbers) - numbers)[with_rows], numbers[with_rows]
    return order, [*zip(*(part.tolist() for part in parts), strict=True)]


def hash_ids(ids: pa.Array) -> Hashes:
    """Return the hash of each id, for every type that ids can have. The hash of null is 0."""
    if isinstance(ids, pa.ExtensionArray):
        ids = ids.storage
    if pa.types.is_dictionary(ids.type):
        return _hash_encoded(ids)
    hashes = _hash_values(ids)
    if ids.null_count:
        hashes[pl.Series(ids.is_null()).to_numpy()] = 0
    return hashes


def _hash_encoded(ids: pa.DictionaryArray) -> Hashes:
    """Hash each value of a dictionary once."""
    hashes = np.append(hash_ids(ids.dictionary), np.uint64(0))
    rows = ids.indices.cast(pa.int64()).fill_null(len(ids.dictionary))
    found: Hashes = np.take(hashes, rows.to_numpy(zero_copy_only=False))
    return found


def _hash_values(ids: pa.Array) -> Hashes:
    if pa.types.is_null(ids.type):
        return np.zeros(len(ids), dtype=np.uint64)
    if pa.types.is_integer(ids.type):
        return _mix(_whole_numbers(ids) + _INCREMENT)
    if pa.types.is_decimal128(ids.type):
        ids = _bytes_of_decimals(ids)
    blocks = (ids.slice(start, _BLOCK) for start in range(0, len(ids), _BLOCK))
    return np.concatenate([np.empty(0, np.uint64), *(_hash_bytes(block.cast(pa.large_binary())) for block in blocks)])


def _whole_numbers(ids: pa.Array) -> Hashes:
    """Return integers as 64 bits."""
    widest = pa.uint64() if ids.type == pa.uint64() else pa.int64()
    return np.asarray(ids.fill_null(0).cast(widest).to_numpy(zero_copy_only=False).view(np.uint64))


def _bytes_of_decimals(ids: pa.Array) -> pa.Array:
    """Return the 16 bytes of each decimal, which do not depend on the precision."""
    return pa.Array.from_buffers(pa.binary(16), len(ids), ids.buffers(), offset=ids.offset)


def _hash_bytes(ids: pa.Array) -> Hashes:
    _, offsets, content = ids.buffers()
    if offsets is None or not len(ids):
        return np.zeros(len(ids), dtype=np.uint64)
    ends = np.frombuffer(offsets, dtype=np.int64)[ids.offset : ids.offset + len(ids) + 1]
    starts, lengths = ends[:-1] - ends[0], np.diff(ends)
    data = np.zeros(int(ends[-1] - ends[0]) + _WORD, dtype=np.uint8)  # a word can be read at the last byte
    data[:-_WORD] = np.frombuffer(content or b"", dtype=np.uint8)[ends[0] : ends[-1]]
    words = np.ndarray((len(data) - _WORD + 1,), dtype="<u8", buffer=data, strides=(1,))
    return _hash_words(words, starts, lengths)


def _hash_words(words: Hashes, starts: npt.NDArray[np.int64], lengths: npt.NDArray[np.int64]) -> Hashes:
    """Hash texts of bytes.

    Args:
        words: The word at each byte, from the first text to the last byte of the last one.
        starts: The first byte of each text.
        lengths: The number of bytes of each text.
    """
    hashes = _mix(lengths.astype(np.uint64) + _INCREMENT)
    shortest, longest = int(lengths.min()), int(lengths.max())
    if shortest == longest:
        for done in range(0, longest, _WORD):
            hashes ^= words[done::longest][: len(hashes)] & _MASKS[min(longest - done, _WORD)]
            _mix(hashes)
        return hashes
    rows = np.flatnonzero(lengths)
    for done in range(0, longest, _WORD):
        rows = rows[lengths[rows] > done]
        rest = np.minimum(lengths[rows] - done, _WORD)
        hashes[rows] = _mix(hashes[rows] ^ (words[starts[rows] + done] & _MASKS[rest]))
    return hashes


def _mix(values: Hashes) -> Hashes:
    """Mix the bits of each value, in its place."""
    space = np.empty_like(values)
    for distance, factor in ((30, _FIRST), (27, _SECOND)):
        values ^= np.right_shift(values, np.uint64(distance), out=space)
        values *= factor
    values ^= np.right_shift(values, np.uint64(31), out=space)
    return values
