"""Whole runs on a cluster, which publish what runs on one machine publish."""

import os
import subprocess
import sys
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import segbatch
from calling import Commands
from segbatch.cluster.spark import SparkCluster
from segbatch.errors import ClusterError
from segbatch.storage.output_lock import FAIL_IF_LOCKED, LockedError
from segbatch.storage.targets.output import open_target
from spark.servers import HAS_SAIL, settings_of_driver
from spark.wrappers import (
    WrappedCluster,
    lose_executor_in_map,
    lose_executor_in_reduce,
    produce_twice,
    produce_with_other_versions,
    reduce_twice,
)
from workspace import FIRST_RUN, Workspace

SAMPLES = Path(__file__).parents[2] / "sample_data"
BUCKETS = 3

TABLES = {
    "membership": "segment_id, contact_id",
    "membership_changes": "run_id, segment_id, contact_id, change",
    "segments": "segment_id, status, member_count, entered, exited",
}


def read(workspace: Workspace) -> dict[str, list[tuple[Any, ...]]]:
    return {table: workspace.ask(f"SELECT {columns} FROM {table} ORDER BY ALL") for table, columns in TABLES.items()}


def crowds(workspace: Workspace, number: int) -> None:
    """Write a crowd of contacts: from run to run, contacts come, go and change their plans."""
    plans = ("pro", "free", "team")
    workspace.contacts(**{f"c{index}": plans[(index * index + number) % 3] for index in range(number * 20, 300)})


def make_runs(workspace: Workspace, engine: Any, numbers: range = range(2)) -> dict[str, list[tuple[Any, ...]]]:
    for name in ("pro", "free", "team"):
        workspace.segment(name)
    for number in numbers:
        crowds(workspace, number)
        workspace.run(number, engine=engine, buckets=None if engine == "local" else BUCKETS)
    return read(workspace)


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[tuple[Any, ...]]]:
    """What two runs on this machine publish."""
    return make_runs(Workspace(tmp_path_factory.mktemp("local")), "local")


def test_the_samples_have_the_same_members(cluster: SparkCluster, tmp_path: Path) -> None:
    found = []
    for name in ("cluster", "local"):
        workspace = Workspace(tmp_path / name)
        engine: Any = cluster if name == "cluster" else "local"
        options: dict[str, Any] = {"tables": {"orders": SAMPLES / "orders.parquet"}, "engine": engine}
        contacts, segments = SAMPLES / "contacts.parquet", SAMPLES / "segments"
        segbatch.run(contacts, segments, workspace.output, as_of=FIRST_RUN, run_id="r1", **options)
        hashes = "count(*), sum(hash(segment_id, contact_id)), bit_xor(hash(segment_id, contact_id))"
        found += workspace.ask(f"SELECT {hashes} FROM membership")
    assert found[0] == found[1]
    assert found[0][0] > 10_000


def test_two_runs_have_the_same_changes(cluster: SparkCluster, tmp_path: Path, expected: object) -> None:
    assert make_runs(Workspace(tmp_path / "cluster"), cluster) == expected


def test_a_run_on_one_machine_is_continued_and_back(cluster: SparkCluster, tmp_path: Path) -> None:
    local, mixed = Workspace(tmp_path / "local"), Workspace(tmp_path / "mixed")
    make_runs(mixed, "local", range(1))
    make_runs(mixed, cluster, range(1, 2))
    assert make_runs(mixed, "local", range(2, 3)) == make_runs(local, "local", range(3))


