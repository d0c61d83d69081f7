"""Help that fits on two screens, and the aliases of commands."""

import json
from pathlib import Path

import pytest

from builders import rule, write_contacts, write_segment
from calling import Commands
from segbatch.config.env_vars import variable
from segbatch.config.model import Environment
from segbatch.interfaces.cli.render.base import print_error

NOT_OF_RUN = {"dialect", "keys", "serve_host", "serve_port"}
"""Settings of other commands."""


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Commands:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    return Commands(monkeypatch, capsys)


def test_the_help_of_a_run_fits_on_two_screens_and_is_grouped(call: Commands) -> None:
    assert call("run", "--help") == 0
    assert len(call.out.splitlines()) <= 100
    titles = [line.split()[1] for line in call.out.splitlines() if line.startswith("╭")]
    assert titles == ["Input", "Evaluation", "Guardrails", "Output", "Logging", "Configuration"]
    assert "SEGBATCH_" not in call.out
    assert "--no-wait" not in call.out


def test_help_all_shows_environment_variables_and_negative_options(call: Commands) -> None:
    assert call("run", "--help-all") == 0
    assert "SEGBATCH_OUTPUT" in call.out
    assert "--no-wait" in call.out


def test_runs_list_and_segments_show_are_aliases(call: Commands) -> None:
    write_segment(Path("segments"), "a", rule("id", "exists"))
    write_contacts(Path("contacts.parquet"), {"status": ["active"]})
    assert call("run", "--contacts", "contacts.parquet") == 0
    for alias, command in ((("runs", "list"), ("runs",)), (("segments", "show", "a"), ("segments", "get", "a"))):
        assert call(*alias, "--json") == 0
        shown = json.loads(call.out)
        assert call(*command, "--json") == 0
        assert json.loads(call.out) == shown


def test_errors_are_red_on_a_terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    print_error("a problem")
    assert capsys.readouterr().err == "error: a problem\n"
    monkeypatch.setenv("FORCE_COLOR", "1")
    print_error("a problem")
    assert capsys.readouterr().err == "\x1b[31merror:\x1b[0m a problem\n"


def test_help_all_does_not_cut_names_of_environment_variables(call: Commands) -> None:
    assert call("run", "--help-all") == 0
    assert "…" not in call.out
    names = {name for name in Environment.model_fields if name not in NOT_OF_RUN}
    assert {name for name in names if f"{variable(name)}]" not in call.out} == set()
    assert "[at least 2]" in call.out
