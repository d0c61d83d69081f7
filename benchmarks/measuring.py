"""One process at a time: how long it takes, what it computes, holds in memory, and writes.

This module and all that the benchmark itself imports is of the standard library: a child is born with its
parent's size as the least that the system says of its memory, so the parent stays small.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import resource
    from collections.abc import Sequence

HERE: Final = Path(__file__).resolve().parent
ROOT: Final = HERE.parent
SAMPLE_EVERY: Final = 0.02
MAXRSS_UNIT: Final = 1 if sys.platform == "darwin" else 1024
LAST_WORDS: Final = 600


@dataclass(frozen=True)
class Measured:
    """What one process took.

    Attributes:
        seconds: From its start to its end.
        user: Seconds of computing, of all its threads.
        system: Seconds that the system computed for it: first touch of memory, reading and writing files.
        peak: The most memory that it ever held, as the system counts it: pages of files that are mapped are in.
        own: The most that was its own, without pages of files; seen every 20 ms. None where there is no /proc.
        written: The bytes of the files that it left.
        error: Its last words, if it failed.
    """

    seconds: float
    user: float
    system: float
    peak: int
    own: int | None
    written: int = 0
    error: str | None = None

    @property
    def cpu(self) -> float:
        """Seconds of computing, by the process and for it."""
        return self.user + self.system

    def record(self) -> dict[str, Any]:
        """Return it as JSON data."""
        return asdict(self) | {"cpu": self.cpu}


def environment() -> dict[str, str]:
    """Return the environment of every child: this clone's segbatch, compiled once, and nothing that watches it."""
    left_out = ("COVERAGE", "COV_CORE", "PYTHONDONTWRITEBYTECODE")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
    return kept | {"PYTHONPATH": str(ROOT / "src"), "BENCH_STARTED": repr(time.time())}


class _Watch(threading.Thread):
    """Looks at the memory of a process, again and again."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._status = Path(f"/proc/{pid}/status")
        self._ended = threading.Event()
        self.own: int | None = None

    def run(self) -> None:
        while not self._ended.wait(SAMPLE_EVERY):
            try:
                lines = self._status.read_text(encoding="ascii", errors="replace").splitlines()
            except OSError:
                return
            own = next((int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon:")), None)
            if own is not None:
                self.own = max(own, self.own or 0)

    def end(self) -> int | None:
        self._ended.set()
        self.join()
        return self.own


def measure(command: Sequence[str], timeout: float) -> Measured:
    """Run a command to its end, alone, with the writes of those before it out of the way.

    Args:
        command: What to run.
        timeout: After so many seconds it is ended.
    """
    os.sync()
    with tempfile.TemporaryFile() as words:
        start = time.perf_counter()
        process = subprocess.Popen(command, stdout=words, stderr=words, env=environment())
        watch, bell = _Watch(process.pid), threading.Timer(timeout, process.kill)
        watch.start()
        bell.start()
        try:
            usage, status = _wait(process)
            seconds = time.perf_counter() - start
        finally:
            bell.cancel()
            own = watch.end()
        words.seek(0)
        said = words.read().decode(errors="replace").strip()[-LAST_WORDS:]
    error = None if status == 0 else f"exit status {status} after {seconds:.0f} s: {said}"
    peak = usage.ru_maxrss * MAXRSS_UNIT
    return Measured(seconds, usage.ru_utime, usage.ru_stime, peak, own, error=error)


def _wait(process: subprocess.Popen[bytes]) -> tuple[resource.struct_rusage, int]:
    """Wait for a process, and tell what it used: it alone, and not all children together."""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return usage, process.returncode


def script(name: str, *words: object, python: str = sys.executable) -> list[str]:
    """Return the command of a script of this folder."""
    return [python, str(HERE / name), *map(str, words)]


def ask(name: str, *words: object, python: str = sys.executable) -> str:
    """Run a script of this folder that is not measured, and return what it prints.

    Args:
        name: Its name.
        words: The rest of its command line.
        python: The Python to run it with.

    Raises:
        RuntimeError: It failed.
    """
    command = script(name, *words, python=python)
    done = subprocess.run(command, env=environment(), check=False, capture_output=True, text=True)
    if done.returncode:
        message = f"{name} failed: {done.stderr.strip()[-LAST_WORDS:]}"
        raise RuntimeError(message)
    return done.stdout


def size_of(place: Path) -> int:
    """Return the bytes of all files below a folder."""
    return sum(path.stat().st_size for path in place.rglob("*") if path.is_file())
