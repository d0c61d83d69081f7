"""Every option that is a setting, of every command, from every source: the strongest source sets the value."""

from __future__ import annotations

import json
from itertools import chain, combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import typer

from segbatch.config.env_vars import variable
from segbatch.config.model import Environment, Job
from segbatch.interfaces import cli
from segbatch.interfaces.cli.settings_defaults import settings_of

pytestmark = pytest.mark.slow

if TYPE_CHECKING:
    from collections.abc import Iterator

SOURCES = ("top", "job", "environment", "option")
"""From the weakest to the strongest."""

OF_A_NUMBER = {"keep": 10, "keep_days": 20, "max_change_floor": 30, "serve_port": 40, "hook_timeout": 50, "buckets": 60}
OF_ONE_RUN = Environment.model_fields.keys() - Job.model_fields.keys()


def commands(words: tuple[str, ...], command: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
    below = getattr(command, "commands", {})
    if settings_of(command):
        yield words, command
    for name, other in below.items():
        yield from commands((*words, name), other)


COMMANDS = {" ".join(words): command for words, command in commands((), typer.main.get_command(cli.every_command()))}
ALL = [
    (words, param.name, settings_of(command)[param.name])
    for words, command in COMMANDS.items()
    for param in command.params
    if param.name in settings_of(command)
]


def value_from(setting: str, source: str, *, strongest: str) -> Any:
    """Return a value that differs for each source; a boolean or format differs only for the strongest source."""
    if setting in OF_A_NUMBER:
        return OF_A_NUMBER[setting] + SOURCES.index(source)
    if Environment.model_fields[setting].annotation == bool | None:
        return source == strongest
    if setting == "log_format":
        return "json" if source == strongest else "plain"
    if setting == "engine":
        return "spark" if source == strongest else "local"
    if setting == "spark_remote":
        return f"sc://{source}:15002"
    if setting == "max_change":
        return f"{SOURCES.index(source) + 1}%"
    return f"{source}-of-{setting}" if setting != "tables" else f"orders={source}-of-{setting}"


def toml(setting: str, value: Any) -> str:
    if setting == "tables":
        name, _, path = value.partition("=")
        return f"tables = {{ {name} = {{ path = {json.dumps(path)} }} }}\n"
    values = [value] if setting in {"exclude", "lint_ignore", "only_segments", "only_tags", "only_owners"} else value
    return f"{setting} = {json.dumps(values)}\n"


def arguments(command: Any, but: str) -> list[str]:
    """Return the required arguments of a command, except one option."""
    words = list[str]()
    for param in command.params:
        if param.required and param.name != but:
            words += ["x"] if param.param_type_name == "argument" else [param.opts[0], "5"]
    return words


def flag(param: Any, value: Any) -> list[str]:
    if not param.is_flag:
        return [param.opts[0], str(value)]
    return [param.opts[0] if value else param.secondary_opts[0]]


def test_all_settings_are_tested() -> None:
    assert {setting for _, _, setting in ALL} == set(Environment.model_fields)


@pytest.mark.parametrize(("words", "name", "setting"), ALL)
def test_the_strongest_source_sets_the_value(
    words: str, name: str, setting: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    command = COMMANDS[words]
    param = next(param for param in command.params if param.name == name)
    possible = [source for source in SOURCES if setting not in OF_ONE_RUN or source not in {"top", "job"}]
    for chosen in chain.from_iterable(combinations(possible, size) for size in range(1, len(possible) + 1)):
        values = {source: value_from(setting, source, strongest=chosen[-1]) for source in chosen}
        top = toml(setting, values["top"]) if "top" in values else ""
        job = toml(setting, values["job"]) if "job" in values else ""
        Path("segbatch.toml").write_text(f"{top}[jobs.nightly]\n{job}")
        monkeypatch.delenv(variable(setting), raising=False)
        if "environment" in values:
            monkeypatch.setenv(variable(setting), json.dumps(values["environment"]).strip('"'))
        given = flag(param, values["option"]) if "option" in values else []
        context = command.make_context(words, [*arguments(command, name), *given, "--job", "nightly"])
        found = context.params[name]
        expected = values[chosen[-1]]
        assert list(found) == [expected] if param.multiple else str(found) == str(type(found)(expected)), chosen


@pytest.mark.parametrize(("words", "name", "setting"), ALL)
def test_an_empty_variable_is_ignored(
    words: str, name: str, setting: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(variable(setting), "")
    command = COMMANDS[words]
    param = next(param for param in command.params if param.name == name)
    if not param.required:
        found = command.make_context(words, arguments(command, "")).params[name]
        assert not found if param.multiple else str(found) == str(param.default)


def test_the_help_does_not_depend_on_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    helps = []
    for text in ("", 'output = "elsewhere"', "broken"):
        Path("segbatch.toml").write_text(text)
        with pytest.raises(SystemExit) as end:
            cli.every_command()(["run", "--help-all"])
        assert end.value.code == 0
        helps.append(capsys.readouterr().out)
    assert helps[0] == helps[1] == helps[2]
    assert "SEGBATCH_OUTPUT" in helps[0]
    assert "elsewhere" not in helps[0]


@pytest.mark.parametrize("command", ["run", "runs", "runs show"])
def test_completion_does_not_read_the_file(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("segbatch.toml").write_text("broken")
    for name, value in {
        "_SEGBATCH_COMPLETE": "complete_bash",
        "COMP_WORDS": f"segbatch {command} --outp",
        "COMP_CWORD": str(len(command.split()) + 1),
    }.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit):
        cli.every_command()(prog_name="segbatch")
    out, err = capsys.readouterr()
    assert (out.strip(), err) == ("--output", "")
