"""docs/cli.md documents every command and every option of the program."""

import inspect
import re
import runpy
import typing
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.models import OptionInfo

from segbatch.interfaces import cli

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "cli.md").read_text()
SECTIONS = dict(re.findall(r"^## (.*?)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))


def callbacks(words: str, group: typer.Typer) -> Iterator[tuple[str, Callable[..., Any]]]:
    """Return every registered command with its function."""
    for command in group.registered_commands:
        assert command.callback
        yield f"{words} {command.name or command.callback.__name__.replace('_', '-')}", command.callback
    for below in group.registered_groups:
        assert below.typer_instance
        yield from callbacks(f"{words} {below.name}", below.typer_instance)
        if below.typer_instance.registered_callback and (function := below.typer_instance.registered_callback.callback):
            yield f"{words} {below.name}", function


COMMANDS = dict(callbacks("segbatch", cli.every_command()))


def option_names(function: Callable[..., Any]) -> Iterator[str]:
    """Return the names of the options of a function."""
    for parameter in inspect.signature(function, eval_str=True).parameters.values():
        for info in typing.get_args(parameter.annotation)[1:]:
            if isinstance(info, OptionInfo) and not info.hidden:
                named = [name for name in (info.default, *(info.param_decls or ())) if isinstance(name, str)]
                yield from [one for name in named for one in name.split("/")] or [
                    f"--{parameter.name.replace('_', '-')}"
                ]


def test_the_page_matches_the_generated_page() -> None:
    made = runpy.run_path(str(DOCS / "make_cli.py"))["make_page"]()
    assert made == PAGE, "run `make docs` and commit docs/cli.md"


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_has_a_section_with_all_of_its_options(command: str) -> None:
    for name in option_names(COMMANDS[command]):
        assert re.search(rf"^\| .*`{name}[ `]", SECTIONS[command], re.MULTILINE), name


def test_every_section_describes_an_existing_command() -> None:
    groups = {command.rsplit(" ", 1)[0] for command in COMMANDS}
    assert set(SECTIONS) == {*COMMANDS, *groups}


@pytest.mark.parametrize("command", SECTIONS)
def test_all_rows_of_a_table_have_the_same_number_of_cells(command: str) -> None:
    tables = re.findall(r"(?:^\|.*\n)+", SECTIONS[command] + "\n", re.MULTILINE)
    for table in tables:
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}) == 1, table


def test_the_page_does_not_depend_on_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert runpy.run_path(str(DOCS / "make_cli.py"))["make_page"]() == PAGE


def test_a_computed_default_is_shown_in_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.every_command()(["run", "--help-all"])
    assert "[default: now]" in capsys.readouterr().out
