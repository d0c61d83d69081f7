"""The command line: it reads options, calls one function, and shows its answer."""

import io
import sys

from segbatch import console
from segbatch.cli import authoring, config, exporting, keys, publishing, runs, segments, serving
from segbatch.cli.app import app
from segbatch.cli.configuring import configure
from segbatch.errors import SegbatchError

__all__ = ["app", "authoring", "config", "exporting", "keys", "main", "publishing", "runs", "segments", "serving"]

configure(app)


def main() -> None:
    """Run the command line."""
    if sys.stdout is None:  # so Python has it where it is closed
        console.print_error("stdout is closed, so that nothing can be answered; send it to a file or to /dev/null")
        sys.exit(1)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a name that the terminal cannot show ends no run
    try:
        with console.answering():  # what is printed outside of commands, such as help
            app()
    except SegbatchError as error:
        console.print_error(str(error))
        sys.exit(error.exit_code)
