"""`segbatch export` as people and scripts call it."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from workspace import Workspace

pytestmark = pytest.mark.slow

PROGRAM = [sys.executable, "-m", "segbatch", "export"]


@pytest.fixture(autouse=True)
def here(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace.run(0)
    workspace.contacts(ann="pro", bob="=cmd()", cem="pro")
    workspace.run(1)
    monkeypatch.chdir(workspace.folder)


def call(*arguments: str) -> tuple[int, str, str]:
    ended = subprocess.run([*PROGRAM, *arguments], capture_output=True, text=True, check=False)
    return ended.returncode, ended.stdout, ended.stderr


def test_members_go_to_stdout_and_the_summary_to_stderr() -> None:
    assert call("pro") == (0, '"contact_id"\n"ann"\n"cem"\n', "pro: 2 members; run night-1\n")


def test_the_summary_of_a_file_shows_its_counts() -> None:
    told = "pro: 1 entered, 1 exited; run night-1, out.csv\n1 cell that a spreadsheet would take for a formula got a ' (--raw leaves it out)\n"  # noqa: E501
    assert call("pro", "--changes", "--columns", "plan", "--to", "out.csv") == (0, told, "")
    assert Path("out.csv").read_text().splitlines()[1:] == ['"bob","exited","\'=cmd()"', '"cem","entered","pro"']
    assert call("pro", "--to", "out.csv")[0] == 2


def test_the_summary_as_json() -> None:
    status, out, err = call("pro", "--to", "out.jsonl", "--since", "night-0", "--json")
    assert (status, err) == (0, "")
    assert json.loads(out) == {
        "segment_id": "pro",
        "run_id": "night-1",
        "file": "out.jsonl",
        "format": "jsonl",
        "columns": ["contact_id", "change"],
        "rows": 2,
        "entered": 1,
        "exited": 1,
        "not_in_snapshot": 0,
        "guarded": 0,
        "warnings": [],
        "notes": [],
    }


def test_parquet_can_be_written_to_a_pipe() -> None:
    ended = subprocess.run([*PROGRAM, "pro", "--format", "parquet"], capture_output=True, check=False)
    assert pq.read_table(io.BytesIO(ended.stdout)).to_pylist() == [{"contact_id": "ann"}, {"contact_id": "cem"}]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("proo",), "output: run night-1 has no segment 'proo'; did you mean 'pro'?"),
        (("pro", "--json"), "--json prints a summary to stdout, where the export goes; name a file (--to)"),
        (("pro", "--to", ""), "the path of the export is empty; is a variable not set? (--to)"),
        (("pro", "--columns", "plam"), "the snapshot has no column 'plam'; did you mean 'plan'? (--columns)"),
    ],
)
def test_wrong_usage_is_one_message(arguments: tuple[str, ...], message: str) -> None:
    assert call(*arguments) == (2, "", f"error: {message}\n")


def test_parquet_is_not_written_to_a_terminal() -> None:
    leader, follower = os.openpty()
    ended = subprocess.run(
        [*PROGRAM, "pro", "--format", "parquet"], stdout=follower, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(leader)
    os.close(follower)
    assert (ended.returncode, ended.stderr) == (2, "error: Parquet cannot be shown on a terminal; name a file (--to)\n")


def test_the_exit_status_shows_a_closed_pipe_and_a_full_disk() -> None:
    command = f"{sys.executable} -m segbatch export pro | true; echo ${{PIPESTATUS[0]}}"
    ended = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert (ended.stdout, ended.stderr) == ("141\n", "")
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run([*PROGRAM, "pro"], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "error: the output cannot be written: No space left on device\n")
