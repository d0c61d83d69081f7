"""Test the operator in the context of a task: arguments of the run, return value and failures."""

import logging
import os
import shlex
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pyarrow as pa
import pytest
from airflow.sdk import DAG, Asset
from airflow.sdk.bases.operator import ExecutorSafeguard
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException, AirflowTaskTimeout
from airflow.sdk.execution_time.context import OutletEventAccessors
from airflow.sdk.execution_time.timeout import TimeoutPosix
from service import eventually
from slow import write_slow_contacts, write_slow_segment

from builders import rule, write_contacts, write_segment
from segbatch.airflow import SegbatchOperator
from segbatch.storage.manifest_io import read_history
from segbatch.storage.output_lock import FAIL_IF_LOCKED, lock_output

RUN_TIME = datetime(2025, 11, 4, 2, tzinfo=UTC)
AUDIENCES = Asset("audiences")


class Task:
    """A fake task instance that records pushed XComs."""

    def __init__(self, run_time: datetime = RUN_TIME, map_index: int = -1) -> None:
        self.map_index = map_index
        self.pushed: dict[str, Any] = {}
        dag_run = SimpleNamespace(data_interval_end=run_time, run_after=run_time + timedelta(hours=9))
        run_id = f"scheduled__{run_time.isoformat()}"
        self.context: Any = {"dag_run": dag_run, "run_id": run_id, "ti": self, "outlet_events": OutletEventAccessors()}

    def xcom_push(self, key: str, value: Any) -> None:
        self.pushed[key] = value


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Path:
    monkeypatch.setattr(ExecutorSafeguard, "test_mode", True)  # allows tests to call `execute`
    monkeypatch.setattr(SegbatchOperator, "log", logging.getLogger("task"))
    caplog.set_level(logging.INFO)
    monkeypatch.chdir(tmp_path)
    write_contacts(tmp_path / "contacts.parquet", {"plan": pa.array(["pro", "pro", "free"])})
    write_segment(tmp_path / "segments", "pro", rule("plan", "eq", "pro"))
    write_segment(tmp_path / "segments", "free", rule("plan", "eq", "free"))
    return tmp_path


def operator(**options: Any) -> SegbatchOperator:
    folder = Path.cwd()
    places = {"contacts": "contacts.parquet", "segments": "segments", "output_dir": "output"}
    named = {name: str(folder / place) for name, place in places.items()}
    return SegbatchOperator(**({"task_id": "publish", "outlets": [AUDIENCES]} | named | options))


def run(task: Task | None = None, **options: Any) -> Any:
    return operator(**options).execute((task or Task()).context)


def runs() -> list[tuple[str, datetime]]:
    return [(past.run.run_id, past.run.as_of) for past in read_history(Path("output")).runs]


def test_task_returns_the_facts_that_its_asset_event_contains(here: Path) -> None:
    task = Task()
    facts = run(task)
    assert facts == {
        "run_id": "scheduled__2025-11-04T02:00:00+00:00",
        "as_of": "2025-11-04T02:00:00Z",
        "status": "ok",
        "contacts": 3,
        "segments_ok": 2,
        "segments_failed": 0,
        "segments_held": 0,
        "segments_disabled": 0,
        "segments_left_out": 0,
        "memberships": 3,
        "segments_deleted": 0,
        "entered": None,
        "exited": None,
        "catalogue": str(here / "output" / "segbatch.duckdb"),
        "membership": str(here / "output" / "runs" / "scheduled__2025-11-04T02:00:00+00:00" / "membership"),
    }
    assert task.context["outlet_events"][AUDIENCES].extra == facts


def test_hook_of_the_operator_writes_a_report_of_its_run(here: Path) -> None:
    report = [sys.executable, "-m", "segbatch", "report", "--to", str(here / "report.html")]
    facts = run(options=["--on-success", shlex.join(report)])
    assert facts["status"] == "ok"
    assert 'id="segbatch-data" type="application/json">"' in (here / "report.html").read_text()


def test_repeated_task_replaces_its_own_run(here: Path) -> None:
    run()
    write_contacts(here / "contacts.parquet", {"plan": pa.array(["pro", "free", "free"])})
    second = Task(RUN_TIME + timedelta(days=1))
    first_try, second_try = run(second), run(second)
    assert first_try["entered"] == second_try["entered"] == 1
    assert [moment for _, moment in runs()] == [RUN_TIME, RUN_TIME + timedelta(days=1)]


