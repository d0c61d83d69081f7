"""The hash that keys are chosen for is Spark's own."""

import numpy as np
import pytest

from segbatch.cluster.spark import SparkCluster
from segbatch.cluster.spark_keys import spark_hash, spread_keys
from spark.servers import HAS_SAIL


@pytest.mark.skipif(HAS_SAIL, reason="Sail spreads rows by a hash of its own")
def test_spark_hashes_as_expected(cluster: SparkCluster) -> None:
    rows = cluster.session.range(0, 1000, 1, 1).selectExpr("hash(cast(id as int)) as hash").collect()
    assert [row["hash"] for row in rows] == spark_hash(np.arange(1000, dtype=np.uint32)).tolist()


@pytest.mark.skipif(HAS_SAIL, reason="Sail spreads rows by a hash of its own")
def test_each_key_has_a_partition(cluster: SparkCluster) -> None:
    keys = ", ".join(map(str, spread_keys(16)))
    frame = cluster.session.range(1).selectExpr(f"explode(array({keys})) as key").repartition(16, "key")
    rows = frame.selectExpr("key", "spark_partition_id() as partition").collect()
    assert {row["key"]: row["partition"] for row in rows} == {key: at for at, key in enumerate(spread_keys(16))}
