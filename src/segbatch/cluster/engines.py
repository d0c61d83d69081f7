"""The engine of a run, from its name."""

from collections.abc import Iterator
from contextlib import contextmanager

from segbatch.cluster.base import Cluster
from segbatch.cluster.engine_names import MOST_BUCKETS, EngineName, read_engine, read_spark_remote
from segbatch.engine.base import Engine
from segbatch.engine.local import LocalEngine
from segbatch.errors import UsageError


@contextmanager
def open_engine(
    engine: Engine | Cluster | EngineName, spark_remote: str | None = None, buckets: int | None = None
) -> Iterator[Engine | Cluster]:
    """Open an engine for the time of a run; an engine that is passed as an object stays open.

    Args:
        engine: An engine, or the name of one.
        spark_remote: The address of a Spark Connect server, for the engine named `spark`.
        buckets: The number of buckets that a cluster divides the contacts into.

    Raises:
        UsageError: The name is not an engine; or the address is not one, or there are too many buckets; or these are
            for another engine.
    """
    name = read_engine(engine) if isinstance(engine, str) else None
    if spark_remote is not None and name != "spark":
        raise UsageError("a Spark Connect server needs the engine 'spark' (--spark-remote)")
    if buckets is not None and name != "spark" and not isinstance(engine, Cluster):
        raise UsageError("contacts are divided into buckets only with the engine 'spark' (--buckets)")
    if buckets is not None and not 1 <= buckets <= MOST_BUCKETS:
        raise UsageError(f"contacts can be divided into 1 to {MOST_BUCKETS:,} buckets, not {buckets:,} (--buckets)")
    if name == "spark":
        from segbatch.cluster.spark import SparkCluster  # noqa: PLC0415 - only runs on a cluster need it

        remote = None if spark_remote is None else read_spark_remote(spark_remote)
        with SparkCluster(remote=remote) as cluster:
            yield cluster
    else:
        yield LocalEngine() if isinstance(engine, str) else engine