def test_each_mapped_task_instance_publishes_its_own_run() -> None:
    assert run(Task(map_index=0))["run_id"] == "scheduled__2025-11-04T02:00:00+00:00@0"
    assert run(Task(map_index=1))["run_id"] == "scheduled__2025-11-04T02:00:00+00:00@1"
    assert len(runs()) == 2


def test_older_run_fails_without_retry_unless_rewind_is_true() -> None:
    tasks = [Task(RUN_TIME + timedelta(days=number)) for number in range(3)]
    for task in tasks:
        run(task)
    with pytest.raises(AirflowFailException, match=r"is as of 2025-11-06 .*--rewind rolls back 1 run .*rewind=True"):
        run(tasks[1], rewind="False")
    assert len(runs()) == 3
    run(tasks[1], rewind="true")
    assert [moment for _, moment in runs()] == [RUN_TIME, RUN_TIME + timedelta(days=1)]


def test_allow_collapse_publishes_an_emptied_segment(here: Path) -> None:
    first, second = Task(), Task(RUN_TIME + timedelta(days=1))
    write_contacts(here / "contacts.parquet", {"plan": pa.array(["pro"] * 200)})
    run(first)
    write_contacts(here / "contacts.parquet", {"plan": pa.array(["free"] * 200)})
    with pytest.raises(AirflowFailException, match=r"pro held: would go from 200 members to none; .* --allow-collapse"):
        run(second, allow_collapse="false")
    assert run(second, allow_collapse="true")["segments_held"] == 0


@pytest.mark.parametrize(("ignored", "shown"), [((), 2), (["empty-text"], 1), ("empty-text unused-value", 0)])
def test_lint_ignore_silences_findings(
    here: Path, caplog: pytest.LogCaptureFixture, ignored: str | list[str], shown: int
) -> None:
    write_segment(here / "segments", "odd", rule("plan", "exists", 1), rule("plan", "contains", ""))
    run(lint_ignore=ignored)
    found = [line for line in caplog.messages if "(unused-value)" in line or "(empty-text)" in line]
    assert len(found) == shown


def test_lists_and_the_schema_can_be_in_any_folder(here: Path, caplog: pytest.LogCaptureFixture) -> None:
    (here / "values").mkdir()
    (here / "values" / "plans.txt").write_text("pro\n")
    write_segment(here / "segments", "listed", rule("plan", "in_list", "plans"))
    (here / "schema.json").write_text('{"fields": [{"path": "score", "type": "number", "missing": true}]}')
    facts = run(lists=str(here / "values"), schema=str(here / "schema.json"))
    assert (facts["segments_ok"], facts["memberships"]) == (3, 5)
    assert any("the snapshot has no column 'score'" in line for line in caplog.messages)


@pytest.mark.parametrize("names", ["pro", ["pro"]])
def test_segments_that_are_not_selected_are_left_out(here: Path, names: str | list[str]) -> None:
    first, second = Task(), Task(RUN_TIME + timedelta(days=1))
    write_segment(here / "segments", "free", rule("plan", "eq", "free"), tags=["vip"], owner="ann")
    run(first)
    assert run(second, only_segments=names)["segments_left_out"] == 1
    facts = run(second, only_tags=["vip"], only_owners="ann")
    assert (facts["segments_ok"], facts["segments_left_out"]) == (1, 1)


@pytest.mark.parametrize("word", ["perhaps", "2"])
def test_invalid_rewind_value_lists_the_valid_values(word: str) -> None:
    with pytest.raises(AirflowFailException, match=f"rewind is '{word}'; use true or false"):
        run(rewind=word)


def break_a_segment(here: Path) -> None:
    write_segment(here / "segments", "free", rule("plam", "eq", "free"))


def test_broken_segment_fails_the_task_after_the_others_are_published(
    here: Path, caplog: pytest.LogCaptureFixture
) -> None:
    break_a_segment(here)
    task = Task()
    with pytest.raises(
        AirflowFailException,
        match=r"published, but free failed: .*'plam'.*; the task fails because on_partial is 'fail'$",
    ):
        run(task)
    assert len(runs()) == 1
    assert task.pushed["return_value"]["segments_failed"] == 1
    (told,) = (entry.message for entry in caplog.records if entry.levelno == logging.ERROR)
    assert told.startswith("segment_failed: ")
    assert "the snapshot has no column 'plam'" in told


