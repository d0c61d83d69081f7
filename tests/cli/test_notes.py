"""Notes: facts in a report that are neither warnings nor errors."""

from dataclasses import replace
from pathlib import Path

import pytest

import segbatch
import segbatch.pipeline.evaluation
from builders import rule, write_contacts, write_segment
from segbatch.compiler import prepare
from segbatch.compiler.plan import Plan, make_plan
from segbatch.errors import Problem
from segbatch.interfaces.cli.render.authoring import print_check
from segbatch.interfaces.cli.render.run import print_run
from segbatch.observability.events import Event, Noted, Warned
from segbatch.observability.log import lines_of
from workspace import Workspace

NOTE = Problem("'STATUS' is read", severity="note")


@pytest.fixture
def noted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Add a note to every plan."""

    def with_note(*args: object, **options: object) -> Plan:
        return replace(make_plan(*args, **options), notes=(NOTE,))  # type: ignore[arg-type]

    monkeypatch.setattr(prepare, "make_plan", with_note)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_contacts(Path("contacts.parquet"), {"status": ["active", "new"]})
    write_segment(Path("segments"), "active", rule("status", "eq", "active"))


@pytest.mark.usefixtures("noted")
def test_a_run_reports_a_note_and_no_warning(capsys: pytest.CaptureFixture[str]) -> None:
    heard: list[Event] = []
    report = segbatch.run("contacts.parquet", events=heard.append, strict=True)
    assert (report.notes, report.warnings, report.errors) == ((NOTE,), (), ())
    assert (report.to_json()["notes"], report.to_json()["warnings"]) == (["'STATUS' is read"], [])
    assert [event for event in heard if isinstance(event, Noted | Warned)] == [Noted(NOTE)]
    [line] = lines_of(Noted(NOTE), ids=True)
    assert (line.event, line.level) == ("note", "info")
    print_run(report, as_json=False)
    assert capsys.readouterr().err == "note: 'STATUS' is read\n"


@pytest.mark.usefixtures("noted")
def test_the_manifest_contains_notes(workspace: Workspace) -> None:
    workspace.run(0)
    manifest = workspace.manifest("night-0")
    assert (manifest.notes, manifest.warnings) == (("'STATUS' is read",), ())


@pytest.mark.usefixtures("noted")
def test_other_commands_show_notes_without_counting_them_as_warnings(capsys: pytest.CaptureFixture[str]) -> None:
    checked = segbatch.check("segments", "contacts.parquet", strict=True)
    assert (checked.problems, checked.errors, checked.warnings) == ((NOTE,), (), ())
    print_check(checked, "text")
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("1 segment checked: 0 errors, 0 warnings\n", "note: 'STATUS' is read\n")
    assert segbatch.preview("contacts.parquet", "active").notes == (NOTE,)
    assert segbatch.explain("contacts.parquet", "active", "a").notes == (NOTE,)
    assert segbatch.funnel("contacts.parquet", "active").notes == (NOTE,)
    linted = segbatch.lint(contacts="contacts.parquet")
    assert (linted.notes, linted.warnings, linted.findings) == ((NOTE,), (), ())


def test_strict_makes_only_warnings_errors() -> None:
    warning = replace(NOTE, severity="warning")
    assert (NOTE.as_error().severity, warning.as_error().severity) == ("note", "error")
