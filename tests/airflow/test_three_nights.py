"""Three nights of the sample DAG in a real Airflow, with mishaps, against straight runs by the command line.

The first night's run is the scheduler's own, after the others somebody triggers by hand. In between a half-written
snapshot is tried again, a bad one fails its night, a task is killed, and tasks are cleared.
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
NIGHTS = [datetime.now(UTC).replace(hour=2, minute=0, second=0, microsecond=0) - timedelta(days=n) for n in (3, 2, 1)]
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
    """Snapshots and definitions, what Airflow publishes from them, and what straight runs do."""

    folder: Path

    @property
    def output(self) -> Path:
        return self.folder / "output"

    @property
    def staged(self) -> list[Path]:
        """What is there of a run that is at work, or did not clear away."""
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
            "AUDIENCES_SCHEDULE": f"0 2 * * {NIGHTS[0]:%a}",  # whose last time was the first of the nights
        }

    def snapshot(self, night: datetime) -> Path:
        return self.folder / "snapshots" / f"{night:%Y-%m-%d}.parquet"

    def export(self, night: datetime, plans: dict[str, str]) -> None:
        """Write a snapshot as an export should: elsewhere, and then into its place."""
        columns = {"id": list(plans), "plan": list(plans.values()), "notes": ["short"] * len(plans)}
        write_contacts(self.folder / "new.parquet", pa.table(columns)).replace(self.snapshot(night))

    def straight(self, name: str, *runs: tuple[int, str]) -> Path:
        """Make runs by the command line alone, in an output of their own."""
        places = ["--segments", f"{self.folder}/segments", "--output", f"{self.folder}/{name}"]
        for number, run_id in runs:
            night = NIGHTS[number]
            command = [*COMMAND, *places, "--contacts", str(self.snapshot(night))]
            command += ["--as-of", night.isoformat(), "--run-id", run_id]
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
    """Return all that is published, but for when it was made."""
    with duckdb.connect(output / "segbatch.duckdb", read_only=True) as connection:
        return {
            name: connection.execute(f"SELECT {columns} FROM {name} ORDER BY ALL").fetchall()
            for name, columns in TABLES.items()
        }


def trigger(airflow: Airflow, night: datetime) -> str:
    interval = {"logical_date": night - A_DAY, "data_interval_start": night - A_DAY, "data_interval_end": night}
    moments = {name: moment.isoformat() for name, moment in interval.items()}
    made: str = airflow.tell("POST", f"dags/{DAG}/dagRuns", moments)["dag_run_id"]
    return made


def try_a_half_written_snapshot_again(airflow: Airflow, world: World) -> str:
    """The first night: the snapshot is cut short until the task has failed once."""
    run_id = f"scheduled__{NIGHTS[0].isoformat()}"
    world.export(NIGHTS[0], PLANS[0])
    snapshot = world.snapshot(NIGHTS[0])
    whole = snapshot.read_bytes()
    snapshot.write_bytes(whole[: len(whole) // 2])
    airflow.unpause(DAG, READER)
    eventually("the first night", lambda: airflow.ask(f"dags/{DAG}/dagRuns")["total_entries"])
    airflow.until(DAG, run_id, "publish", "up_for_retry")
    assert not (world.output / "current").exists()
    world.export(NIGHTS[0], PLANS[0])
    assert airflow.ended(DAG, run_id) == "success"
    assert airflow.tasks(DAG, run_id)["publish"]["try_number"] > 1
    assert "is truncated" in airflow.log(DAG, run_id, "publish", 1)
    return run_id


def fail_over_a_bad_snapshot(airflow: Airflow, world: World) -> str:
    """The second night: a contact comes twice, however often it is tried."""
    before = tables(world.output)
    world.export(NIGHTS[1], PLANS[1])
    with duckdb.connect() as connection:
        snapshot = world.snapshot(NIGHTS[1])
        twice = f"FROM '{snapshot}' UNION ALL FROM '{snapshot}'"
        connection.execute(f"COPY ({twice}) TO '{snapshot}.twice' (FORMAT parquet)")
        Path(f"{snapshot}.twice").replace(snapshot)
    run_id = trigger(airflow, NIGHTS[1])
    assert airflow.ended(DAG, run_id) == "failed"
    publish = airflow.tasks(DAG, run_id)["publish"]
    assert (publish["state"], publish["try_number"]) == ("failed", 3)
    assert "more than once" in airflow.log(DAG, run_id, "publish", 3)
    assert tables(world.output) == before
    return run_id


def kill_a_task_and_clear_it(airflow: Airflow, world: World) -> str:
    """The third night: somebody ends a run that takes too long, and clears the task when another snapshot is there."""
    before = tables(world.output)
    write_slow_contacts(world.snapshot(NIGHTS[2]))
    run_id = trigger(airflow, NIGHTS[2])
    eventually("the run to be at work", lambda: world.staged)
    airflow.tell("PATCH", f"dags/{DAG}/dagRuns/{run_id}/taskInstances/publish", {"new_state": "failed"})
    eventually("the run to be gone", lambda: not world.staged)  # which no SIGKILL would do
    with lock_output(world.output / "lock", "the test", LockPolicy(wait=True)):
        assert tables(world.output) == before
    world.export(NIGHTS[2], PLANS[2])
    airflow.clear(DAG, run_id, "publish")
    assert airflow.ended(DAG, run_id) == "success"
    return run_id


def refuse_an_old_night(airflow: Airflow, world: World, run_id: str) -> None:
    """Days later the bad snapshot is exported again; but the next night is published."""
    world.export(NIGHTS[1], PLANS[1])
    airflow.clear(DAG, run_id, "publish")
    assert airflow.ended(DAG, run_id) == "failed"
    publish = airflow.tasks(DAG, run_id)["publish"]
    assert publish["try_number"] == 4  # it is not tried again
    assert "--rewind rolls back 1 run" in airflow.log(DAG, run_id, "publish", 4)


def redo_from_an_old_night_on(airflow: Airflow, *run_ids: str) -> None:
    airflow.tell("POST", "variables", {"key": "audiences_rewind", "value": "true"})
    airflow.clear(DAG, run_ids[0], "publish", include_future=True)
    assert [airflow.ended(DAG, run_id) for run_id in run_ids] == ["success"] * len(run_ids)


def break_a_segment(airflow: Airflow, world: World, run_id: str) -> None:
    """Others are published, and the night is red all the same."""
    write_segment(world.folder / "segments", "free", rule("plam", "eq", "free"))
    airflow.clear(DAG, run_id, "publish")
    assert airflow.ended(DAG, run_id) == "failed"
    states = {name: task["state"] for name, task in airflow.tasks(DAG, run_id).items()}
    assert (states["publish"], states["verify"], states["all_segments_are_well"]) == ("success", "success", "failed")


def read_the_last_event(airflow: Airflow, output: Path, run_id: str) -> None:
    """Every publication is an event, and what reads the last one finds what is published."""

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
    """Somebody triggers the DAG by hand: there is no data interval, and it holds for now."""
    made = airflow.tell("POST", f"dags/{DAG}/dagRuns", {"logical_date": None})
    moment = datetime.fromisoformat(made["run_after"])
    world.export(moment, PLANS[0])
    airflow.until(DAG, made["dag_run_id"], "publish", "success")
    assert airflow.xcom(DAG, made["dag_run_id"], "publish")["as_of"] == made["run_after"]


def test_three_nights_with_mishaps_publish_what_straight_runs_do(airflow: Airflow, world: World) -> None:
    first = try_a_half_written_snapshot_again(airflow, world)
    second = fail_over_a_bad_snapshot(airflow, world)
    third = kill_a_task_and_clear_it(airflow, world)
    without_second = tables(world.straight("without the second", (0, first), (2, third)))
    assert tables(world.output) == without_second
    airflow.clear(DAG, third, "publish")
    assert airflow.ended(DAG, third) == "success"
    assert tables(world.output) == without_second
    refuse_an_old_night(airflow, world, second)
    assert tables(world.output) == without_second
    redo_from_an_old_night_on(airflow, second, third)
    assert tables(world.output) == tables(world.straight("all", (0, first), (1, second), (2, third)))
    break_a_segment(airflow, world, third)
    assert tables(world.output) == tables(world.straight("all", (2, third)))
    read_the_last_event(airflow, world.output, third)
    run_without_a_date(airflow, world)
