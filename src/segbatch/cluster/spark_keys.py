"""Keys that Spark's hash partitioning spreads evenly: one bucket in each partition.

Spark puts a row into the partition `pmod(murmur3(key), partitions)`. Small integers are spread badly by it: with 1,024
buckets as keys, 385 of 1,024 partitions stay empty, and one has six buckets. So each bucket gets the smallest integer
that this hash sends to the partition with the bucket's number. Another engine behind the same interface may use another
hash; there the keys spread like any integers.
"""

import numpy as np
from numpy.typing import NDArray

_SEED = np.uint32(42)
_FIVE, _PLUS = np.uint32(5), np.uint32(0xE6546B64)
_C1, _C2 = np.uint32(0xCC9E2D51), np.uint32(0x1B873593)
_F1, _F2 = np.uint32(0x85EBCA6B), np.uint32(0xC2B2AE35)
_BYTES = np.uint32(4)
_CANDIDATES_PER_BUCKET = 4


def spark_hash(numbers: NDArray[np.uint32]) -> NDArray[np.int32]:
    """Return what `hash(number)` returns in Spark SQL, for each `INT`."""
    mixed = _rotate_left(numbers * _C1, 15) * _C2
    hashed = _rotate_left(_SEED ^ mixed, 13) * _FIVE + _PLUS
    hashed ^= _BYTES
    hashed ^= hashed >> np.uint32(16)
    hashed *= _F1
    hashed ^= hashed >> np.uint32(13)
    hashed *= _F2
    hashed ^= hashed >> np.uint32(16)
    return hashed.view(np.int32)


def spread_keys(buckets: int) -> tuple[int, ...]:
    """Return the key of each bucket."""
    found = np.empty(0, np.int64)
    candidates = _CANDIDATES_PER_BUCKET * buckets
    while len(found) < buckets:
        candidates *= 2
        partitions = spark_hash(np.arange(candidates, dtype=np.uint32)) % np.int32(buckets)
        _, found = np.unique(partitions, return_index=True)
    return tuple(found.tolist())


def _rotate_left(numbers: NDArray[np.uint32], bits: int) -> NDArray[np.uint32]:
    return (numbers << np.uint32(bits)) | (numbers >> np.uint32(32 - bits))
