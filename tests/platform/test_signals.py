"""SIGTERM and Ctrl-C end the real program quickly, with a message and without incomplete files."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import pytest

import segbatch
from builders import rule, write_contacts, write_segment
from segbatch.storage.output_lock import FAIL_IF_LOCKED, lock_output

WORDS = [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")]
SLOW_SQL = "SELECT sum(sin(a.range * b.range)) FROM range(1000000) a, range(1000000) b"
SLOW = "while True: time.sleep(0.05)"
SOON = "time.sleep(0.2); before(*arguments, **options)"
RUN = ("run", "--contacts", "contacts.parquet")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.serial,
    pytest.mark.parametrize(("number", "status", "word"), WORDS, ids=["SIGINT", "SIGTERM"]),
]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_contacts(tmp_path / "contacts.parquet", {"status": ["active", "new", None, "active"]})
    write_segment(tmp_path / "segments", "active", rule("status", "eq", "active"))
    return tmp_path


def start(*arguments: str, prepare: str = "") -> subprocess.Popen[str]:
    """Start the program, after code that is executed first."""
    code = f"import sys\nsys.argv[0] = 'segbatch'\n{prepare}\nfrom segbatch.__main__ import main\nmain()"
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def end(program: subprocess.Popen[str], number: int) -> tuple[int, str, str]:
    """Send a signal, and return the result of the program, which must end within two seconds."""
    program.send_signal(number)
    begun = time.monotonic()
    out, err = program.communicate(timeout=20)
    assert time.monotonic() - begun < 2
    return program.returncode, out, err


HELD_UP = """
import segbatch.pipeline.evaluation, duckdb
def hold_up(*_):
    print("there", flush=True)
    {how}
segbatch.pipeline.evaluation.{where} = hold_up
"""
IN_A_LONG_CALL = f'duckdb.sql("{SLOW_SQL}").fetchall()'
IN_ANOTHER_THREAD = f"""
    from concurrent.futures import ThreadPoolExecutor
    with ThreadPoolExecutor(1) as pool:
        pool.submit(lambda: {IN_A_LONG_CALL}).result()
"""


@pytest.mark.parametrize("how", [IN_A_LONG_CALL, IN_ANOTHER_THREAD], ids=["in a long call", "waiting for a thread"])
@pytest.mark.parametrize("earlier", [0, 1])
def test_a_run_can_be_ended_at_any_step(
    here: Path, number: int, status: int, word: str, how: str, earlier: int
) -> None:
    for _ in range(earlier):
        segbatch.run("contacts.parquet")
    before = sorted(here.rglob("*"))
    program = start(*RUN, prepare=HELD_UP.format(how=how, where="segment_records"))
    assert program.stdout is not None
    assert program.stdout.readline() == "there\n"
    assert len(list(here.glob("output/runs/.tmp-*/membership/*"))) == 1
    assert end(program, number) == (status, "", f"error: {word}; nothing was published\n")
    assert sorted(here.rglob("*")) == before
    assert segbatch.run("contacts.parquet").run.memberships == 2


def test_publishing_is_completed_before_the_end(number: int, status: int, word: str) -> None:
    slowly = f"""
import os, time
from segbatch.storage import publish
from segbatch.storage.publish import set_current, replace_catalogue
def point(*arguments):
    os.kill(os.getpid(), {number})
    time.sleep(0.2)
    set_current(*arguments)
    os.kill(os.getpid(), {number})
def place(*arguments):
    time.sleep(0.2)
    return replace_catalogue(*arguments)
publish.set_current, publish.replace_catalogue = point, place
"""
    program = start(*RUN, "--run-id", "tonight", prepare=slowly)
    out, err = program.communicate(timeout=20)
    assert (program.returncode, err) == (status, f"error: {word}; run tonight is published\n")
    assert "contacts" not in out
    assert sorted(path.name for path in Path("output").iterdir()) == ["current", "lock", "runs", "segbatch.duckdb"]
    assert not list(Path("output/runs").glob("*/unpublished"))
    with duckdb.connect("output/segbatch.duckdb", read_only=True) as connection:
        assert connection.sql("SELECT run_id FROM runs").fetchall() == [("tonight",)]


def test_a_slow_disk_does_not_delay_the_end(number: int, status: int, word: str) -> None:
    never = """
from segbatch.storage import publish
import time
def point(*_):
    print("there", flush=True)
    while True:
        time.sleep(1)
