"""Compare three runs of the sample DAG in a real Airflow, with failures, with runs of the command line.

The scheduler starts the first run; the test triggers the others. A truncated snapshot is retried, an invalid snapshot
fails its run, a task is killed, and tasks are cleared.
"""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from service import Airflow, eventually, serving
from slow import write_slow_contacts, write_slow_segment

from builders import rule, write_contacts, write_segment
from segbatch.storage.output_lock import LockPolicy, lock_output

DAG, READER = "audiences", "after_audiences"
SAMPLE = Path(__file__).parents[2] / "jobs" / "segbatch_dag.py"
RUN_TIMES = [
    datetime.now(UTC).replace(hour=2, minute=0, second=0, microsecond=0) - timedelta(days=n) for n in (3, 2, 1)
]
A_DAY = timedelta(days=1)
PLANS = [
    {"ann": "pro", "bob": "pro", "cem": "free"},
    {"ann": "pro", "cem": "pro", "dag": "free"},
    {"cem": "free", "eve": "pro"},
]
COMMAND = [sys.executable, "-m", "segbatch", "run"]
TABLES = {
    "membership": "*",
    "segments": "*",
    "membership_changes": "*",
    "membership_history": "*",
    "runs": "* EXCLUDE (started_at, finished_at)",
}


@dataclass
class World:
    """Snapshots, definitions, the output of Airflow and the outputs of the command line."""

    folder: Path

    @property
    def output(self) -> Path:
        return self.folder / "output"

    @property
    def staged(self) -> list[Path]:
        """Temporary folders of a run that is active or was not cleaned up."""
        return list((self.output / "runs").glob(".tmp-*"))

    @property
    def env(self) -> dict[str, str]:
        day = "{{ (dag_run.data_interval_end or dag_run.run_after) | ds }}"
        return {
            "AIRFLOW_CONN_FS_DEFAULT": "fs://",
            "AUDIENCES_SNAPSHOT": f"{self.folder}/snapshots/{day}.parquet",
            "AUDIENCES_SEGMENTS": f"{self.folder}/segments",
            "AUDIENCES_OUTPUT": str(self.output),
            "AUDIENCES_POLL_SECONDS": "1",
            "AUDIENCES_SCHEDULE": f"0 2 * * {RUN_TIMES[0]:%a}",  # its last time is the first of RUN_TIMES
        }

    def snapshot(self, run_time: datetime) -> Path:
        return self.folder / "snapshots" / f"{run_time:%Y-%m-%d}.parquet"

    def export(self, run_time: datetime, plans: dict[str, str]) -> None:
        """Write a snapshot to a temporary file, and move it to its path."""
        columns = {"id": list(plans), "plan": list(plans.values()), "notes": ["short"] * len(plans)}
        write_contacts(self.folder / "new.parquet", pa.table(columns)).replace(self.snapshot(run_time))

    def straight(self, name: str, *runs: tuple[int, str]) -> Path:
        """Run the command line with a separate output folder."""
        places = ["--segments", f"{self.folder}/segments", "--output", f"{self.folder}/{name}"]
        for number, run_id in runs:
            run_time = RUN_TIMES[number]
            command = [*COMMAND, *places, "--contacts", str(self.snapshot(run_time))]
            command += ["--as-of", run_time.isoformat(), "--run-id", run_id]
            done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=300)
            assert done.returncode in {0, 3}, done.stderr
        return self.folder / name


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    (tmp_path / "snapshots").mkdir()
    for plan in ("pro", "free"):
        write_segment(tmp_path / "segments", plan, rule("plan", "eq", plan))
    write_slow_segment(tmp_path / "segments")
    return made


@pytest.fixture
def airflow(world: World) -> Iterator[Airflow]:
    dags = world.folder / "dags"
    dags.mkdir()
    shutil.copy(SAMPLE, dags)
    with serving(world.folder / "home", dags, world.env) as made:
        eventually("both DAGs to be seen", lambda: made.ask("dags")["total_entries"] == 2)
        assert made.ask("importErrors")["import_errors"] == []
        assert made.ask("dagWarnings")["dag_warnings"] == []
        yield made


