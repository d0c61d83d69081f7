"""Test the parts of `segbatch.airflow` that need no Airflow; tests/airflow tests the rest."""

import json
import logging
import os
import re
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pyarrow as pa
import pytest
import typer

import segbatch.airflow
from builders import rule, write_contacts, write_segment
from segbatch.interfaces import cli
from segbatch.interfaces.airflow.arguments import (
    LIST_OPTIONS,
    TEXT_OPTIONS,
    check_arguments,
    evaluation_time,
    explain_options,
    parse_names,
    parse_options,
    parse_switch,
    parse_tables,
    task_run_id,
    text_options,
)
from segbatch.interfaces.airflow.program import (
    INSTALLED_PROGRAM,
    LogLine,
    ProcessResult,
    Program,
    explain_start_error,
    run_facts,
    segment_errors,
    summary,
)

END = datetime(2025, 11, 4, 2, tzinfo=UTC)
AFTER = datetime(2025, 11, 4, 2, 17, 31, 5, tzinfo=UTC)


def context(run_id: str = "manual", map_index: int | None = -1, end: datetime | None = END) -> dict[str, Any]:
    dag_run = SimpleNamespace(data_interval_end=end, run_after=AFTER)
    return {"dag_run": dag_run, "run_id": run_id, "ti": SimpleNamespace(map_index=map_index)}


def test_evaluation_time_is_the_end_of_the_data_interval_or_run_after() -> None:
    assert evaluation_time(context()) == END
    assert evaluation_time(context(end=None)) == AFTER


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
def test_run_id_is_derived_from_the_dag_run(dag_run: str, map_index: int | None, run_id: str) -> None:
    assert task_run_id(context(dag_run, map_index)) == run_id


WRONG = [
    ({"contacts": ["a", "b"]}, "contacts is of type list; write a string"),
    ({"run_id": True}, "run_id is of type bool; write a string"),
    ({"options": ["--keep", 30]}, "options[1] is of type int; write strings"),
    ({"options": ["--metrics-file", Path("m")]}, f"options[1] is of type {type(Path()).__name__}; write strings"),
    ({"options": {"--keep": 3}}, "options is of type dict; write a string or a list of strings"),
    (
        {"options": "--job 'x"},
        'options is "--job \'x": No closing quotation; close the quotes, or write a list of strings',
    ),
    (
        {"options": "--keep 3 --output /x"},
        "options contains --output, which has its own argument: use output_dir=...",
    ),
    ({"options": ["--as-of={{ ds }}"]}, "options contains --as-of, which has its own argument: use as_of=..."),
    ({"tables": ["a=b"]}, "tables is of type list; write a dict with the path of each table"),
    ({"tables": {"a": 3}}, "tables['a']['path'] is of type int; write strings"),
    ({"tables": {"a": {"time": "at"}}}, "tables['a'] has no 'path'; a table has path, contact and time"),
    (
        {"tables": {"a": {"path": "b", "tiem": "at"}}},
        "tables['a'] has the key 'tiem'; a table has path, contact and time",
    ),
    ({"options": ["--table=a=b"]}, "options contains --table, which has its own argument: use tables={...}"),
    ({"lists": ["a"]}, "lists is of type list; write a string"),
    ({"schema": {"a": 1}}, "schema is of type dict; write a string"),
    ({"only_tags": 3}, "only_tags is of type int; write a string or a list of strings"),
    ({"options": "--tag vip"}, "options contains --tag, which has its own argument: use only_tags=[...]"),
    ({"lint_ignore": 3}, "lint_ignore is of type int; write a string or a list of strings"),
    ({"lint_ignore": ["same-meaning", 3]}, "lint_ignore[1] is of type int; write strings"),
    ({"env": {"SEGBATCH_KEEP": 3}}, "env['SEGBATCH_KEEP'] is of type int; write strings"),
    ({"env": {3: "x"}}, "the name 3 in env is of type int; write strings"),
    ({"env": ["A=b"]}, "env is of type list; write a dict of strings"),
    ({"rewind": "perhaps"}, "rewind is 'perhaps'; use true or false"),
    ({"allow_collapse": "perhaps"}, "allow_collapse is 'perhaps'; use true or false"),
]


