"""The sample DAG: what it costs to look at it, and what it says to Airflow."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

SAMPLE = Path(__file__).parents[2] / "jobs" / "segbatch_dag.py"

LOOK = """
import json, runpy, sys, time, warnings
import airflow.sdk
from airflow.sdk import Asset, BaseOperator, CronDataIntervalTimetable, dag, task
from airflow.providers.standard.operators.bash import BashOperator
from airflow.providers.standard.sensors.filesystem import FileSensor
before = set(sys.modules)
warnings.simplefilter("error")
begun = time.perf_counter()
runpy.run_path(sys.argv[1])
print(json.dumps({"seconds": time.perf_counter() - begun, "modules": sorted(set(sys.modules) - before)}))
"""


def look() -> Any:
    """Import the sample where all warnings are errors, in a fresh Python that has loaded what is Airflow's own."""
    command = [sys.executable, "-c", LOOK, str(SAMPLE)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_looking_at_it_warns_of_nothing_and_takes_no_time() -> None:
    looks = [look() for _ in range(3)]
    assert min(seen["seconds"] for seen in looks) < 1


def test_looking_at_it_loads_nothing_that_only_a_run_needs() -> None:
    loaded = {module.split(".")[0] for module in look()["modules"]}
    assert not loaded & {"polars", "pyarrow", "duckdb", "typer", "rich"}
