"""A Spark cluster: classic Spark, Spark Connect, or Sail, which understands the same.

Only DataFrames are used, which all of them have: `range` with a partition for each item, `mapInArrow`, and one
`repartition`. Functions and items travel to the workers in the closure, so segbatch has to be installed there.
"""

import os
import pickle
from collections.abc import Callable, Sequence
from functools import partial
from importlib.util import find_spec
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from segbatch.cluster.base import Produce, Reduce
from segbatch.cluster.engine_names import read_spark_remote
from segbatch.cluster.spark_failures import describe_failure
from segbatch.cluster.spark_keys import spread_keys
from segbatch.cluster.spark_sessions import connect_session, find_session, quiet_retries, stop_session, worker_python
from segbatch.cluster.spark_tasks import (
    KEYED_COLUMNS,
    RESULT_COLUMNS,
    call_items,
    produce_payloads,
    reduce_buckets,
)
from segbatch.errors import ClusterError, UsageError

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    Plan = Callable[[SparkSession], DataFrame]

_REMOTE_VARIABLE = "SPARK_REMOTE"
_LARGE_RANGE = 100_000
"""Numbers enough that a range has a partition for each slot."""


class SparkCluster:
    """A Spark session, opened when it is first needed.

    Args:
        session: The session to use; it stays open. By default the active session of this process, if there is one,
            and otherwise a new one, with the settings of `spark-submit`, `PYSPARK_SUBMIT_ARGS` or
            `spark-defaults.conf`.
        remote: The address of a Spark Connect server, `sc://HOST:PORT`, for a new session. By default `SPARK_REMOTE`.
    """

    name = "spark"

    def __init__(self, session: "SparkSession | None" = None, *, remote: str | None = None) -> None:
        self._session = session
        self.remote = _read_remote(remote) if session is None else None
        self._is_own = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop the session, if it was opened here."""
        if self._session is not None and self._is_own:
            stop_session(self._session)
            self._session, self._is_own = None, False

    @property
    def session(self) -> "SparkSession":
        """The session, which is opened when it is first needed."""
        if self._session is None:
            self._session, self._is_own = self._open_session()
        return self._session

    def _open_session(self) -> "tuple[SparkSession, bool]":
        """Return a session, and whether it is a new one."""
        if find_spec("pyspark") is None:
            raise UsageError(
                "the engine 'spark' needs PySpark, which is not installed; install the version of the cluster, "
                "such as: pip install 'pyspark[connect]==4.3.0'"
            )
        try:
            return find_session() if self.remote is None else (connect_session(self.remote), True)
        except Exception as error:
            raise self._described(error) from error

    def count_slots(self) -> int:
        """Return the number of tasks that run at the same time, by the partitions that Spark gives a range."""
        query = "spark_partition_id()"
        rows = self._collect(lambda session: session.range(_LARGE_RANGE).selectExpr(query).distinct())
        return max(1, len(rows))

    def call(self, function: Callable[[bytes], bytes], items: Sequence[bytes]) -> list[bytes]:
        """Call a function for each item. Returns the results in the order of the items."""
        if not items:
            return []
        task = partial(call_items, pickle.dumps(function), list(items))

        def plan(session: "SparkSession") -> "DataFrame":
            return _number_partitions(session, len(items)).mapInArrow(task, RESULT_COLUMNS)

        return self._collect_results(plan, len(items))

    def exchange(self, produce: Produce, items: Sequence[bytes], reduce: Reduce, buckets: int) -> list[bytes]:
        """Call `produce` for each item, bring the payloads to their buckets, and call `reduce` for each bucket."""
        keys = spread_keys(buckets)
        map_side = partial(produce_payloads, pickle.dumps(produce), list(items), keys)
        reduce_side = partial(reduce_buckets, pickle.dumps(reduce), keys)

        def plan(session: "SparkSession") -> "DataFrame":
            payloads = _number_partitions(session, len(items) + 1).mapInArrow(map_side, KEYED_COLUMNS)
            return payloads.repartition(buckets, "key").mapInArrow(reduce_side, RESULT_COLUMNS)

        return self._collect_results(plan, buckets)

    def _collect_results(self, plan: "Plan", count: int) -> list[bytes]:
        found = {row["number"]: bytes(row["result"]) for row in self._collect(plan)}
        if found.keys() != set(range(count)):
            raise ClusterError(f"the cluster returned {len(found)} of {count} results; run again")
        return [found[number] for number in range(count)]

    def _collect(self, plan: "Plan") -> list[Any]:
        """Return the rows of a frame."""
        session = self.session
        try:
            with quiet_retries():
                return list(plan(session).collect())
        except Exception as error:
            raise self._described(error) from error

    def _described(self, error: Exception) -> ClusterError:
        return ClusterError(describe_failure(error, self.remote, worker_python(self._session)))


def _number_partitions(session: "SparkSession", count: int) -> "DataFrame":
    """Return a frame with the numbers from 0, one in each partition."""
    return session.range(0, count, 1, count)


def _read_remote(given: str | None) -> str | None:
    """Return the checked address of a server, which the variable of Spark names too.

    Raises:
        UsageError: It is not such an address.
    """
    remote = given or os.environ.get(_REMOTE_VARIABLE)
    return read_spark_remote(remote) if remote else None