@pytest.mark.parametrize("is_rendered", [False, True])
@pytest.mark.parametrize(("given", "message"), WRONG, ids=[message for _, message in WRONG])
def test_invalid_arguments_are_reported_by_name(given: dict[str, Any], message: str, is_rendered: bool) -> None:  # noqa: FBT001
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        check_arguments(given, is_rendered=is_rendered)


@pytest.mark.parametrize(
    "option",
    ["contacts", "segments", "output", "project", "timezone", "as-of", "run-id", "lint-ignore", "lists", "schema"],
)
def test_options_with_their_own_argument_are_refused(option: str) -> None:
    for options in (f"--{option} x", f"--{option}=x", ["--keep", "3", f"--{option}", "x"]):
        with pytest.raises(ValueError, match=f"^options contains --{option}, .* use {option.replace('-', '_')}"):
            parse_options(options)


@pytest.mark.parametrize("given", ["empty-text  same-meaning", ["empty-text", "same-meaning"]])
def test_names_can_be_a_list_or_a_string(given: object) -> None:
    assert parse_names("lint_ignore", given) == ["empty-text", "same-meaning"]
    assert parse_names("lint_ignore", None) == parse_names("lint_ignore", ()) == parse_names("lint_ignore", " ") == []


def test_tables_are_passed_as_options() -> None:
    assert parse_tables(None) == []
    assert parse_tables({"a": "x/", "b": {"path": "y", "contact": "c", "time": None}}) == [
        "--table=a=x/",
        "--table=b=y",
        "--table-contact=b=c",
    ]


def test_texts_are_passed_as_options_of_a_run() -> None:
    run = cast("Any", typer.main.get_command(cli.every_command())).commands["run"]
    options = {option for parameter in run.params for option in parameter.opts}
    assert {*TEXT_OPTIONS.values(), *LIST_OPTIONS.values()} <= options
    given = dict.fromkeys(TEXT_OPTIONS) | {"output_dir": "/out", "lists": "/data/lists", "schema": "/data/schema.json"}
    assert text_options(given) == ["--output=/out", "--lists=/data/lists", "--schema=/data/schema.json"]


TO_COME = SimpleNamespace(iter_references=lambda: ())  # like the output of another task


@pytest.mark.parametrize(
    ("given", "left"),
    [
        ({"contacts": TO_COME}, True),
        ({"lists": TO_COME}, True),
        ({"lists": "/data/{{ ds }}", "schema": "{{ x }}"}, False),
        ({"contacts": None, "segments": Path("x"), "project": 7}, False),
        ({"options": "--job '{{ x }}"}, True),
        ({"options": ["--job", TO_COME]}, True),
        ({"options": ("--job", "{{ x }}"), "env": {"A": "{{ x }}"}}, False),
        ({"env": {"A": TO_COME}}, True),
        ({"lint_ignore": "{{ x }}"}, False),
        ({"lint_ignore": ["same-meaning", TO_COME]}, True),
        ({"lint_ignore": None}, False),
        ({"tables": {"a": TO_COME}}, True),
        ({"tables": {"a": {"path": "{{ x }}"}}}, False),
        ({"rewind": "{% if x %}true{% endif %}"}, True),
        ({"rewind": True, "env": None, "options": ()}, False),
    ],
)
def test_templated_arguments_are_checked_after_rendering(given: dict[str, Any], left: bool) -> None:  # noqa: FBT001
    check_arguments(given, is_rendered=False)
    if left:
        with pytest.raises(ValueError, match=f"^{next(iter(given))}"):
            check_arguments(given, is_rendered=True)
    else:
        check_arguments(given, is_rendered=True)


def test_options_and_switches_are_parsed() -> None:
    assert parse_options("--job a --accept 'b c'") == ["--job", "a", "--accept", "b c"]
    assert parse_options(("--keep", "3")) == ["--keep", "3"]
    assert [parse_switch("rewind", value) for value in (True, "True", " yes ", False, "false", None, "")] == [
        True
    ] * 3 + [False] * 4