publish.set_current = point
"""
    program = start(*RUN, prepare=never)
    assert program.stdout is not None
    assert program.stdout.readline() == "there\n"
    assert end(program, number) == (status, "", f"error: {word}; the run may be published\n")
    assert segbatch.run("contacts.parquet").run.memberships == 2
    assert len(list(Path("output/runs").iterdir())) == 1


def test_waiting_for_another_run_can_be_interrupted(here: Path, number: int, status: int, word: str) -> None:
    output = here / "output"
    output.mkdir()
    with lock_output(output / "lock", "run first", FAIL_IF_LOCKED):
        program = start(*RUN, "--wait")
        assert program.stderr is not None
        assert program.stderr.readline().endswith("; waiting\n")
        assert end(program, number) == (status, "", f"error: {word}; nothing was published\n")


ASKED = """
from segbatch.runs import query as querying
ask = querying.query
def query(*arguments):
    print("there", flush=True)
    return ask(*arguments)
querying.query = query
"""


def test_a_query_ends_immediately(number: int, status: int, word: str) -> None:
    segbatch.run("contacts.parquet")
    program = start("query", SLOW_SQL, prepare=ASKED)
    assert program.stdout is not None
    assert program.stdout.readline() == "there\n"
    time.sleep(1)  # until the statement is being executed
    assert end(program, number) == (status, "", f"error: {word}\n")


HELD_UP_EXPORT = """
import time
from segbatch.exports import {module}
before = {module}.{where}
def hold_up(*arguments, **options):
    {first}
    print("there", file=sys.stderr, flush=True)
    {then}
{module}.{where} = hold_up
"""
EXPORTS = {
    "before it is there": ("export", "_write", "pass", SLOW, "out.csv", "nothing was written", False),
    "into a pipe": ("export", "_write", "before(*arguments)", SLOW, "-", "the output is incomplete", False),
    "when it is there": ("export", "_report", "pass", SLOW, "out.csv", "{folder}/out.csv is written", True),
    "while it is put there": ("export", "_move", "pass", SOON, "out.csv", "{folder}/out.csv is written", True),
    "on a disk that takes long": (
        "export",
        "_move",
        "pass",
        SLOW,
        "out.csv",
        "{folder}/out.csv may be written",
        False,
    ),
}


@pytest.mark.parametrize("case", EXPORTS)
def test_an_export_reports_what_was_written(here: Path, number: int, status: int, word: str, case: str) -> None:
    module, where, first, then, to, outcome, is_written = EXPORTS[case]
    segbatch.run("contacts.parquet")
    prepare = HELD_UP_EXPORT.format(module=module, where=where, first=first, then=then)
    program = start("export", "active", "--to", to, prepare=prepare)
    assert program.stderr is not None
    assert program.stderr.readline() == "there\n"
    ended, _, err = end(program, number)
    assert (ended, err) == (status, f"error: {word}; {outcome.format(folder=here.resolve())}\n")
    assert Path("out.csv").exists() is is_written


def test_a_terminal_shows_the_message_on_its_own_line(number: int, status: int, word: str) -> None:
    terminal = "import os\nos.isatty = lambda _: True\n" + HELD_UP.format(how=IN_A_LONG_CALL, where="segment_records")
    program = start(*RUN, prepare=terminal)
    assert program.stdout is not None
    assert program.stdout.readline() == "there\n"
    assert end(program, number) == (
        status,
        "",
        f"\n\x1b[2K\x1b[?25herror: {word}; nothing was published\n",
    )  # \r is read as \n


def test_an_ignored_signal_stays_ignored(number: int, status: int, word: str) -> None:
    ignoring = f"""
import os, signal
import segbatch.pipeline.evaluation
signal.signal({number}, signal.SIG_IGN)
records = segbatch.pipeline.evaluation.segment_records
def record(outcome):
    os.kill(os.getpid(), {number})
    return records(outcome)
segbatch.pipeline.evaluation.segment_records = record
"""
    program = start(*RUN, prepare=ignoring)
    out, err = program.communicate(timeout=20)
    assert (program.returncode, err) == (0, ""), (status, word)
    assert "2 memberships" in out


def test_a_signal_after_the_last_output_is_ignored(number: int, status: int, word: str) -> None:
    late = f"""
import atexit, os
atexit.register(os.kill, os.getpid(), {number})
"""
    program = start(*RUN, prepare=late)
    program.communicate(timeout=20)
    assert program.returncode == 0, (status, word)


def test_ctrl_c_in_a_notebook_is_an_exception_and_leaves_no_files(
    here: Path, number: int, status: int, word: str
) -> None:
    if number == signal.SIGTERM:
        pytest.skip(f"{word}, with {status}, as in any program")

    def interrupt(*_: int) -> None:
        signal.raise_signal(signal.SIGINT)

    before = sorted(here.rglob("*"))
    usual = signal.signal(signal.SIGINT, signal.default_int_handler)  # tests in the background ignore Ctrl-C
    try:
        with pytest.raises(KeyboardInterrupt):
            segbatch.run("contacts.parquet", progress=interrupt)
    finally:
        signal.signal(signal.SIGINT, usual)
    assert sorted(here.rglob("*")) == before
