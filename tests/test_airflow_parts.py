"""What of `segbatch.airflow` needs no Airflow; the rest is in tests/airflow."""

import json
import logging
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest

import segbatch.airflow
from builders import rule, write_contacts, write_segment
from segbatch.airflow.facts import facts_of, in_trouble, summary
from segbatch.airflow.naming import moment_of, run_id_of
from segbatch.airflow.program import OWN, Ended, Program, Said

END = datetime(2025, 11, 4, 2, tzinfo=UTC)
AFTER = datetime(2025, 11, 4, 2, 17, 31, 5, tzinfo=UTC)


def context(run_id: str = "manual", map_index: int | None = -1, end: datetime | None = END) -> dict[str, Any]:
    dag_run = SimpleNamespace(data_interval_end=end, run_after=AFTER)
    return {"dag_run": dag_run, "run_id": run_id, "ti": SimpleNamespace(map_index=map_index)}


def test_a_run_holds_for_the_end_of_the_data_interval_or_for_when_it_was_to_run() -> None:
    assert moment_of(context()) == END
    assert moment_of(context(end=None)) == AFTER


@pytest.mark.parametrize(
    ("dag_run", "map_index", "run_id"),
    [
        ("scheduled__2025-11-04T02:00:00+00:00", -1, "scheduled__2025-11-04T02:00:00+00:00"),
        ("scheduled__2025-11-04T02:00:00+00:00", None, "scheduled__2025-11-04T02:00:00+00:00"),
        ("scheduled__2025-11-04T02:00:00+00:00", 12, "scheduled__2025-11-04T02:00:00+00:00@12"),
        ("a night", -1, "run-a-night-4cc12e1c"),
        ("last", -1, "run-last-3547cb11"),
    ],
)
def test_a_run_has_the_id_of_its_dag_run(dag_run: str, map_index: int | None, run_id: str) -> None:
    assert run_id_of(context(dag_run, map_index)) == run_id


def run_program(*command: str, env: dict[str, str] | None = None, cwd: Path | None = None) -> tuple[Ended, list[Said]]:
    said: list[Said] = []
    ended = Program(command).run(env or {}, str(cwd) if cwd else None, said.append)
    return ended, said


def run_code(code: str, **options: Any) -> tuple[Ended, list[Said]]:
    return run_program(sys.executable, "-c", code, **options)


LINES = [
    ("error: no such file", Said(logging.ERROR, "", "no such file")),
    ("Error: No such option: -x", Said(logging.ERROR, "", "No such option: -x")),
    ("warning: it is late: very", Said(logging.WARNING, "", "it is late: very")),
    ("Usage: segbatch run", Said(logging.INFO, "", "Usage: segbatch run")),
    ('{"no": "event"}', Said(logging.INFO, "", '{"no": "event"}')),
    ("17", Said(logging.INFO, "", "17")),
    (
        '{"time": "t", "level": "warning", "event": "warning", "run_id": "r", "file": null, "message": "odd"}',
        Said(logging.WARNING, "warning", "odd"),
    ),
    (
        '{"time": "t", "level": "info", "event": "run_planned", "run_id": "r", "contacts": 5, "follows": null}',
        Said(logging.INFO, "run_planned", "run_planned: contacts=5"),
    ),
]


@pytest.mark.parametrize(("line", "said"), LINES, ids=[line for line, _ in LINES])
def test_what_a_program_says_is_told_line_by_line(line: str, said: Said) -> None:
    assert run_code(f"import sys; print({line!r}, '', sep='\\n', file=sys.stderr)")[1] == [said]


def test_how_a_program_ended_is_told() -> None:
    logged = [{"event": "error", "level": "error", "message": "bad"}, {"event": "run_ended", "level": "error"}]
    lines = "\n".join(map(json.dumps, logged))
    code = "import sys; print('[1]'); print(sys.argv[1], file=sys.stderr); sys.exit(3)"
    ended, _ = run_program(sys.executable, "-c", code, lines)
    assert (ended, ended.signal) == (Ended(3, [1], ("bad",)), None)


def test_what_a_program_said_last_stands_for_errors_that_it_did_not_name() -> None:
    assert run_code("import sys; [print(i, file=sys.stderr) for i in range(5)]; sys.exit(1)")[0].errors == (
        "2",
        "3",
        "4",
    )


