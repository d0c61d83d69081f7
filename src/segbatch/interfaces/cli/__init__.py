"""The command line. A command reads its options, calls one function and prints the result."""

import io
import sys

from segbatch.errors import SegbatchError
from segbatch.interfaces.cli import authoring, config, export, keys, render, run, runs, segments, serve
from segbatch.interfaces.cli.app import app
from segbatch.interfaces.cli.settings_defaults import configure

__all__ = ["app", "authoring", "config", "export", "keys", "main", "run", "runs", "segments", "serve"]

configure(app)


def main() -> None:
    """Run the command line."""
    if sys.stdout is None:  # Python's value for a closed stdout
        render.print_error("stdout is closed, so no result can be printed; redirect it to a file or to /dev/null")
        sys.exit(1)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a name that the terminal cannot show must not end a run
    try:
        with render.stdout_guard():  # for output outside of commands, such as help
            app()
    except SegbatchError as error:
        render.print_error(str(error))
        sys.exit(error.exit_code)
