"""A standalone program that waits for another process to end, and then runs a hook command.

It reads lines of JSON from standard input. Each line replaces the one before: `null`, or the command with its input.
The program imports nothing from segbatch. It is therefore small, and survives when segbatch is killed.
"""

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from typing import IO, Any

TOO_LATE = 124
"""The exit status if the command timed out, as that of the program `timeout`."""

_STDERR = 2
_GRACE = 2.0
"""Seconds that a command gets to end after SIGTERM."""

NOT_FOR_HOOKS = ("SEGBATCH_ON_SUCCESS", "SEGBATCH_ON_FAILURE")
"""Variables that hooks do not get. A hook that runs segbatch would otherwise trigger itself endlessly."""


def main(lines: IO[bytes]) -> int:
    """Read all lines, run the command of the last one, and return its exit status."""
    request = None
    for line in lines:
        if line.strip() and line.endswith(b"\n"):
            with suppress(ValueError):
                request = json.loads(line)
    return run_hook(request) if request else 0


def run_hook(request: dict[str, Any]) -> int:
    """Run a command.

    Args:
        request: The `command`, a shell command line; `environment`, additional variables; `report`, JSON data for its
            standard input; and `timeout` in seconds.

    Returns:
        The exit status of the command; 128 plus the number of the signal that ended it; or `TOO_LATE`.
    """
    environment = {name: value for name, value in os.environ.items() if name not in NOT_FOR_HOOKS}
    process = subprocess.Popen(  # noqa: S603 - the command is set by the user
        ["/bin/sh", "-c", request["command"]],
        stdin=subprocess.PIPE,
        stdout=_STDERR,
        env=environment | request["environment"],
        process_group=0,
    )
    try:
        process.communicate(json.dumps(request["report"]).encode() + b"\n", request["timeout"])
    except subprocess.TimeoutExpired:
        end_command(process)
        return TOO_LATE
    return process.returncode if process.returncode >= 0 else 128 - process.returncode


def end_command(process: subprocess.Popen[bytes]) -> None:
    """End a command and all processes that it started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE)
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


if __name__ == "__main__":
    sys.exit(main(sys.stdin.buffer))
