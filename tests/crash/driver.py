"""Run segbatch once in a process that is killed, from outside or by itself before a file operation.

The arguments are the options of the run as JSON, and the number of the operation to die before; 0 for none.
"""

import json
import os
import signal
import sys
import threading
import time
from typing import Any

import segbatch
import segbatch.pipeline.run  # so that all modules are loaded before the run

STEPS = {"open", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.truncate"}


class Killer:
    """Counts file operations in a folder, and kills the process before one of them."""

    def __init__(self, folder: str, kill_at: int) -> None:
        self.folder, self.kill_at, self.steps = folder, kill_at, 0
        self.is_watching = False
        self._counting = threading.Lock()

    def hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.is_watching and event in STEPS and self._is_ours(arguments[0]) and not _is_reading(event, arguments):
            self.step()

    def _is_ours(self, path: object) -> bool:
        """Return whether a path is in the folder; paths from `rmtree` are relative to a folder that it has open."""
        text = os.fsdecode(path) if isinstance(path, str | bytes | os.PathLike) else "/"
        return not text.startswith("/") or text.startswith(self.folder)

    def step(self) -> None:
        with self._counting:  # files are flushed by several threads
            self.steps += 1
            if self.steps == self.kill_at:
                os.kill(os.getpid(), signal.SIGKILL)


def _is_reading(event: str, arguments: tuple[Any, ...]) -> bool:
    return event == "open" and not (arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))


def main() -> None:
    options = json.loads(sys.argv[1])
    keep = segbatch.Keep(2, options.pop("keep_days"))
    killer = Killer(options["output"], int(sys.argv[2]))
    fsync = os.fsync

    def counted_fsync(descriptor: int) -> None:
        killer.step()
        fsync(descriptor)

    os.fsync = counted_fsync  # type: ignore[assignment]
    sys.addaudithook(killer.hear)
    print("ready", flush=True)  # noqa: T201 - the test waits for it
    begun = time.monotonic()
    killer.is_watching = True
    segbatch.run(**options, keep=keep)
    killer.is_watching = False
    print(killer.steps, time.monotonic() - begun)  # noqa: T201


main()
