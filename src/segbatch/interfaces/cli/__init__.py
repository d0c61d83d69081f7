"""The command line. A command reads its options, calls one function and prints the result."""

import io
import sys
from collections.abc import Iterable, Sequence
from copy import copy
from importlib import import_module

from typer import Typer
from typer.models import CommandInfo

from segbatch.errors import SegbatchError
from segbatch.interfaces.cli.app import SQL_VIEWS, app, called_command
from segbatch.interfaces.cli.render.base import print_error, stdout_guard
from segbatch.interfaces.cli.settings_defaults import configure

COMMANDS = {
    "authoring": ("check", "lint", "preview", "explain", "columns", "lists"),
    "config": ("init", "config"),
    "databases": ("snapshot", "sync"),
    "deliver": ("deliver",),
    "export": ("export",),
    "keys": ("keys",),
    "report": ("report",),
    "run": ("run",),
    "runs": ("diff", "verify", "query", "relink", "runs"),
    "segments": ("schema", "segments"),
    "serve": ("serve",),
    "sql": ("sql", SQL_VIEWS),
}
"""The modules of this package with commands, and the commands and groups in each, in the order of the help."""

_ORDER = [name for names in COMMANDS.values() for name in names]


def main() -> None:
    """Run the command line."""
    if sys.stdout is None:  # Python's value for a closed stdout
        print_error("stdout is closed, so no result can be printed; redirect it to a file or to /dev/null")
        sys.exit(1)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a name that the terminal cannot show must not end a run
    try:
        with stdout_guard():  # for output outside of commands, such as help
            application(sys.argv[1:])()
    except SegbatchError as error:
        print_error(str(error))
        sys.exit(error.exit_code)


def application(arguments: Sequence[str]) -> Typer:
    """Return the application with the called command or group alone, or with all if the arguments call none.

    The other commands are not even imported. Building all commands with their options takes ten times as long as one.
    """
    called = called_command(arguments)
    module = next((module for module, names in COMMANDS.items() if called in names), None)
    if module is None:
        return every_command()
    _load([module])
    alone = copy(app)
    alone.registered_commands = [one for one in app.registered_commands if _name(one) == called]
    alone.registered_groups = [one for one in app.registered_groups if one.name == called]
    return alone


def every_command() -> Typer:
    """Return the application with all commands, in the order of the help."""
    _load(COMMANDS)
    app.registered_commands.sort(key=lambda one: _ORDER.index(_name(one)))
    app.registered_groups.sort(key=lambda one: _ORDER.index(str(one.name)))
    return app


def _load(modules: Iterable[str]) -> None:
    """Import modules, which adds their commands to the application."""
    for module in modules:
        import_module(f"{__name__}.{module}")
    configure(app)


def _name(command: CommandInfo) -> str:
    return command.name or str(getattr(command.callback, "__name__", ""))
