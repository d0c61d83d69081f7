"""Errors of Spark, as users read them."""

import pytest

from segbatch.cluster.spark_failures import describe_failure
from segbatch.platform.version import __version__

STACK = "\n\tat org.apache.spark.scheduler.DAGScheduler.abortStage(DAGScheduler.scala:2935)\n\tat scala.Option.foreach"

MESSAGES = {
    f"Traceback:\nModuleNotFoundError: No module named 'segbatch.cluster'\n SQLSTATE: 38000{STACK}": (
        f"the workers of the cluster lack the package segbatch; install segbatch {__version__} and pandas in their"
    ),
    "pyspark.errors.exceptions.base.PySparkImportError: [PACKAGE_NOT_INSTALLED] Pandas >= 2.2.0 must be installed": (
        "the workers of the cluster lack the Python package Pandas; install it in their Python environment"
    ),
    f"[PYTHON_VERSION_MISMATCH] Python in worker: 3.9, in driver: 3.11{STACK}": (
        "the workers of the cluster have another version of Python than this program; set PYSPARK_PYTHON to the same"
    ),
    f"RuntimeError: failure in a task of segbatch: OSError: [Errno 28] No space left on device{STACK}": (
        "a task on the cluster failed: OSError: [Errno 28] No space left on device"
    ),
    f"ExecutorLostFailure (executor 5 exited) Reason: Container killed by YARN for memory. exit code 137{STACK}": (
        "a worker of the cluster ran out of memory, or its Python was killed; set more spark.executor.memoryOverhead, "
    ),
    f"Job aborted: ExecutorLostFailure (executor 5 exited unrelated to the tasks) Reason: worker lost{STACK}": (
        "executors of the cluster were lost again and again; their logs have the reason"
    ),
    '<_InactiveRpcError of RPC that terminated with:\n\tstatus = StatusCode.UNAVAILABLE\n\tdetails = "failed"': (
        "the cluster cannot be reached; check its address, and that it runs"
    ),
    f"An error occurred\nTraceback (most recent call last):\n  File x\nValueError: bad \x1b[31mvalue{STACK}": (
        "the cluster failed: ValueError: bad \\x1b[31mvalue"
    ),
    "[CONNECT_URL_NOT_SET] Cannot create a Spark Connect session because the remote URL has not been set.": (
        "the installed PySpark is a client of Spark Connect alone; pass --spark-remote sc://HOST:PORT"
    ),
    "[JAVA_GATEWAY_EXITED] Java gateway process exited before sending its port number.": (
        "Java cannot be started on this machine, which a session needs without --spark-remote; install Java 17"
    ),
    f"Queue is closed{STACK}": "the cluster failed: RuntimeError: Queue is closed",
    "": "the cluster failed: RuntimeError: no message",
}


@pytest.mark.parametrize(("text", "beginning"), MESSAGES.items(), ids=range(len(MESSAGES)))
def test_an_error_is_one_line(text: str, beginning: str) -> None:
    described = describe_failure(RuntimeError(text))
    assert described.startswith(beginning)
    assert "\n" not in described


def test_a_refused_connection_is_a_cluster_that_cannot_be_reached() -> None:
    assert describe_failure(ConnectionRefusedError(111, "refused")).startswith("the cluster cannot be reached; ")


@pytest.mark.parametrize(
    ("parameters", "advice"),
    {"": "is a Spark Connect server", "/;user_id=me;token=secret": "uses TLS, which a token and use_ssl need"}.items(),
)
def test_a_server_that_cannot_be_reached_is_named_without_its_token(parameters: str, advice: str) -> None:
    described = describe_failure(RuntimeError("status = StatusCode.UNAVAILABLE"), f"sc://spark:443{parameters}")
    assert described.startswith(f"the cluster sc://spark:443{parameters[:1]} cannot be reached; check its address, ")
    assert f"that it {advice}; nothing was published" in described
    assert "secret" not in described


@pytest.mark.parametrize(("python", "named"), [("python3", ", which is python3"), (None, "")])
def test_the_python_of_the_workers_is_named(python: str | None, named: str) -> None:
    described = describe_failure(RuntimeError("No module named 'segbatch'"), python=python)
    assert described.endswith(f"in their Python environment{named}; PYSPARK_PYTHON names another one")


def test_a_long_cause_is_cut() -> None:
    assert len(describe_failure(RuntimeError("x" * 10_000))) < 400
