"""Runs the program in forks of one process that has loaded all modules, each with an injected fault (see `injector.c`).

It reads commands as lines of JSON from standard input, and prints one line for each: the exit status (negative for a
signal) and the number of operations. The injector must be preloaded.
"""

import ctypes
import importlib
import json
import os
import pkgutil
import signal
import sys
import time
import traceback
from pathlib import Path
from typing import Any

import segbatch
from requests_in_process import ask

LONGEST = 60.0
"""The maximum number of seconds of a command."""

LEFT_OUT = ("segbatch.airflow", "segbatch.__main__", "segbatch.observability.hook_runner")


def load() -> None:
    """Load all modules of the program, so that forks need not load them."""
    for module in pkgutil.walk_packages(segbatch.__path__, "segbatch."):
        if not module.name.startswith(LEFT_OUT):
            try:
                importlib.import_module(module.name)
            except ImportError:  # a module of an extra that is not installed
                continue


def run(order: dict[str, Any]) -> None:
    """Run the program in this process, and exit."""
    os.chdir(order["folder"])
    for descriptor, name in ((0, os.devnull), (1, order["out"]), (2, order["err"])):
        flags = os.O_RDONLY if descriptor == 0 else os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        os.dup2(os.open(name, flags, 0o600), descriptor)
    log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    sys.argv = ["segbatch", *order["arguments"]]
    injector = ctypes.CDLL(None)
    from segbatch.__main__ import main  # noqa: PLC0415 - reads the streams

    status = 1
    below = os.fsencode(order["below"])
    injector.inject_from(
        below, ctypes.c_long(order["first"]), ctypes.c_long(order["last"]), order["failure"], order["kinds"], log
    )
    try:
        if order["arguments"][0] == "api":
            ask(*order["arguments"][1:])
        else:
            main()
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001 - as Python itself does
        traceback.print_exc()
    injector.inject_stop()
    Path(order["count"]).write_text(str(injector.inject_count()))
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def wait(child: int) -> int | None:
    """Return the exit status of a fork, or None after a timeout."""
    until = time.monotonic() + LONGEST
    while time.monotonic() < until:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.005)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


def main() -> None:
    load()
    for line in sys.stdin:
        order = json.loads(line)
        Path(order["count"]).unlink(missing_ok=True)
        child = os.fork()
        if not child:
            run(order)
        print(json.dumps(wait(child)), flush=True)  # noqa: T201 - the result


main()