def run_program(
    *command: str, env: dict[str, str] | None = None, cwd: Path | None = None
) -> tuple[ProcessResult, list[LogLine]]:
    said: list[LogLine] = []
    ended = Program(command).run(env or {}, str(cwd) if cwd else None, said.append)
    return ended, said


def run_code(code: str, **options: Any) -> tuple[ProcessResult, list[LogLine]]:
    return run_program(sys.executable, "-c", code, **options)


LINES = [
    ("error: no such file", LogLine(logging.ERROR, "", "no such file")),
    ("Error: No such option: -x", LogLine(logging.ERROR, "", "No such option: -x")),
    ("warning: it is late: very", LogLine(logging.WARNING, "", "it is late: very")),
    ("Usage: segbatch run", LogLine(logging.INFO, "", "Usage: segbatch run")),
    ('{"no": "event"}', LogLine(logging.INFO, "", '{"no": "event"}')),
    ("17", LogLine(logging.INFO, "", "17")),
    (
        '{"time": "t", "level": "warning", "event": "warning", "run_id": "r", "file": null, "message": "odd"}',
        LogLine(logging.WARNING, "warning", "odd"),
    ),
    (
        '{"time": "t", "level": "info", "event": "run_planned", "run_id": "r", "contacts": 5, "follows": null}',
        LogLine(logging.INFO, "run_planned", "run_planned: contacts=5"),
    ),
]


@pytest.mark.parametrize(("line", "said"), LINES, ids=[line for line, _ in LINES])
def test_output_of_the_program_is_parsed_line_by_line(line: str, said: LogLine) -> None:
    assert run_code(f"import sys; print({line!r}, '', sep='\\n', file=sys.stderr)")[1] == [said]


def test_result_contains_the_exit_status_and_errors_of_the_program() -> None:
    logged = [{"event": "error", "level": "error", "message": "bad"}, {"event": "run_ended", "level": "error"}]
    lines = "\n".join(map(json.dumps, logged))
    code = "import sys; print('[1]'); print(sys.argv[1], file=sys.stderr); sys.exit(3)"
    ended, _ = run_program(sys.executable, "-c", code, lines)
    assert (ended, ended.signal) == (ProcessResult(3, [1], ("bad",)), None)


BROKEN = [
    {"event": "segment_failed", "level": "error", "message": "pro.json: 'eqq' is not an operator"},
    {"event": "segment_held", "level": "error", "message": "pro would change by 90 %"},
    {"event": "progress", "level": "info", "done": 1, "contacts": 2},
]


@pytest.mark.parametrize(
    ("last", "end", "errors"),
    [
        ([], "os.kill(os.getpid(), 9)", ()),
        ([{"event": "error", "level": "error", "message": "terminated"}], "os.kill(os.getpid(), 15)", ("terminated",)),
        ([{"event": "error", "level": "error", "message": "the disk is full"}], "sys.exit(1)", ("the disk is full",)),
    ],
)
def test_broken_segments_are_not_reported_as_the_cause_of_a_failed_run(
    last: list[dict[str, str]], end: str, errors: tuple[str, ...]
) -> None:
    lines = "\n".join(map(json.dumps, [*BROKEN, *last]))
    code = f"import os, sys; print(sys.argv[1], file=sys.stderr, flush=True); {end}"
    ended, said = run_program(sys.executable, "-c", code, lines)
    assert ended.errors == errors
    assert [one.level for one in said[:2]] == [logging.ERROR] * 2


def test_last_lines_of_output_are_the_errors_if_none_were_logged() -> None:
    assert run_code("import sys; [print(i, file=sys.stderr) for i in range(5)]; sys.exit(1)")[0].errors == (
        "2",
        "3",
        "4",
    )


@pytest.mark.parametrize(("number", "name"), [(9, "SIGKILL"), (15, "SIGTERM")])
def test_program_ended_by_a_signal_has_the_exit_status_of_a_shell(number: int, name: str) -> None:
    ended, _ = run_code(f"import os; os.kill(os.getpid(), {number})")
    assert (ended.status, ended.signal, ended.answer) == (128 + number, name, None)


