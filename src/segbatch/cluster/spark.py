"""A Spark cluster: classic Spark, Spark Connect, or Sail, which understands the same.

Only DataFrames are used, which all of them have: `range` with a partition for each item, `mapInArrow`, and one
`repartition`. Functions and items travel to the workers in the closure, so segbatch has to be installed there.
"""

import os
import pickle
import signal
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from threading import current_thread, main_thread
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from segbatch.cluster.base import Produce, Reduce
from segbatch.cluster.spark_failures import describe_failure
from segbatch.cluster.spark_keys import spread_keys
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

_APP_NAME = "segbatch"
_LOG_LEVEL = "spark.log.level"
_CONNECT_PORT = 15_002
_SECONDS_TO_CONNECT = 15
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

    def __init__(self, session: "SparkSession | None" = None, *, remote: str | None = None) -> None:
        self._session = session
        self.remote = remote or os.environ.get("SPARK_REMOTE")
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
            with suppress(Exception):  # the cluster may be gone, and the run is over
                self._session.stop()
            self._session, self._is_own = None, False

    @property
    def session(self) -> "SparkSession":
        """The session, which is opened when it is first needed."""
        if self._session is None:
            self._session, self._is_own = _open_session(self.remote)
        return self._session

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
            return list(plan(session).collect())
        except Exception as error:
            raise ClusterError(describe_failure(error)) from error


def _number_partitions(session: "SparkSession", count: int) -> "DataFrame":
    """Return a frame with the numbers from 0, one in each partition."""
    return session.range(0, count, 1, count)


def _create_session(builder: "SparkSession.Builder") -> "SparkSession":
    """Create a session of classic Spark, whose log does not appear between the lines of the run's own log."""
    with _own_interrupts():
        session = builder.appName(_APP_NAME).config("spark.ui.showConsoleProgress", "false").getOrCreate()
    if session.conf.get(_LOG_LEVEL, None) is None:
        session.sparkContext.setLogLevel("FATAL")
    return session


@contextmanager
def _own_interrupts() -> Iterator[None]:
    """Keep the handler of Ctrl-C, which PySpark replaces by one of its own."""
    handler = signal.getsignal(signal.SIGINT)
    try:
        yield
    finally:
        if current_thread() is main_thread():
            signal.signal(signal.SIGINT, handler)


def _open_session(remote: str | None) -> "tuple[SparkSession, bool]":
    """Return a session, and whether it is a new one."""
    try:
        from pyspark.sql import SparkSession  # noqa: PLC0415 - optional, and slow to load
    except ImportError:
        raise UsageError(
            "the engine 'spark' needs PySpark, which is not installed; install the version of the cluster, "
            "such as: pip install 'pyspark[connect]==4.3.0'"
        ) from None
    try:
        if remote is not None:
            _ensure_reachable(remote)
            return SparkSession.builder.remote(remote).create(), True
        active = SparkSession.getActiveSession()
        if active is not None:
            return active, False
        return _create_session(SparkSession.builder), True
    except Exception as error:
        raise ClusterError(describe_failure(error)) from error


def _ensure_reachable(remote: str) -> None:
    """Check that a Spark Connect server accepts connections. Spark's client tries again for ten minutes.

    Behind a proxy, only that client can find out.

    Raises:
        OSError: It does not.
    """
    from urllib.request import getproxies  # noqa: PLC0415 - loads http and ssl

    address = urlsplit(remote)
    host, port = address.hostname or "", address.port or _CONNECT_PORT
    if not getproxies():
        socket.create_connection((host, port), _SECONDS_TO_CONNECT).close()
