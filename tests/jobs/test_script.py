"""jobs/nightly.sh in an environment as bare as the one of cron."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from builders import rule, write_contacts, write_segment

pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).parents[2] / "jobs" / "nightly.sh"
PROGRAM = f"#!/bin/sh\nexec '{sys.executable}' -m segbatch \"$@\"\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "a folder"
    write_contacts(folder / "all contacts.parquet", {"status": ["active", "new"]})
    write_segment(folder / "segments", "active", rule("status", "eq", "active"))
    (folder / "segbatch").write_text(PROGRAM)
    (folder / "segbatch").chmod(0o755)
    return folder


def nightly(folder: Path, *arguments: str, **environment: str) -> tuple[int, str, str]:
    """Run the script from another folder, with PATH as the only inherited variable."""
    bare = {"PATH": "/usr/bin:/bin", "NIGHTLY_FOLDER": str(folder), "SEGBATCH": str(folder / "segbatch")} | environment
    done = subprocess.run([SCRIPT, *arguments], cwd="/", env=bare, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


def test_the_log_is_appended_and_nothing_is_printed(folder: Path) -> None:
    for _ in range(2):
        given = ("--contacts", "all contacts.parquet")
        assert nightly(folder, *given, NIGHTLY_LOG=str(folder / "the log")) == (0, "", "")
    events = [json.loads(line)["event"] for line in (folder / "the log").read_text().splitlines()]
    assert (events.count("run_started"), events.count("run_ended")) == (2, 2)
    assert (folder / "output" / "segbatch.duckdb").is_file()


def test_a_full_disk_of_the_log_does_not_change_the_exit_status(folder: Path) -> None:
    told = ("--on-success", 'echo "$SEGBATCH_STATUS" > told')
    given = ("--contacts", "all contacts.parquet", *told)
    assert nightly(folder, *given, NIGHTLY_LOG="/dev/full") == (0, "", "")
    assert (folder / "told").read_text() == "published\n"
    assert nightly(folder, "--contacts", "none.parquet", NIGHTLY_LOG="/dev/full") == (1, "", "")


def test_the_log_is_written_to_stderr_without_a_file(folder: Path) -> None:
    status, out, err = nightly(folder, SEGBATCH_CONTACTS="all contacts.parquet")
    assert (status, out) == (0, "")
    assert json.loads(err.splitlines()[-1])["event"] == "run_ended"


def test_the_script_returns_the_exit_status_of_the_run(folder: Path) -> None:
    status, _, err = nightly(folder, "--contacts", "none.parquet", "--log-format", "plain")
    assert (status, err) == (1, "error: none.parquet: no such file; check the path of the export\n")


def test_an_invalid_time_limit_is_reported(folder: Path) -> None:
    status, out, err = nightly(folder, NIGHTLY_TIME_LIMIT="soon")
    assert (status, out) == (125, "")
    assert "soon" in err


def test_the_help_is_the_header_of_the_script(folder: Path) -> None:
    for option in ("--help", "-h"):
        status, out, err = nightly(folder, option)
        assert (status, err) == (0, "")
        assert out.startswith("Evaluate all segments")
        assert "NIGHTLY_TIME_LIMIT  6h" in out
        assert "set -euo" not in out


def test_a_missing_program_is_reported(folder: Path) -> None:
    told = "nightly.sh: the program '/no/segbatch' is missing; set SEGBATCH to the path of segbatch\n"
    log = folder / "log"
    assert nightly(folder, SEGBATCH="/no/segbatch", NIGHTLY_LOG=str(log)) == (127, "", told)


MISSING = {"NIGHTLY_FOLDER": "/no/folder", "NIGHTLY_LOG": "/no/folder/log"}


@pytest.mark.parametrize("name", MISSING)
def test_a_missing_folder_is_reported_on_stderr_for_cron(folder: Path, name: str) -> None:
    status, out, err = nightly(folder, **{name: MISSING[name]})
    assert (status, out) == (1, "")
    assert f"{MISSING[name]}: No such file or directory" in err
