"""Runs that are started at the same time on one output: one publishes, or all publish in turn."""

import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import duckdb
import pytest

from builders import rule, write_contacts, write_segment
from programs import HOLD_UP, start
from sequence import ensure_tidy

HOLDER = """
import sys, duckdb
connection = duckdb.connect(sys.argv[1], read_only={read_only})
print(len(connection.sql("FROM membership").fetchall()), flush=True)
for line in sys.stdin:
    {what}
    print(len(connection.sql("FROM membership").fetchall()), flush=True)
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_segment(tmp_path / "segments", "members", rule("is_in", "eq", value=True))
    return tmp_path


def members(number: int) -> list[bool]:
    return [(contact >> (number % 4)) % 2 == 0 for contact in range(100)]


def command(number: int) -> list[object]:
    columns = {"id": list(range(100)), "is_in": members(number)}
    contacts = write_contacts(Path(f"contacts-{number}.parquet"), columns)
    return ["run", "--contacts", contacts, "--run-id", f"r{number}"]


@pytest.mark.parametrize("number", [2, 10])
def test_one_run_publishes_and_the_others_report_the_owner_of_the_lock(number: int) -> None:
    programs = [start(*command(index), prepare=HOLD_UP) for index in range(number)]
    ended: list[subprocess.Popen[str]] = []
    while len(ended) < number - 1:
        ended = [program for program in programs if program.poll() is not None]
    [winner] = [program for program in programs if program not in ended]
    name = f"r{programs.index(winner)}"
    since = "has been at work on it since [0-9: -]{19} UTC; "
    said = rf"error: output: run {name} \(process {winner.pid} on \S+\) {since}"
    unsigned = "error: output: another run is at work on it; "
    for program in ended:
        out, err = program.communicate()
        assert (program.returncode, out) == (75, "")
        assert re.fullmatch(rf"({said}|{unsigned})run again when that is done, or with --wait\n", err), err
    out, err = winner.communicate("go on\n")
    assert (winner.returncode, err) == (0, "")
    ensure_tidy(Path("output"))
    with duckdb.connect("output/segbatch.duckdb", read_only=True) as connection:
        assert connection.sql("SELECT run_id FROM runs").fetchall() == [(name,)]


@pytest.mark.parametrize("number", [2, 10])
def test_waiting_runs_publish_one_after_the_other(number: int) -> None:
    programs = [start(*command(index), "--wait") for index in range(number)]
    for program in programs:
        _, err = program.communicate(timeout=200)
        assert program.returncode == 0, err
        assert all(line.endswith("; waiting") for line in err.splitlines()), err
    ensure_tidy(Path("output"))
    with duckdb.connect("output/segbatch.duckdb", read_only=True) as connection:
        runs = [name for (name,) in connection.sql("SELECT run_id FROM runs ORDER BY run_number").fetchall()]
        assert sorted(runs) == sorted(f"r{index}" for index in range(number))
        for earlier, later in pairwise(runs):
            was, now = members(int(earlier[1:])), members(int(later[1:]))
            changes = [
                (contact, "entered" if now[contact] else "exited")
                for contact in range(100)
                if now[contact] != was[contact]
            ]
            sql = f"SELECT contact_id, change FROM membership_changes WHERE run_id = '{later}' ORDER BY 1"
            assert connection.sql(sql).fetchall() == changes
        now = members(int(runs[-1][1:]))
        assert connection.sql("SELECT contact_id FROM membership ORDER BY 1").fetchall() == [
            (contact,) for contact in range(100) if now[contact]
        ]


@pytest.mark.parametrize(
    ("read_only", "what"),
    [(True, "pass"), (False, "pass"), (False, "connection.sql('CREATE OR REPLACE VIEW mine AS FROM segments')")],
    ids=["read-only", "read-write", "writing"],
)
def test_a_run_publishes_while_the_tables_are_open(read_only: bool, what: str) -> None:  # noqa: FBT001
    def publish(number: int) -> None:
        program = start(*command(number))
        out, err = program.communicate(timeout=100)
        assert (program.returncode, err) == (0, ""), out

    publish(0)
    code = HOLDER.format(read_only=read_only, what=what)
    holder = subprocess.Popen(
        [sys.executable, "-c", code, "output/segbatch.duckdb"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdin is not None
    assert holder.stdout is not None
    assert holder.stdout.readline() == "50\n"
    for number in (1, 2):
        publish(number)
        holder.stdin.write("again\n")
        holder.stdin.flush()
        assert holder.stdout.readline() == "50\n"
        with duckdb.connect("output/segbatch.duckdb", read_only=True) as connection:
            assert connection.sql("SELECT max(run_number) FROM runs").fetchall() == [(number + 1,)]
    holder.communicate("")
    assert holder.returncode == 0
    publish(3)
    ensure_tidy(Path("output"))
