"""A program of its own: it waits for another to end, and runs a command then.

On standard input come lines of JSON, each instead of the one before it: `null`, or the command and what to tell it. It
needs nothing of segbatch, so that it is small, and outlives what kills that.
"""

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from typing import IO, Any

__all__ = ["TOO_LATE", "main", "run_hook"]

TOO_LATE = 124
"""What it ends with where the command was not done in time, as the program `timeout` does."""

_STDERR = 2
_GRACE = 2.0
"""So many seconds a command has to end after SIGTERM."""

_NOT_FOR_HOOKS = ("SEGBATCH_ON_SUCCESS", "SEGBATCH_ON_FAILURE")
"""A hook that runs segbatch would be run by that again, and so on."""


def main(lines: IO[bytes]) -> int:
    """Read until there is no more, and run what was said last; return its exit status."""
    told = None
    for line in lines:
        if line.strip() and line.endswith(b"\n"):
            with suppress(ValueError):
                told = json.loads(line)
    return run_hook(told) if told else 0


def run_hook(told: dict[str, Any]) -> int:
    """Run a command.

    Args:
        told: The `command`, a line for the shell; `environment`, what to add to its environment; `report`, what to
            give it on standard input, as JSON; and its `timeout` in seconds.

    Returns:
        Its exit status; 128 and the number of the signal that ended it; or `TOO_LATE`.
    """
    environment = {name: value for name, value in os.environ.items() if name not in _NOT_FOR_HOOKS}
    process = subprocess.Popen(  # noqa: S603 - the user said to run it
        ["/bin/sh", "-c", told["command"]],
        stdin=subprocess.PIPE,
        stdout=_STDERR,
        env=environment | told["environment"],
        process_group=0,
    )
    try:
        process.communicate(json.dumps(told["report"]).encode() + b"\n", told["timeout"])
    except subprocess.TimeoutExpired:
        _end(process)
        return TOO_LATE
    return process.returncode if process.returncode >= 0 else 128 - process.returncode


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a command and all that it started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE)
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


if __name__ == "__main__":
    sys.exit(main(sys.stdin.buffer))
