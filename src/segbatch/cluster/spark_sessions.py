"""Sessions of Spark: the active one of this process, a new one, or a new one on a Spark Connect server."""

import os
import re
import signal
import socket
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import current_thread, main_thread
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from pyspark import SparkContext
    from pyspark.sql import SparkSession

_APP_NAME = "segbatch"
_LOG_LEVEL = "spark.log.level"
_PYTHON_VARIABLE, _PYTHON_SETTING = "PYSPARK_PYTHON", "spark.pyspark.python"
_CONNECT_PORT = 15_002
_SECONDS_TO_CONNECT = 15
_RETRIES_AT_START, _RETRIES = 5, 8
"""How often a request is repeated: for a quarter of a minute, or for almost a minute."""
_LONGEST_PAUSE = 10_000
"""Milliseconds between two attempts."""


def connect_session(remote: str) -> "SparkSession":
    """Return a new session on a Spark Connect server, which has answered a first request.

    Raises:
        Exception: The server does not answer.
    """
    from pyspark.sql import SparkSession  # noqa: PLC0415 - optional, and slow to load

    _ensure_reachable(remote)
    session = SparkSession.builder.remote(remote).create()
    try:
        _limit_retries(session, _RETRIES_AT_START)
        with quiet_retries():
            _ = session.version
    except BaseException:
        stop_session(session)
        raise
    _limit_retries(session, _RETRIES)
    return session


def find_session() -> "tuple[SparkSession, bool]":
    """Return the active session of this process, or else a new one of classic Spark; and whether it is new.

    Raises:
        Exception: Spark does not start.
    """
    from pyspark.sql import SparkSession  # noqa: PLC0415 - optional, and slow to load

    active = SparkSession.getActiveSession()
    return (_create_session(SparkSession.builder), True) if active is None else (active, False)


def stop_session(session: "SparkSession") -> None:
    """Stop a session, without waiting for a cluster that may be gone."""
    with suppress(Exception):  # a session of classic Spark has no client, and refuses to be asked for it
        _limit_retries(session, 0)
    with suppress(Exception), quiet_retries():
        session.stop()


@contextmanager
def quiet_retries() -> Iterator[None]:
    """Leave out the warning that a request was repeated too often; the error follows."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=re.escape("[RETRIES_EXCEEDED]"))
        yield


def _create_session(builder: "SparkSession.Builder") -> "SparkSession":
    """Create a session of classic Spark, whose log does not appear between the lines of the run's own log."""
    with _own_interrupts():
        session = builder.appName(_APP_NAME).config("spark.ui.showConsoleProgress", "false").getOrCreate()
    if session.conf.get(_LOG_LEVEL, None) is None:
        session.sparkContext.setLogLevel("FATAL")
    _share_python(session.sparkContext)
    return session


def _share_python(context: "SparkContext") -> None:
    """Let workers on this machine use the Python of this program rather than any `python3`, if no setting names one."""
    is_set = _PYTHON_VARIABLE in os.environ or context.getConf().contains(_PYTHON_SETTING)
    if not is_set and str(context.master).startswith("local"):
        context.pythonExec = sys.executable


def worker_python(session: "SparkSession | None") -> str | None:
    """Return the Python that a session of classic Spark starts on workers; None if only the cluster knows."""
    context = getattr(session, "_sc", None)
    return None if context is None else str(context.pythonExec)


@contextmanager
def _own_interrupts() -> Iterator[None]:
    """Keep the handler of Ctrl-C, which PySpark replaces by one of its own."""
    handler = signal.getsignal(signal.SIGINT)
    try:
        yield
    finally:
        if current_thread() is main_thread():
            signal.signal(signal.SIGINT, handler)


def _limit_retries(session: "SparkSession", retries: int) -> None:
    """Limit how often a client of Spark Connect repeats a request, which it does for ten minutes.

    Requests that wait already obey, too. PySpark 3.5 has no such policies.
    """
    client = getattr(session, "client", None)
    for policy in getattr(client, "get_retry_policies", list)():
        policy.max_retries = retries
        policy.max_backoff = policy.max_server_retry_delay = _LONGEST_PAUSE


def _ensure_reachable(remote: str) -> None:
    """Check that a server accepts connections.

    Behind a proxy, only the client of Spark can find out.

    Raises:
        OSError: It does not.
    """
    from urllib.request import getproxies  # noqa: PLC0415 - loads http and ssl

    address = urlsplit(remote)
    host, port = address.hostname or "", address.port or _CONNECT_PORT
    if not getproxies():
        socket.create_connection((host, port), _SECONDS_TO_CONNECT).close()