def test_program_runs_with_the_given_environment_and_folder(tmp_path: Path) -> None:
    code = "import json, os; print(json.dumps([os.environ['MORE'], os.getcwd(), 'PATH' in os.environ]))"
    ended, _ = run_code(code, env={"MORE": "so"}, cwd=tmp_path)
    assert ended.answer == ["so", str(tmp_path), True]


def test_program_stopped_before_it_started_ends_immediately() -> None:
    program = Program([sys.executable, "-c", "import time; time.sleep(600)"])
    program.stop()
    assert program.run({}, None, lambda _: None).signal == "SIGTERM"


def test_child_processes_left_by_the_program_do_not_delay_its_result() -> None:
    code = "import subprocess, sys; print(subprocess.Popen(['sleep', '600']).pid); print('done', file=sys.stderr)"
    begun = time.monotonic()
    ended, said = run_code(code)
    os.kill(ended.answer, signal.SIGKILL)
    assert time.monotonic() - begun < 60
    assert [one.message for one in said] == ["done"]


class Given(Exception):  # noqa: N818 - not an error
    """An exception that interrupts a run, such as a time limit."""


@pytest.mark.parametrize("obedience", ["SIG_DFL", "SIG_IGN"])
def test_program_is_stopped_if_its_caller_raises(obedience: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("segbatch.interfaces.airflow.program._STOP_TIMEOUT", 0.2)
    code = (
        f"import signal, sys, time; signal.signal(15, signal.{obedience}); print(1, file=sys.stderr); time.sleep(600)"
    )

    def end(_said: LogLine) -> None:
        raise Given

    program = Program([sys.executable, "-c", code])
    with pytest.raises(Given):
        program.run({}, None, end)
    assert program._child is not None  # noqa: SLF001 - no public attribute has it
    assert program._child.returncode in {-9, -15}  # noqa: SLF001


@pytest.mark.slow
def test_json_output_of_a_real_run_becomes_facts(tmp_path: Path) -> None:
    write_contacts(tmp_path / "contacts.parquet", {"plan": pa.array(["pro", "pro", "free"])})
    for plan in ("pro", "free", "gone"):
        write_segment(tmp_path / "segments", plan, rule("plan", "eq", plan))
    command = [*INSTALLED_PROGRAM, "run", "--contacts", "contacts.parquet", "--json", "--run-id"]
    assert run_program(*command, "1", "--as-of", "2025-11-03T02:00Z", cwd=tmp_path)[0].status == 0
    write_contacts(tmp_path / "contacts.parquet", {"plan": pa.array(["pro", "free", "free"])})
    (tmp_path / "segments" / "gone.json").unlink()
    write_segment(tmp_path / "segments", "bad", rule("plam", "eq", "pro"))
    write_segment(tmp_path / "segments", "old", rule("plan", "eq", "pro"), enabled=False)
    ended, _ = run_program(*command, "2", "--as-of", "2025-11-04T02:00Z", cwd=tmp_path)
    facts = run_facts(ended.answer, str(tmp_path))
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
        "segments_disabled": 1,
        "segments_left_out": 0,
        "segments_deleted": 1,
        "entered": 1,
        "exited": 1,
        "catalogue": f"{tmp_path}/output/segbatch.duckdb",
        "membership": f"{tmp_path}/output/runs/2/membership",
    }
    shown = summary(facts, ended.answer)
    assert shown == "3 contacts, 2 segments, 1 failed, 1 disabled, 1 deleted, 3 memberships, 1 entered, 1 exited"
    (trouble,) = segment_errors(ended.answer)
    assert trouble.startswith("bad failed: ")
    write_segment(tmp_path / "segments", "pro", rule("plam", "eq", "pro"))
    ended, _ = run_program(*command, "3", "--as-of", "2025-11-05T02:00Z", cwd=tmp_path)
    shown = summary(run_facts(ended.answer, str(tmp_path)), ended.answer)
    assert (
        shown
        == "3 contacts, 2 segments, 2 failed (1 with earlier members), 1 disabled, 3 memberships, 0 entered, 0 exited"
    )
    ended, _ = run_program(*command, "4", "--as-of", "2025-11-06T02:00Z", "--segment", "free", cwd=tmp_path)
    shown = summary(run_facts(ended.answer, str(tmp_path)), ended.answer)
    assert shown == "3 contacts, 2 segments, 3 left out (1 with earlier members), 3 memberships, 0 entered, 0 exited"
    assert (ended.status, segment_errors(ended.answer)) == (0, [])