@pytest.mark.parametrize(("choice", "level"), [("warn", logging.WARNING), ("succeed", logging.INFO)])
def test_on_partial_logs_a_broken_segment_as_warning_or_info(
    here: Path, choice: str, level: int, caplog: pytest.LogCaptureFixture
) -> None:
    break_a_segment(here)
    task = Task()
    facts = run(task, on_partial=choice)
    assert (facts["status"], facts["segments_ok"], facts["segments_failed"]) == ("partial", 1, 1)
    assert task.context["outlet_events"][AUDIENCES].extra["status"] == "partial"
    assert [entry.levelno for entry in caplog.records if "no column 'plam'" in entry.message] == [level]


def test_dry_run_skips_the_task() -> None:
    task = Task()
    with pytest.raises(AirflowSkipException, match="nothing was published"):
        run(task, options=["--dry-run"])
    assert task.pushed["return_value"]["memberships"] == 3
    assert task.context["outlet_events"][AUDIENCES].extra == {}
    assert not Path("output").exists()


def test_skipped_task_pushes_no_xcom_if_do_xcom_push_is_false() -> None:
    task = Task()
    with pytest.raises(AirflowSkipException):
        run(task, options=["--dry-run"], do_xcom_push=False)
    assert task.pushed == {}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"on_partial": "ignore"}, "on_partial is 'ignore'; use 'fail', 'warn' or 'succeed'"),
        ({"options": ["--keep", 30]}, r"options\[1\] is of type int; write strings"),
        ({"options": "--output /tmp/x"}, "use output_dir="),
    ],
)
def test_invalid_argument_fails_the_import_of_the_dag_without_retries(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message) as raised:
        operator(**given)
    assert isinstance(raised.value, AirflowFailException)


def test_arguments_of_a_mapped_task_are_checked_when_it_is_unmapped() -> None:
    with DAG("mapped", schedule=None):
        mapped = SegbatchOperator.partial(task_id="publish", on_partial="maybe").expand(contacts=["a", "b"])
    with pytest.raises(AirflowFailException, match=r"^on_partial is 'maybe'"):
        mapped.unmap({"contacts": "a"})


@pytest.mark.parametrize("template", ["--job '{{ run_id }}", "{% raw %}--output{% endraw %} x"])
def test_rendered_templates_are_checked_in_the_task(template: str) -> None:
    task = Task()
    made = operator(options=template)
    made.render_template_fields(task.context)
    with pytest.raises(AirflowFailException, match=r"^options (is|contains) "):
        made.execute(task.context)


def test_outputs_of_other_tasks_are_accepted_as_arguments() -> None:
    with DAG("two", schedule=None):
        other = operator().output
        made = operator(task_id="other", contacts=other, options=["--job", other], env={"A": other}, rewind=other)
    assert made.upstream_task_ids == {"publish"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"segments": "nowhere"}, "nowhere: no such file or folder"),
        ({"timezone": "Mars"}, "Mars"),
        ({"as_of": "soon"}, "soon"),
        ({"options": ["--colour", "red"]}, "--colour"),
    ],
)
def test_usage_errors_are_not_retried(options: dict[str, Any], message: str) -> None:
    with pytest.raises(AirflowFailException, match=message):
        run(**options)


@pytest.mark.parametrize(
    ("contacts", "message"), [("nowhere.parquet", "no such file"), ("cut.parquet", "is truncated")]
)
def test_unreadable_snapshot_is_retried(here: Path, contacts: str, message: str) -> None:
    whole = (here / "contacts.parquet").read_bytes()
    (here / "cut.parquet").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(AirflowException, match=message) as raised:
        run(contacts=contacts)
    assert not isinstance(raised.value, AirflowFailException)


def test_lock_owned_by_another_run_is_retried(here: Path) -> None:
    (here / "output").mkdir()
    with (
        lock_output(here / "output" / "lock", "run other", FAIL_IF_LOCKED),
        pytest.raises(AirflowException, match=r"another run is active; .*run other \(process \d+ on") as raised,
    ):
        run()
    assert not isinstance(raised.value, AirflowFailException)


def test_failure_to_start_the_program_is_reported(here: Path) -> None:
    with pytest.raises(AirflowFailException, match=r"^program: nowhere/segbatch: No such file or directory"):
        run(program="nowhere/segbatch")
    with pytest.raises(AirflowFailException, match=r"^cwd: .*/gone: No such file or directory"):
        run(cwd=str(here / "gone"))


