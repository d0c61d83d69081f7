"""The command line. A command reads its options, calls one function and prints the result."""

import io
import sys
from collections.abc import Sequence
from copy import copy

from typer import Typer

from segbatch.errors import SegbatchError
from segbatch.interfaces.cli import (
    authoring,
    config,
    databases,
    deliver,
    export,
    keys,
    report,
    run,
    runs,
    segments,
    serve,
    sql,
)
from segbatch.interfaces.cli.app import app, called_command
from segbatch.interfaces.cli.render.base import print_error, stdout_guard
from segbatch.interfaces.cli.settings_defaults import configure

__all__ = [
    "app",
    "authoring",
    "config",
    "databases",
    "deliver",
    "export",
    "keys",
    "main",
    "report",
    "run",
    "runs",
    "segments",
    "serve",
    "sql",
]

configure(app)


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

    Typer builds all of its commands with their options, which takes ten times as long as one.
    """
    called = called_command(arguments)
    alone = copy(app)
    alone.registered_commands = [
        one for one in app.registered_commands if called == (one.name or getattr(one.callback, "__name__", None))
    ]
    alone.registered_groups = [one for one in app.registered_groups if called == one.name]
    return alone if len(alone.registered_commands) + len(alone.registered_groups) == 1 else app