def test_facts_of_a_dry_run_contain_no_paths(tmp_path: Path) -> None:
    write_contacts(tmp_path / "contacts.parquet", {"plan": pa.array(["pro"])})
    write_segment(tmp_path / "segments", "pro", rule("plan", "eq", "pro"))
    command = [*INSTALLED_PROGRAM, "run", "--contacts", "contacts.parquet", "--json", "--dry-run"]
    facts = run_facts(run_program(*command, cwd=tmp_path)[0].answer, str(tmp_path))
    assert (facts["status"], facts["catalogue"], facts["membership"]) == ("dry_run", None, None)
    assert (facts["memberships"], facts["segments_ok"]) == (1, 1)


@pytest.mark.parametrize(
    ("program", "cwd", "message"),
    [
        ("segbatch-nowhere", None, "program: segbatch-nowhere is not on the worker's PATH; give an absolute path"),
        ("./gone/segbatch", None, "program: ./gone/segbatch: No such file or directory (on the worker)"),
        ("/", None, "program: /: Permission denied (on the worker)"),
        (sys.executable, "/gone", "cwd: /gone: No such file or directory (on the worker)"),
        (sys.executable, sys.executable, f"cwd: {sys.executable}: Not a directory (on the worker)"),
    ],
)
def test_start_error_names_the_wrong_argument(program: str, cwd: str | None, message: str) -> None:
    with pytest.raises(OSError, match=r"^\[Errno") as raised:
        Program([program, "run"]).run({}, cwd, lambda _: None)
    assert explain_start_error(raised.value, program, cwd) == message


@pytest.mark.parametrize(
    ("said", "line"),
    [
        (LogLine(logging.ERROR, "segment_failed", "pro: bad"), "segment_failed: pro: bad"),
        (LogLine(logging.INFO, "run_planned", "run_planned: contacts=5"), "run_planned: contacts=5"),
        (LogLine(logging.WARNING, "warning", "odd"), "odd"),
        (LogLine(logging.ERROR, "error", "the disk is full"), "the disk is full"),
        (LogLine(logging.INFO, "", "Usage: segbatch run"), "Usage: segbatch run"),
    ],
)
def test_log_line_starts_with_the_name_of_the_event(said: LogLine, line: str) -> None:
    assert said.text == line


@pytest.mark.parametrize(
    ("message", "more"),
    [
        ("the disk is full", ""),
        (
            "--rewind rolls back 1 run",
            " (in the operator, --rewind is rewind=True, see 'Redo an earlier run' in docs/airflow.md)",
        ),
        ("run again when that is done, or with --wait", " (in the operator, --wait is options=['--wait'])"),
        ("--waiting is no option", ""),
    ],
)
def test_options_in_messages_are_explained_as_operator_arguments(message: str, more: str) -> None:
    assert explain_options(message) == more


def test_page_lists_all_settings_of_the_sample() -> None:
    root = Path(__file__).parents[2]
    settings = re.findall(r'environ\.get\("(\w+)"', (root / "jobs" / "segbatch_dag.py").read_text())
    told = re.findall(r"^\| `(AUDIENCES_\w+)` \|", (root / "docs" / "airflow.md").read_text(), re.MULTILINE)
    assert settings
    assert set(told) == set(settings)


def test_module_exports_only_the_operator() -> None:
    with pytest.raises(AttributeError, match=r"'segbatch\.airflow' has no attribute 'Operator'"):
        _ = segbatch.airflow.Operator


LIGHT = """
import sys
from segbatch.interfaces.airflow import arguments, program
print(sorted({name.split('.')[0] for name in sys.modules} & set(sys.argv[1].split())))
"""


def test_parts_import_no_libraries_of_the_program() -> None:
    libraries = "polars pyarrow pydantic pydantic_settings duckdb typer rich structlog"
    done = subprocess.run([sys.executable, "-c", LIGHT, libraries], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
