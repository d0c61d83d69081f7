"""A sequence of runs: contacts are added, removed and changed; segments are added, changed, broken and removed."""

import json
import random
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import duckdb

from builders import rule, write_contacts, write_segment
from segbatch.storage.manifest_io import read_history
from sights import FINGERPRINT

DRIVER = Path(__file__).with_name("driver.py")
RUNS = 10
CONTACTS = 1_500
SEGMENTS = 15
PLACES = ["BE", "HH", "MUC", None]
KEEP_LONG, KEEP_SHORTLY = 1.0, 20 / 86400
"""The number of days to keep the members of superseded runs: longer than a test, or so that they are pruned soon."""


@dataclass(frozen=True)
class PlannedRun:
    run_id: str
    contacts: Path
    segments: Path
    as_of: str

    def options(self, output: Path, keep_days: float = KEEP_LONG) -> str:
        """Write the options of a run for the driver."""
        return json.dumps(
            {
                "contacts": str(self.contacts),
                "segments": str(self.segments),
                "output": str(output),
                "as_of": self.as_of,
                "run_id": self.run_id,
                "keep_days": keep_days,
            }
        )


def make_runs(folder: Path, number: int = RUNS) -> list[PlannedRun]:
    draw = random.Random(4)  # noqa: S311 - not a secret
    people = {f"c{number:05}": (draw.choice(PLACES), draw.randrange(100)) for number in range(CONTACTS)}
    planned = []
    for index in range(number):
        for contact in draw.sample(sorted(people), CONTACTS // 20):
            people[contact] = (draw.choice(PLACES), draw.randrange(100))
        for contact in draw.sample(sorted(people), CONTACTS // 100):
            del people[contact]
        people |= {f"n{index:02}-{number:03}": (draw.choice(PLACES), draw.randrange(100)) for number in range(40)}
        ids = draw.sample(sorted(people), len(people))
        columns = {"id": ids, "place": [people[who][0] for who in ids], "seats": [people[who][1] for who in ids]}
        contacts = write_contacts(folder / f"night-{index:02}.parquet", columns, row_group_size=500)
        segments = folder / f"segments-{index:02}"
        _write_segments(segments, index)
        planned.append(PlannedRun(f"night-{index:02}", contacts, segments, f"2026-03-{index + 1:02}T02:00:00Z"))
    return planned


def _write_segments(folder: Path, planned_run: int) -> None:
    for number in range(SEGMENTS):
        if number % 7 == planned_run % 7 and planned_run > 0:
            continue  # not defined in this run
        field = "saets" if number == planned_run % SEGMENTS and planned_run % 3 == 2 else "seats"
        low = number * 6 + (planned_run if number % 5 == 0 else 0)
        write_segment(folder, f"s{number:02}", rule(field, "gte", low), rule("place", "neq", "HH"))


def start(options: str, kill_at: int = 0) -> subprocess.Popen[str]:
    """Start a run in another process, which kills itself before the file operation with this number."""
    command = [sys.executable, str(DRIVER), options, str(kill_at)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def succeed(options: str) -> tuple[int, float]:
    """Run without a kill, check its success, and return its number of file operations and its seconds."""
    program = start(options)
    out, err = program.communicate(timeout=120)
    assert (program.returncode, err) == (0, ""), (program.returncode, err)
    steps, seconds = out.split()[-2:]
    return int(steps), float(seconds)


def fingerprint(output: Path) -> tuple[object, ...]:
    with duckdb.connect(str(output / "segbatch.duckdb"), read_only=True) as connection:
        [row] = connection.execute(FINGERPRINT).fetchall()
    return tuple(row)


def tables(output: Path) -> dict[str, list[tuple[object, ...]]]:
    """Return all tables that analysts read, without the times of execution."""
    chosen = {"runs": "* EXCLUDE (started_at, finished_at)"}
    with duckdb.connect(str(output / "segbatch.duckdb"), read_only=True) as connection:
        return {
            name: connection.execute(f"SELECT {chosen.get(name, '*')} FROM {name} ORDER BY ALL").fetchall()
            for name in ("membership", "membership_changes", "membership_history", "segments", "runs")
        }


def ensure_tidy(output: Path) -> None:
    """Check that all files belong to a run that is or was published."""
    assert sorted(path.name for path in output.iterdir()) == ["current", "lock", "runs", "segbatch.duckdb"]
    history = read_history(output)
    known = {run.folder for run in history.runs} | {run.folder for run in history.taken_back}
    assert {path.name for path in (output / "runs").iterdir()} <= known
    assert not list((output / "runs").glob("*/unpublished"))