def test_the_command_runs_on_a_cluster(
    cluster: SparkCluster, tmp_path: Path, expected: object, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    call, workspace = Commands(monkeypatch, capsys), Workspace(tmp_path / "cluster")
    make_runs(workspace, "local", range(1))
    crowds(workspace, 1)
    paths = {"contacts": "contacts.parquet", "segments": "segments", "output": "output"}
    words = [word for name, path in paths.items() for word in (f"--{name}", str(workspace.folder / path))]
    words += ["--as-of", (FIRST_RUN + timedelta(days=1)).isoformat(), "--run-id", "night-1", "--engine", "spark"]
    words += ["--spark-remote", cluster.remote] if cluster.remote else []  # or the active session
    assert call("run", *words, "--buckets", "2", "--dry-run", "--quiet") == 0, call.err
    assert [run.run.run_id for run in workspace.history().runs] == ["night-0"]
    assert call("run", *words, "--buckets", "2", "--quiet") == 0, call.err
    assert read(workspace) == expected


def test_a_server_that_is_not_there_publishes_nothing(
    two: Workspace, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    call = Commands(monkeypatch, capsys)
    monkeypatch.chdir(two.folder)
    words = ["run", "--contacts", "contacts.parquet", "--engine", "spark", "--spark-remote", "sc://127.0.0.1:1"]
    assert call(*words, "--quiet") == 1
    [*_, error] = call.err.splitlines()
    assert error.startswith("error: the cluster sc://127.0.0.1:1 cannot be reached; check its address, that it runs")
    assert error.endswith("nothing was published (--spark-remote or SPARK_REMOTE)")
    assert len(two.history().runs) == 2


@pytest.mark.parametrize("lost_in", ["map", "reduce"])
def test_a_run_outlives_an_executor(
    lost_in: str, cluster: SparkCluster, tmp_path: Path, expected: object, request: pytest.FixtureRequest
) -> None:
    if "standalone" not in request.node.name:
        pytest.skip("this cluster has no executor of its own")
    marker = tmp_path / "killed"
    wrapped = (
        WrappedCluster(cluster, around_produce=partial(lose_executor_in_map, str(marker)))
        if lost_in == "map"
        else WrappedCluster(cluster, around_reduce=partial(lose_executor_in_reduce, str(marker)))
    )
    workspace = Workspace(tmp_path / "cluster")
    assert make_runs(workspace, wrapped) == expected
    assert marker.exists()
    assert list(workspace.output.rglob("attempts")) == []


def test_of_two_attempts_one_counts(cluster: SparkCluster, tmp_path: Path, expected: object) -> None:
    wrapped = WrappedCluster(cluster, produce_twice, reduce_twice)
    workspace = Workspace(tmp_path / "cluster")
    assert make_runs(workspace, wrapped) == expected
    assert list(workspace.output.rglob("attempts")) == []


def test_workers_with_other_versions_are_refused(cluster: SparkCluster, tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "cluster")
    wrapped = WrappedCluster(cluster, around_produce=produce_with_other_versions)
    with pytest.raises(ClusterError, match=r"has segbatch 0\.0\.1") as caught:
        make_runs(workspace, wrapped)
    assert "\n" not in str(caught.value)
    assert not (workspace.output / "current").exists()


def test_a_second_run_on_the_output_is_refused(cluster: SparkCluster, tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "cluster")
    make_runs(workspace, cluster, range(1))
    with open_target(workspace.output).lock("another run", FAIL_IF_LOCKED), pytest.raises(LockedError) as caught:
        workspace.run(1, engine=cluster)
    assert caught.value.exit_code == 75


DRIVER = Path(__file__).with_name("driver.py")


@pytest.mark.skipif(not HAS_SAIL, reason="a driver that ends is no matter of the engine, and its start takes long")
@pytest.mark.parametrize("step", ["prepare", "match", "before the exchange", "after the exchange", "evaluate"])
def test_a_driver_may_be_killed(step: str, cluster: SparkCluster, tmp_path: Path, expected: object) -> None:
    workspace = Workspace(tmp_path / "cluster")
    make_runs(workspace, cluster, range(1))
    crowds(workspace, 1)
    done = subprocess.run(
        [sys.executable, DRIVER, str(cluster.remote), workspace.folder, step],
        env={"PYTHONPATH": str(Path(__file__).parents[1]), "PATH": "/usr/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == -9, done.stderr
    assert (workspace.output / "current").read_text().strip() == "night-0"
    workspace.run(1, engine=cluster, buckets=BUCKETS)
    assert read(workspace) == expected
    assert list(workspace.output.rglob("attempts")) == []


@pytest.mark.skipif(HAS_SAIL, reason="only classic Spark starts Python workers itself")
def test_workers_on_this_machine_use_the_python_of_the_program(tmp_path: Path) -> None:
    of_sessions = ("PYSPARK", "SPARK_CONNECT", "SPARK_API", "SPARK_LOCAL_REMOTE")  # PySpark sets some of them
    environment = {name: value for name, value in os.environ.items() if not name.startswith(of_sessions)}
    settings = " ".join(f"--conf {name}={value}" for name, value in settings_of_driver().items())
    paths = {"contacts": SAMPLES / "contacts.parquet", "segments": SAMPLES / "segments", "output": tmp_path}
    words = [f"--{name}={path}" for name, path in paths.items()]
    done = subprocess.run(
        [sys.executable, "-m", "segbatch", "run", "--engine", "spark", "--buckets", "2", *words],
        env=environment
        | {"PATH": "/usr/bin:/bin", "PYSPARK_SUBMIT_ARGS": f"--master local[2] {settings} pyspark-shell"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "current").exists()
