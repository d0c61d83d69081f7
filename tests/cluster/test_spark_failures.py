"""Errors of Spark, as users read them."""

import pytest

from segbatch.cluster.spark_failures import describe_failure
from segbatch.platform.version import __version__

STACK = "\n\tat org.apache.spark.scheduler.DAGScheduler.abortStage(DAGScheduler.scala:2935)\n\tat scala.Option.foreach"

MESSAGES = {
    "segbatch is missing": (
        "PythonException: Traceback (most recent call last):\n"
        "ModuleNotFoundError: No module named 'segbatch.cluster'\n SQLSTATE: 38000" + STACK,
        f"the workers of the cluster lack the package segbatch; install segbatch {__version__} and pandas in their "
        "Python environment",
    ),
    "pandas is missing": (
        "pyspark.errors.exceptions.base.PySparkImportError: [PACKAGE_NOT_INSTALLED] Pandas >= 2.2.0 must be installed",
        "the workers of the cluster lack the Python package Pandas; install it in their Python environment",
    ),
    "another Python": (
        "[PYTHON_VERSION_MISMATCH] Python in worker has different version: 3.9 than that in driver: 3.11" + STACK,
        "the workers of the cluster have another version of Python than this program; set PYSPARK_PYTHON to the same "
        "version for both",
    ),
    "a task failed": (
        "RuntimeError: failure in a task of segbatch: OSError: [Errno 28] No space left on device" + STACK,
        "a task on the cluster failed: OSError: [Errno 28] No space left on device",
    ),
    "no memory": (
        "Job aborted due to stage failure: Lost task 0.3 in stage 2.0: ExecutorLostFailure (executor 5 exited caused by "
        "one of the running tasks) Reason: Container killed by YARN for exceeding memory limits. exit code 137" + STACK,
        "a worker of the cluster ran out of memory, or its Python was killed; set more spark.executor.memoryOverhead, or "
        "fewer spark.executor.cores",
    ),
    "executors are lost": (
        "Job aborted due to stage failure: Lost task 0.3 in stage 2.0: ExecutorLostFailure (executor 5 exited unrelated "
        "to the running tasks) Reason: worker lost" + STACK,
        "executors of the cluster were lost again and again; their logs have the reason",
    ),
    "not reachable": (
        '<_InactiveRpcError of RPC that terminated with:\n\tstatus = StatusCode.UNAVAILABLE\n\tdetails = "failed"',
        "the cluster cannot be reached; check its address, and that it runs",
    ),
    "another Python error": (
        "An error occurred\nTraceback (most recent call last):\n  File x\nValueError: bad \x1b[31mvalue" + STACK,
        "the cluster failed: ValueError: bad \\x1b[31mvalue",
    ),
    "something else": ("Queue is closed" + STACK, "the cluster failed: RuntimeError: Queue is closed"),
    "nothing": ("", "the cluster failed: RuntimeError: no message"),
}


@pytest.mark.parametrize(("text", "expected"), MESSAGES.values(), ids=MESSAGES)
def test_an_error_is_one_line(text: str, expected: str) -> None:
    assert describe_failure(RuntimeError(text)) == expected


def test_a_refused_connection_is_a_cluster_that_cannot_be_reached() -> None:
    assert describe_failure(ConnectionRefusedError(111, "refused")).startswith("the cluster cannot be reached; ")


def test_a_long_cause_is_cut() -> None:
    assert len(describe_failure(RuntimeError("x" * 10_000))) < 400