@pytest.mark.parametrize(("number", "name"), [(9, "SIGKILL"), (15, "SIGTERM")])
def test_a_program_that_a_signal_ended_is_told_as_a_shell_does(number: int, name: str) -> None:
    ended, _ = run_code(f"import os; os.kill(os.getpid(), {number})")
    assert (ended.status, ended.signal, ended.answer) == (128 + number, name, None)


def test_a_program_has_an_environment_and_a_folder(tmp_path: Path) -> None:
    code = "import json, os; print(json.dumps([os.environ['MORE'], os.getcwd(), 'PATH' in os.environ]))"
    ended, _ = run_code(code, env={"MORE": "so"}, cwd=tmp_path)
    assert ended.answer == ["so", str(tmp_path), True]


def test_a_program_that_was_stopped_before_it_began_ends_at_once() -> None:
    program = Program([sys.executable, "-c", "import time; time.sleep(600)"])
    program.stop()
    assert program.run({}, None, lambda _: None).signal == "SIGTERM"


def test_what_a_program_leaves_behind_keeps_nobody_waiting() -> None:
    code = "import subprocess, sys; print(subprocess.Popen(['sleep', '600']).pid); print('done', file=sys.stderr)"
    begun = time.monotonic()
    ended, said = run_code(code)
    os.kill(ended.answer, signal.SIGKILL)
    assert time.monotonic() - begun < 60
    assert [one.message for one in said] == ["done"]


class Given(Exception):  # noqa: N818 - it is no error
    """What ends a run from outside, as a time limit does."""


@pytest.mark.parametrize("obedience", ["SIG_DFL", "SIG_IGN"])
def test_a_program_does_not_outlive_what_runs_it(obedience: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("segbatch.airflow.program._PATIENCE", 0.2)
    code = (
        f"import signal, sys, time; signal.signal(15, signal.{obedience}); print(1, file=sys.stderr); time.sleep(600)"
    )

    def end(_said: Said) -> None:
        raise Given

    program = Program([sys.executable, "-c", code])
    with pytest.raises(Given):
        program.run({}, None, end)
    assert program._child is not None  # noqa: SLF001 - nothing else knows it
    assert program._child.returncode in {-9, -15}  # noqa: SLF001


def test_what_the_real_program_prints_becomes_facts(tmp_path: Path) -> None:
    write_contacts(tmp_path / "contacts.parquet", {"plan": pa.array(["pro", "pro", "free"])})
    for plan in ("pro", "free", "gone"):
        write_segment(tmp_path / "segments", plan, rule("plan", "eq", plan))
    command = [*OWN, "run", "--contacts", "contacts.parquet", "--json", "--run-id"]
    assert run_program(*command, "1", "--as-of", "2025-11-03T02:00Z", cwd=tmp_path)[0].status == 0
    write_contacts(tmp_path / "contacts.parquet", {"plan": pa.array(["pro", "free", "free"])})
    (tmp_path / "segments" / "gone.json").unlink()
    write_segment(tmp_path / "segments", "bad", rule("plam", "eq", "pro"))
    ended, _ = run_program(*command, "2", "--as-of", "2025-11-04T02:00Z", cwd=tmp_path)
    facts = facts_of(ended.answer, str(tmp_path))
    assert ended.status == 3
    assert facts == {
        "run_id": "2",
        "as_of": "2025-11-04T02:00:00Z",
        "status": "partial",
        "contacts": 3,
        "memberships": 3,
        "segments_ok": 2,
        "segments_failed": 1,
        "segments_held": 0,
        "segments_deleted": 1,
        "entered": 1,
        "exited": 1,
        "catalogue": f"{tmp_path}/output/segbatch.duckdb",
        "membership": f"{tmp_path}/output/runs/2/membership",
    }
    assert summary(facts) == "3 contacts, 2 segments, 1 failed, 1 deleted, 3 memberships, 1 entered, 1 exited"
    (trouble,) = in_trouble(ended.answer)
    assert trouble.startswith("bad failed: ")


def test_the_module_has_the_operator_and_nothing_else() -> None:
    with pytest.raises(AttributeError, match=r"'segbatch\.airflow' has no attribute 'Operator'"):
        _ = segbatch.airflow.Operator


LIGHT = """
import sys
from segbatch.airflow import facts, naming, program
print(sorted({name.split('.')[0] for name in sys.modules} & set(sys.argv[1].split())))
"""


def test_it_needs_no_library_so_that_the_program_may_have_another_environment() -> None:
    libraries = "polars pyarrow pydantic pydantic_settings duckdb typer rich structlog"
    done = subprocess.run([sys.executable, "-c", LIGHT, libraries], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
