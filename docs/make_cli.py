"""Write docs/cli.md, with every command and every option, and the table of settings in docs/configuration.md.

Both are taken from the program itself (`make docs`).
"""

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import typer

from segbatch.config.model import Job
from segbatch.interfaces import cli
from segbatch.interfaces.cli.settings_defaults import settings_of

__all__ = ["make_configuration", "make_page"]

PAGE = Path(__file__).with_name("cli.md")
CONFIGURATION = Path(__file__).with_name("configuration.md")
PROGRAM = "segbatch"

HEAD = """\
# Command line

Every command and every option. `make docs` writes this page from the program, and a test fails when it is out of date;
`segbatch COMMAND --help` shows the same on a terminal."""

BOLD = re.compile(r"\[bold\](.*?)\[/bold\]")
COLUMNS = ("option", "what it does", "default", "environment")

SETTINGS = re.compile(r"(?<=<!-- made by `make docs` -->\n\n).*?(?=\n\n)", re.DOTALL)
TYPES = {
    "path": "path",
    "string": "text",
    "boolean": "true or false",
    "integer": "whole number",
    "number": "number",
    "array": "list of texts",
    "object": "tables",
}


def make_page() -> str:
    """Return the page as it should be."""
    program = typer.main.get_command(cli.every_command())
    sections = (_section(words, command) for words, command in _commands((PROGRAM,), program))
    return "\n\n".join((HEAD, *sections)) + "\n"


def _commands(words: tuple[str, ...], command: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Walk through a command and those below it, in the order of the help."""
    yield words, command
    for name, below in getattr(command, "commands", {}).items():
        if not below.hidden:
            yield from _commands((*words, name), below)


def _section(words: tuple[str, ...], command: Any) -> str:
    """Describe a command: its purpose, its usage, and a table of its arguments and options."""
    params = [param for param in command.params if not param.hidden]
    arguments = [param for param in params if param.param_type_name == "argument"]
    options = [param for param in params if param.param_type_name == "option"]
    below = [_link((*words, name)) for name, other in getattr(command, "commands", {}).items() if not other.hidden]
    parts = [
        f"## {' '.join(words)}",
        f"`{_usage(words, arguments, options, has_commands=bool(below))}`",
        BOLD.sub(r"`\1`", command.help or ""),
        f"Commands: {', '.join(below)}." if below else "",
        _table(("argument", *COLUMNS[1:3]), arguments),
        _table(COLUMNS, options),
        command.epilog or "",
    ]
    return "\n\n".join(part for part in parts if part)


def _link(words: tuple[str, ...]) -> str:
    """Name a command, with a link to its section as GitHub makes its anchor."""
    return f"[{words[-1]}](#{'-'.join(words)})"


def _usage(words: tuple[str, ...], arguments: list[Any], options: list[Any], *, has_commands: bool) -> str:
    """Return the usage of a command, with its required arguments."""
    needed = [f"{option.opts[0]} {_metavar(option)}" for option in options if option.required]
    named = [_metavar(argument) if argument.required else f"[{_metavar(argument)}]" for argument in arguments]
    optional = ["[OPTIONS]"] if len(needed) < len(options) else []
    return " ".join([*words, *named, *needed, *optional, *(["COMMAND"] if has_commands else [])])


def _table(columns: tuple[str, ...], params: list[Any]) -> str:
    """List parameters, a line each."""
    if not params:
        return ""
    rows = [(_name(param), _help(param), _default(param), _variable(param))[: len(columns)] for param in params]
    return _lines(columns, rows)


def _lines(columns: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """Write a table."""
    lines = [columns, tuple("---" for _ in columns), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)


def _name(param: Any) -> str:
    """Write a parameter as it is typed."""
    if param.param_type_name == "argument":
        return f"`{_metavar(param)}`"
    value = "" if param.is_flag else f" {_metavar(param)}"
    return ", ".join(f"`{name}{value}`" for name in (*param.opts, *param.secondary_opts))


def _metavar(param: Any) -> str:
    """Return the placeholder of the value."""
    return str(param.metavar or param.name.upper())


def _help(param: Any) -> str:
    """Return the help of a parameter, with the range of its numbers."""
    least = getattr(param, "min", None)
    return BOLD.sub(r"`\1`", param.help or "") + ("" if least is None else f" At least {least}.")


def _default(param: Any) -> str:
    """Return the default."""
    if param.required:
        return "required"
    if isinstance(param.show_default, str):
        return param.show_default
    return "" if param.default is None or getattr(param, "is_flag", False) else f"`{param.default}`"


def _variable(param: Any) -> str:
    """Return the environment variable."""
    return f"`{param.envvar}`" if param.envvar else ""


def make_configuration(page: str) -> str:
    """Return docs/configuration.md with its table of settings as it should be.

    Args:
        page: The page as it is.
    """
    defaults = dict[str, Any]()
    for _, command in _commands((PROGRAM,), typer.main.get_command(cli.every_command())):
        names = settings_of(command)
        found = {names[param.name]: param.default for param in command.params if param.name in names}
        defaults |= {name: default for name, default in found.items() if default is not None}
    rows = [
        (f"`{name}`", _type(schema["anyOf"][0]), _value(defaults.get(name)), schema["description"])
        for name, schema in Job.model_json_schema()["properties"].items()
    ]
    return SETTINGS.sub(lambda _: _lines(("setting", "type", "default", "meaning"), rows), page)


def _type(schema: dict[str, Any]) -> str:
    return TYPES[schema.get("format", schema["type"])]


def _value(default: Any) -> str:
    """Write a default as the file would have it."""
    return "" if default is None else f"`{json.dumps(default, default=str)}`"


if __name__ == "__main__":
    PAGE.write_text(make_page(), encoding="utf-8")
    CONFIGURATION.write_text(make_configuration(CONFIGURATION.read_text(encoding="utf-8")), encoding="utf-8")
