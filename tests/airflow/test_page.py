"""Run the task of each DAG in docs/airflow.md."""

import base64
import gzip
import json
import os
import re
import sys
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest
from airflow.sdk.bases.operator import ExecutorSafeguard
from airflow.sdk.exceptions import AirflowException
from airflow.sdk.execution_time.context import OutletEventAccessors

from builders import rule, write_contacts, write_segment
from segbatch.storage.manifest_io import read_history

PAGE = (Path(__file__).parents[2] / "docs" / "airflow.md").read_text()
CODE = re.findall(r"^```py\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
DAGS = {name: code for code in CODE for name in re.findall(r'with DAG\("(\w+)"', code)}
RUN_TIME = datetime(2025, 11, 4, 2, tzinfo=UTC)
RUN_ID = "scheduled__2025-11-04T02:00:00+00:00"


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(ExecutorSafeguard, "test_mode", True)  # allows tests to call `execute`
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    write_contacts(tmp_path / "contacts.parquet", {"plan": pa.array(["pro", "pro", "free"])})
    write_segment(tmp_path / "segments", "pro", rule("plan", "eq", "pro"))
    return tmp_path


def context() -> Any:
    dag_run = SimpleNamespace(data_interval_end=RUN_TIME, run_after=RUN_TIME)
    ti = SimpleNamespace(map_index=-1)
    return {"dag_run": dag_run, "run_id": RUN_ID, "ti": ti, "outlet_events": OutletEventAccessors()}


def run(code: str, data: Path) -> None:
    """Run the tasks of a DAG of the page, one after the other, with the data of the test."""
    names: dict[str, Any] = {}
    exec(code.replace("/data", str(data)), names)  # noqa: S102 - the page is part of this repository
    given = context()
    for task in names["dag"].topological_sort():
        task.render_template_fields(given)
        task.execute(given)


def published(data: Path) -> list[tuple[str, datetime, str]]:
    return [(past.run.run_id, past.run.as_of, past.run.status) for past in read_history(data / "audiences").runs]


def test_the_page_has_three_dags() -> None:
    assert list(DAGS) == ["smallest", "with_report", "by_bash"]


@pytest.mark.parametrize("name", DAGS)
def test_dags_of_the_page_publish(name: str, data: Path) -> None:
    run(DAGS[name], data)
    assert published(data) == [(RUN_ID, RUN_TIME, "ok")]
    assert (data / "report.html").exists() == (name == "with_report")


def test_report_of_the_page_shows_a_run_with_failed_segments(data: Path) -> None:
    write_segment(data / "segments", "bad", rule("plam", "eq", "pro"))
    run(DAGS["with_report"], data)
    [text] = re.findall(r'id="segbatch-data" type="application/json">"([^<]+)"<', (data / "report.html").read_text())
    [row] = json.loads(gzip.decompress(base64.b64decode(text)))["answers"]["/api/v1/runs"]["runs"]
    assert (row["id"], row["status"], row["segments_failed"]) == (RUN_ID, "partial", 1)


def test_bash_task_succeeds_if_a_segment_failed_but_not_on_other_errors(data: Path) -> None:
    write_segment(data / "segments", "bad", rule("plam", "eq", "pro"))
    run(DAGS["by_bash"], data)
    assert published(data) == [(RUN_ID, RUN_TIME, "partial")]
    (data / "contacts.parquet").unlink()
    with pytest.raises(AirflowException, match="exit code 1"):
        run(DAGS["by_bash"], data)


def test_bash_task_without_the_exit_code_check_fails_if_a_segment_failed(data: Path) -> None:
    write_segment(data / "segments", "bad", rule("plam", "eq", "pro"))
    with pytest.raises(AirflowException, match="exit code 3"):
        run(DAGS["by_bash"].replace(" || [ $? -eq 3 ]", ""), data)
