"""What went wrong on Spark, in one line for users, from the text of its errors.

Spark reports an error of a Python task as a text with the stack traces of Python and of the JVM, in a form that differs
between its versions and between classic Spark, Spark Connect and Sail.
"""

import re
import socket

from segbatch.cluster.spark_tasks import FAILURE
from segbatch.platform.urls import redact_url
from segbatch.platform.version import __version__
from segbatch.text import cut, printable

_MAX_CAUSE = 300
_TASK_FAILURE = re.compile(re.escape(FAILURE) + r"(?P<cause>[^\r\n]+)")
_MISSING_MODULE = re.compile(r"No module named '(?P<name>[\w.]+)'")
_MISSING_PACKAGE = re.compile(r"\[PACKAGE_NOT_INSTALLED\] (?P<name>\w+)")
_LAST_ERROR = re.compile(r"^(?:[\w.]+\.)?(?P<cause>\w*(?:Error|Exception)\b: .+)$", re.MULTILINE)


_UNREACHABLE = re.compile(r"UNAVAILABLE|All masters are unresponsive")
_SECURE = re.compile(r";(?:token|use_ssl)=")
_KNOWN = {
    r"PYTHON_VERSION_MISMATCH": "the workers of the cluster have another version of Python than this program; "
    "set PYSPARK_PYTHON to the same version for both",
    r"OutOfMemoryError|MemoryError|exit code 137|exceeding (?:physical )?memory limits|"
    r"Python worker exited unexpectedly": "a worker of the cluster ran out of memory, or its Python was killed; "
    "set more spark.executor.memoryOverhead, or fewer spark.executor.cores",
    r"ExecutorLostFailure": "executors of the cluster were lost again and again; their logs have the reason",
    r"CONNECT_URL_NOT_SET": "the installed PySpark is a client of Spark Connect alone; pass --spark-remote sc://HOST:PORT",
    r"JAVA_GATEWAY_EXITED": "Java cannot be started on this machine, which a session needs without --spark-remote; "
    "install Java 17, or set JAVA_HOME",
}
"""Messages for causes that Spark names, each with a pattern of Spark's words."""


def describe_failure(error: Exception, remote: str | None = None, python: str | None = None) -> str:
    """Return the cause of an error of Spark in one line, and what to do.

    Args:
        remote: The address of the Spark Connect server, if there is one.
        python: The Python that workers start, if it is known.
    """
    text = str(error)
    if isinstance(error, ConnectionError | TimeoutError | socket.gaierror):
        return _describe_unreachable(remote)
    if found := _MISSING_MODULE.search(text) or _MISSING_PACKAGE.search(text):
        return _describe_missing(found["name"]) + _describe_python(python)
    if found := _TASK_FAILURE.search(text):
        return f"a task on the cluster failed: {_shortened(found['cause'])}"
    known = [message for pattern, message in _KNOWN.items() if re.search(pattern, text)]
    if not known and _UNREACHABLE.search(text):
        return _describe_unreachable(remote)
    return known[0] if known else f"the cluster failed: {_shortened(_cause(error, text))}"


def _describe_unreachable(remote: str | None) -> str:
    if remote is None:
        return "the cluster cannot be reached; check its address, and that it runs; nothing was published"
    needs = "uses TLS, which a token and use_ssl need" if _SECURE.search(remote) else "is a Spark Connect server"
    return (
        f"the cluster {printable(redact_url(remote))} cannot be reached; check its address, that it runs, "
        f"and that it {needs}; nothing was published (--spark-remote or SPARK_REMOTE)"
    )


def _describe_missing(module: str) -> str:
    name = module.split(".", maxsplit=1)[0]
    if name == "segbatch":
        return (
            "the workers of the cluster lack the package segbatch; "
            f"install segbatch {__version__} and pandas in their Python environment"
        )
    return f"the workers of the cluster lack the Python package {name}; install it in their Python environment"


def _describe_python(python: str | None) -> str:
    found = "" if python is None else f", which is {printable(python)}"
    return f"{found}; PYSPARK_PYTHON names another one"


def _shortened(cause: str) -> str:
    return cut(printable(cause), _MAX_CAUSE)


def _cause(error: Exception, text: str) -> str:
    """Return the last error of a stack trace, or the first line of another text."""
    errors = [found["cause"] for found in _LAST_ERROR.finditer(text)]
    lines = text.strip().splitlines()
    return errors[-1] if errors else f"{type(error).__name__}: {lines[0] if lines else 'no message'}"
