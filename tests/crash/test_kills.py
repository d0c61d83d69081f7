"""Runs that are killed at any time while readers query: no reader sees a mixture, and no manual repair is needed."""

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from sequence import (
    KEEP_LONG,
    KEEP_SHORTLY,
    PlannedRun,
    ensure_tidy,
    fingerprint,
    make_runs,
    start,
    succeed,
    tables,
)

KILLS = int(os.environ.get("SEGBATCH_KILLS", "40"))
SEED = int(os.environ.get("SEGBATCH_KILL_SEED", str(time.time_ns() % 100_000)))
READER = Path(__file__).with_name("reader.py")


class Reference:
    """The same runs without kills: the valid results of readers after each run, and the final tables."""

    def __init__(self, folder: Path) -> None:
        self.planned = make_runs(folder / "planned")
        output = folder / "never-killed"
        self.sights: dict[str, list[object]] = {}
        self.steps, self.seconds = 0, 0.0
        for planned_run in self.planned:
            self.steps, self.seconds = succeed(planned_run.options(output, KEEP_SHORTLY))
            row = fingerprint(output)
            assert row[2] == row[3] == row[4] == row[8]
            self.sights[planned_run.run_id] = list(row)
        self.tables = tables(output)


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Reference:
    return Reference(tmp_path_factory.mktemp("reference"))


@contextmanager
def reading(ways: list[str], output: Path, folder: Path, reference: Reference) -> Iterator[None]:
    """Read continuously, and check at the end that every result was the result of one run."""
    readers = {}
    for way in ways:
        command = [sys.executable, str(READER), way, str(output), str(folder / f"{way}.log")]
        readers[way] = subprocess.Popen(command, stdin=subprocess.PIPE, text=True)
    try:
        yield
    finally:
        for reader in readers.values():
            reader.communicate("", timeout=60)
    for way in ways:
        *sights, last = [json.loads(line) for line in (folder / f"{way}.log").read_text().splitlines()]
        assert [sight for sight in sights if "error" in sight] == [], way
        assert last["reads"] > 0
        for sight in sights:
            ensure_of_one_run(way, sight["row"], reference)
        print(f"{way}: {last['reads']} reads, {len(sights)} sights")  # noqa: T201 - for manual runs


def ensure_of_one_run(way: str, row: list[Any], reference: Reference) -> None:
    expected = reference.sights[row[0]]
    if way == "parquet_alone":
        assert row[1:] == [expected[4], expected[2]], row
    else:
        assert row == expected


def kill(planned_run: PlannedRun, output: Path, keep_days: float, reference: Reference, draw: random.Random) -> str:
    """Kill a run at a random file operation or at a random time, and return the outcome."""
    at_step = draw.randrange(1, reference.steps + 3) if draw.random() < 0.5 else 0
    program = start(planned_run.options(output, keep_days), at_step)
    assert program.stdout is not None
    assert program.stdout.readline() == "ready\n"
    if not at_step:
        time.sleep(draw.uniform(0, reference.seconds))
        program.kill()
    program.communicate(timeout=120)
    assert program.returncode in {0, -9}
    if program.returncode == 0:
        return "too late"
    return f"{'step' if at_step else 'time'}: {state(output, planned_run)}"


def state(output: Path, planned_run: PlannedRun) -> str:
    """Return the phase in which a run was killed, as far as the files show it."""
    if (output / "runs" / f".tmp-{planned_run.run_id}").exists():
        return "at work"
    current = output / "current"
    if current.exists() and current.read_text().strip().split("~")[0] == planned_run.run_id:
        return "published"
    return "being published" if list((output / "runs").glob("*/unpublished")) else "before or after its work"


@pytest.mark.parametrize(
    ("keep_days", "held"),
    [(KEEP_LONG, "held_all_along"), (KEEP_SHORTLY, "held_for_a_while")],
    ids=["kept", "pruned"],
)
def test_readers_see_only_whole_runs_while_runs_are_killed(
    tmp_path: Path, reference: Reference, keep_days: float, held: str
) -> None:
    draw = random.Random(f"{SEED} {held}")  # noqa: S311 - not a secret
    print(f"SEGBATCH_KILL_SEED={SEED}")  # noqa: T201 - to reproduce a failure
    output, found, kills = tmp_path / "output", dict[str, int](), 0

    def get_through(planned: list[PlannedRun]) -> None:
        nonlocal kills
        for planned_run in planned:
            while kills_to_come(kills, planned_run, reference, draw):
                outcome = kill(planned_run, output, keep_days, reference, draw)
                found[outcome] = found.get(outcome, 0) + 1
                kills += outcome != "too late"
            succeed(planned_run.options(output, keep_days))
            ensure_tidy(output)
            assert list(fingerprint(output)) == reference.sights[planned_run.run_id]

    get_through(reference.planned[:1])
    with reading([held, "anew_each_time", "parquet_alone"], output, tmp_path, reference):
        get_through(reference.planned[1:])
    assert tables(output) == reference.tables
    print(kills, "kills:", found)  # noqa: T201
    assert kills >= KILLS // 2


def kills_to_come(kills: int, planned_run: PlannedRun, reference: Reference, draw: random.Random) -> bool:
    """Return whether to kill a run once more: up to its share of all kills, and sometimes more often."""
    done = (reference.planned.index(planned_run) + 1) / len(reference.planned)
    return kills < done * (KILLS / 2) or draw.random() < 0.1