def tables(output: Path) -> dict[str, Any]:
    """Return all published tables without the times of the runs."""
    with duckdb.connect(output / "segbatch.duckdb", read_only=True) as connection:
        return {
            name: connection.execute(f"SELECT {columns} FROM {name} ORDER BY ALL").fetchall()
            for name, columns in TABLES.items()
        }


def trigger(airflow: Airflow, run_time: datetime) -> str:
    interval = {
        "logical_date": run_time - A_DAY,
        "data_interval_start": run_time - A_DAY,
        "data_interval_end": run_time,
    }
    moments = {name: moment.isoformat() for name, moment in interval.items()}
    made: str = airflow.send("POST", f"dags/{DAG}/dagRuns", moments)["dag_run_id"]
    return made


def try_a_half_written_snapshot_again(airflow: Airflow, world: World) -> str:
    """Run 1: the snapshot is truncated until the task has failed once."""
    run_id = f"scheduled__{RUN_TIMES[0].isoformat()}"
    world.export(RUN_TIMES[0], PLANS[0])
    snapshot = world.snapshot(RUN_TIMES[0])
    whole = snapshot.read_bytes()
    snapshot.write_bytes(whole[: len(whole) // 2])
    airflow.unpause(DAG, READER)
    eventually("the first run", lambda: airflow.ask(f"dags/{DAG}/dagRuns")["total_entries"])
    airflow.until(DAG, run_id, "publish", "up_for_retry")
    assert not (world.output / "current").exists()
    world.export(RUN_TIMES[0], PLANS[0])
    assert airflow.ended(DAG, run_id) == "success"
    assert airflow.tasks(DAG, run_id)["publish"]["try_number"] > 1
    assert "is truncated" in airflow.log(DAG, run_id, "publish", 1)
    return run_id


def fail_over_a_bad_snapshot(airflow: Airflow, world: World) -> str:
    """Run 2: the snapshot contains each contact twice, so all attempts fail."""
    before = tables(world.output)
    world.export(RUN_TIMES[1], PLANS[1])
    with duckdb.connect() as connection:
        snapshot = world.snapshot(RUN_TIMES[1])
        twice = f"FROM '{snapshot}' UNION ALL FROM '{snapshot}'"
        connection.execute(f"COPY ({twice}) TO '{snapshot}.twice' (FORMAT parquet)")
        Path(f"{snapshot}.twice").replace(snapshot)
    run_id = trigger(airflow, RUN_TIMES[1])
    assert airflow.ended(DAG, run_id) == "failed"
    publish = airflow.tasks(DAG, run_id)["publish"]
    assert (publish["state"], publish["try_number"]) == ("failed", 3)
    assert "more than once" in airflow.log(DAG, run_id, "publish", 3)
    assert tables(world.output) == before
    return run_id


def kill_a_task_and_clear_it(airflow: Airflow, world: World) -> str:
    """Run 3: a slow run is stopped by hand, and the task is cleared after a new snapshot is exported."""
    before = tables(world.output)
    write_slow_contacts(world.snapshot(RUN_TIMES[2]))
    run_id = trigger(airflow, RUN_TIMES[2])
    eventually("the run to be at work", lambda: world.staged)
    airflow.send("PATCH", f"dags/{DAG}/dagRuns/{run_id}/taskInstances/publish", {"new_state": "failed"})
    eventually("the run to be gone", lambda: not world.staged)  # SIGKILL would leave the folder
    with lock_output(world.output / "lock", "the test", LockPolicy(wait=True)):
        assert tables(world.output) == before
    world.export(RUN_TIMES[2], PLANS[2])
    airflow.clear(DAG, run_id, "publish")
    assert airflow.ended(DAG, run_id) == "success"
    return run_id


def refuse_an_old_run(airflow: Airflow, world: World, run_id: str) -> None:
    """The invalid snapshot is exported again after a later run was published, so the cleared task is refused."""
    world.export(RUN_TIMES[1], PLANS[1])
    airflow.clear(DAG, run_id, "publish")
    assert airflow.ended(DAG, run_id) == "failed"
    publish = airflow.tasks(DAG, run_id)["publish"]
    assert publish["try_number"] == 4  # no retry
    assert "--rewind rolls back 1 run" in airflow.log(DAG, run_id, "publish", 4)


def redo_from_an_old_run_on(airflow: Airflow, *run_ids: str) -> None:
    airflow.send("POST", "variables", {"key": "audiences_rewind", "value": "true"})
    airflow.clear(DAG, run_ids[0], "publish", include_future=True)
    assert [airflow.ended(DAG, run_id) for run_id in run_ids] == ["success"] * len(run_ids)


def break_a_segment(airflow: Airflow, world: World, run_id: str) -> None:
    """The other segments are published, but the DAG run fails."""
    write_segment(world.folder / "segments", "free", rule("plam", "eq", "free"))
    airflow.clear(DAG, run_id, "publish")
    assert airflow.ended(DAG, run_id) == "failed"
    states = {name: task["state"] for name, task in airflow.tasks(DAG, run_id).items()}
    assert (states["publish"], states["verify"], states["all_segments_are_well"]) == ("success", "success", "failed")


def read_the_last_event(airflow: Airflow, output: Path, run_id: str) -> None:
    """Each publication is an asset event. The DAG that reads the last event finds the published data."""

    def last_event() -> Any:
        return airflow.ask("assets/events", order_by="-timestamp", limit=1)["asset_events"][0]

    assert last_event()["extra"] == airflow.xcom(DAG, run_id, "publish")
    read = eventually("the event to be read", lambda: last_event()["created_dagruns"])
    assert airflow.ended(READER, read[0]["run_id"]) == "success"
    with duckdb.connect(output / "segbatch.duckdb", read_only=True) as connection:
        entered = "SELECT segment_id, entered FROM segments WHERE entered > 0"
        expected = {"run_id": run_id, "entered": dict(connection.execute(entered).fetchall())}
    assert airflow.xcom(READER, read[0]["run_id"], "count_who_entered") == expected


def run_without_a_date(airflow: Airflow, world: World) -> None:
    """A DAG run triggered by hand has no data interval, and is evaluated as of the current time."""
    made = airflow.send("POST", f"dags/{DAG}/dagRuns", {"logical_date": None})
    moment = datetime.fromisoformat(made["run_after"])
    world.export(moment, PLANS[0])
    airflow.until(DAG, made["dag_run_id"], "publish", "success")
    assert airflow.xcom(DAG, made["dag_run_id"], "publish")["as_of"] == made["run_after"]


def test_three_airflow_runs_with_failures_publish_the_same_as_command_line_runs(airflow: Airflow, world: World) -> None:
    first = try_a_half_written_snapshot_again(airflow, world)
    second = fail_over_a_bad_snapshot(airflow, world)
    third = kill_a_task_and_clear_it(airflow, world)
    without_second = tables(world.straight("without the second", (0, first), (2, third)))
    assert tables(world.output) == without_second
    airflow.clear(DAG, third, "publish")
    assert airflow.ended(DAG, third) == "success"
    assert tables(world.output) == without_second
    refuse_an_old_run(airflow, world, second)
    assert tables(world.output) == without_second
    redo_from_an_old_run_on(airflow, second, third)
    assert tables(world.output) == tables(world.straight("all", (0, first), (1, second), (2, third)))
    break_a_segment(airflow, world, third)
    assert tables(world.output) == tables(world.straight("all", (2, third)))
    read_the_last_event(airflow, world.output, third)
    run_without_a_date(airflow, world)