def test_all_arguments_reach_the_run(here: Path) -> None:
    columns = {"id": ["x", "x"], "key": [7, 8], "project_id": ["a", "b"], "plan": ["pro", "pro"]}
    write_contacts(here / "there" / "new.parquet", pa.table(columns))
    (here / "segments").rename(here / "there" / "rules")
    facts = run(
        contacts="new.parquet",
        segments="rules",
        output_dir="published",
        cwd=str(here / "there"),
        project="a",
        timezone="Europe/Berlin",
        as_of="2025-02-03T04:05:06",
        run_id="r1",
        options="--keep 3 --max-change '30%'",
        env={"SEGBATCH_ID_COLUMN": "key"},
    )
    assert facts["catalogue"] == str(here / "there" / "published" / "segbatch.duckdb")
    (past,) = read_history(here / "there" / "published").runs
    assert (past.run.run_id, past.run.project_id, past.run.timezone) == ("r1", "a", "Europe/Berlin")
    assert (past.run.as_of, past.run.memberships) == (datetime(2025, 2, 3, 3, 5, 6, tzinfo=UTC), 1)


def test_arguments_accept_templates() -> None:
    task = Task()
    made = operator(contacts="{{ run_id }}.parquet", options=["--accept", "{{ run_id }}"], env={"A": "{{ run_id }}"})
    made.render_template_fields(task.context)
    assert (made.contacts, made.options, made.env) == (
        "scheduled__2025-11-04T02:00:00+00:00.parquet",
        ["--accept", "scheduled__2025-11-04T02:00:00+00:00"],
        {"A": "scheduled__2025-11-04T02:00:00+00:00"},
    )


@pytest.fixture
def slow(here: Path) -> Path:
    run(Task(RUN_TIME - timedelta(days=1)))
    write_slow_contacts(here / "contacts.parquet")
    write_slow_segment(here / "segments")
    return here / "output"


def staged(output: Path) -> list[Path]:
    return list((output / "runs").glob(".tmp-*"))


@contextmanager
def once_at_work(output: Path, act: Callable[[], object]) -> Iterator[list[float]]:
    """Call `act` when the run starts to evaluate. Yields a list that then contains the time of the call."""
    acted: list[float] = []

    def wait() -> None:
        eventually("the run to be at work", lambda: staged(output))
        acted.append(time.monotonic())
        act()

    thread = threading.Thread(target=wait)
    thread.start()
    try:
        yield acted
    finally:
        thread.join()


def assert_nothing_was_published(output: Path) -> None:
    assert [moment for _, moment in runs()] == [RUN_TIME - timedelta(days=1)]
    with lock_output(output / "lock", "the test", FAIL_IF_LOCKED):
        assert psutil.Process().children(recursive=True) == []


def test_killed_task_stops_its_run_immediately_and_publishes_nothing(slow: Path) -> None:
    killed = operator()
    before = signal.signal(signal.SIGTERM, lambda *_: killed.on_kill())  # the same as Airflow
    try:
        with (
            once_at_work(slow, lambda: os.kill(os.getpid(), signal.SIGTERM)) as acted,
            pytest.raises(
                AirflowException, match=r"the run was terminated by SIGTERM: .*terminated; nothing was published"
            ),
        ):
            killed.execute(Task().context)
        assert time.monotonic() - acted[0] < 10
    finally:
        signal.signal(signal.SIGTERM, before)
    assert staged(slow) == []
    assert_nothing_was_published(slow)


def test_task_killed_during_startup_publishes_nothing(here: Path) -> None:
    killed = operator(program=["sh", "-c", "kill $PPID; sleep 60"])
    before = signal.signal(signal.SIGTERM, lambda *_: killed.on_kill())
    try:
        with pytest.raises(AirflowException, match="the run was terminated by SIGTERM"):
            killed.execute(Task().context)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert not (here / "output").exists()


def test_task_timeout_stops_the_run_and_publishes_nothing(slow: Path) -> None:
    limit: Any = TimeoutPosix  # Airflow wraps `execute` in it; it has no types
    with pytest.raises(AirflowTaskTimeout), limit(20):
        run()
    assert staged(slow) == []
    assert_nothing_was_published(slow)


def test_run_killed_by_the_system_is_reported_and_retried(here: Path, slow: Path) -> None:
    with (
        once_at_work(slow, lambda: [child.kill() for child in psutil.Process().children()]),
        pytest.raises(AirflowException) as raised,
    ):
        run()
    assert str(raised.value) == "the run was terminated by SIGKILL (often out of memory): see the log"
    assert not isinstance(raised.value, AirflowFailException)
    assert_nothing_was_published(slow)
    (here / "segments" / "slow.json").unlink()
    run()
    assert (len(runs()), staged(slow)) == (2, [])
