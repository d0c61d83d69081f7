"""Keys that Spark's hash spreads evenly over its partitions."""

import numpy as np
import pytest

from segbatch.cluster.spark_keys import spark_hash, spread_keys


def test_hashes_are_those_of_spark() -> None:
    numbers = np.array([0, 1, 2, 42], np.uint32)
    assert spark_hash(numbers).tolist() == [933211791, -559580957, 1765031574, 29417773]


@pytest.mark.parametrize("buckets", [1, 2, 3, 7, 64, 1000, 2048])
def test_each_bucket_has_a_partition_of_its_own(buckets: int) -> None:
    keys = np.array(spread_keys(buckets), np.uint32)
    assert (spark_hash(keys) % np.int32(buckets)).tolist() == list(range(buckets))
