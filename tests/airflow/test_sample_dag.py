"""Test the import of the sample DAG: duration, warnings and loaded libraries."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SAMPLE = Path(__file__).parents[2] / "jobs" / "segbatch_dag.py"

LOOK = """
import json, runpy, sys, time, warnings
warnings.simplefilter("error")
from airflow.sdk import Asset, BaseOperator, CronDataIntervalTimetable, dag, task
from airflow.providers.standard.operators.bash import BashOperator
from airflow.providers.standard.sensors.filesystem import FileSensor
before = set(sys.modules)
begun = time.perf_counter()
runpy.run_path(sys.argv[1])
print(json.dumps({"seconds": time.perf_counter() - begun, "modules": sorted(set(sys.modules) - before)}))
"""


@pytest.fixture(scope="module")
def looks() -> list[Any]:
    """Import the sample twice in a new Python with warnings as errors, after the imports from Airflow."""
    command = [sys.executable, "-c", LOOK, str(SAMPLE)]
    seen = []
    for _ in range(2):
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, done.stderr
        seen.append(json.loads(done.stdout.splitlines()[-1]))
    return seen


def test_sample_dag_imports_without_warnings_in_less_than_a_second(looks: list[Any]) -> None:
    assert min(seen["seconds"] for seen in looks) < 1


def test_sample_dag_imports_no_libraries_of_the_run(looks: list[Any]) -> None:
    loaded = {module.split(".")[0] for module in looks[0]["modules"]}
    assert not loaded & {"polars", "pyarrow", "duckdb", "typer", "rich"}
