"""Fixtures for the tests with a cluster: Sail (`make sail`), or Spark and its Connect server (`make spark`)."""

import os
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from segbatch.cluster.spark import SparkCluster
from spark.servers import HAS_SAIL, environment, run_connect, run_sail, run_standalone, settings_of_driver

CLUSTERS = ["sail"] if HAS_SAIL else ["standalone", "connect"]


@pytest.fixture(scope="session", params=CLUSTERS)
def cluster(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkCluster]:
    """A cluster, with one session for all tests."""
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "standalone":
        yield from _open_standalone(folder)
        return
    run = run_sail if request.param == "sail" else run_connect
    with run(folder) as address, SparkCluster(remote=address) as cluster:
        yield cluster


def _open_standalone(folder: Path) -> Iterator[SparkCluster]:
    with run_standalone(folder) as address, pytest.MonkeyPatch.context() as patch:
        for name, value in environment().items():
            patch.setenv(name, value)
        settings = {**settings_of_driver(), "spark.executorEnv.PYTHONPATH": os.environ["PYTHONPATH"]}
        options = [f"--conf {shlex.quote(f'{name}={value}')}" for name, value in settings.items()]
        patch.setenv("PYSPARK_SUBMIT_ARGS", f"--master {address} {' '.join(options)} pyspark-shell")
        with SparkCluster() as cluster:
            yield cluster
