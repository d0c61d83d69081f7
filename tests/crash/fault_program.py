"""The program with an injected fault, in forks of one process (see `forking.py`)."""

import errno
import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

SERVER = Path(__file__).with_name("forking.py")
WRITES, READS, LOOKS = 1, 2, 4
EVER = 1 << 40


@dataclass(frozen=True)
class Fault:
    """A fault of a file operation.

    Attributes:
        failure: An errno, or a negative signal number.
        kinds: The operations that it applies to.
        is_lasting: Whether all later operations fail too.
    """

    failure: int
    kinds: int
    is_lasting: bool = False

    def __str__(self) -> str:
        name = signal.Signals(-self.failure).name if self.failure < 0 else errno.errorcode[self.failure]
        return f"{name}{' for ever' if self.is_lasting else ''}"


FAULTS = [
    Fault(errno.EIO, WRITES | READS | LOOKS),
    Fault(errno.EIO, READS),
    Fault(errno.EIO, WRITES | READS | LOOKS, is_lasting=True),
    Fault(errno.EACCES, READS | LOOKS),
    Fault(errno.ENOSPC, WRITES),
    Fault(errno.ENOSPC, WRITES, is_lasting=True),
    Fault(errno.EROFS, WRITES, is_lasting=True),
    Fault(-signal.SIGKILL, WRITES | READS),
    Fault(-signal.SIGTERM, WRITES | READS),
    Fault(-signal.SIGINT, WRITES | READS),
]


@dataclass
class Ended:
    """How a command ended."""

    status: int | None
    out: str
    err: str
    operations: list[int]
    hit: str

    def __str__(self) -> str:
        return f"status {self.status}, hit {self.hit}\n{self.out}\n{self.err}"


class Program:
    """The program, in forks of another process."""

    def __init__(self, library: Path, work: Path, notes: Path) -> None:
        self.work, self._notes = work, notes
        environment = {name: value for name, value in os.environ.items() if not name.startswith("SEGBATCH_")}
        self._server = subprocess.Popen(
            [sys.executable, str(SERVER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment | {"LD_PRELOAD": str(library), "COVERAGE_PROCESS_START": ""},
        )

    def run(self, arguments: list[str], fault: Fault | None = None, at: int = 0, below: str = "") -> Ended:
        """Run a command with a fault at an operation in a folder; without a fault, only count operations."""
        names = {name: str(self._notes / name) for name in ("out", "err", "log", "count")}
        order = {
            "folder": str(self.work),
            "below": str(self.work / below),
            "arguments": arguments,
            "first": at or EVER,
            "last": EVER if fault and fault.is_lasting else at,
            "failure": fault.failure if fault else 0,
            "kinds": fault.kinds if fault else WRITES | READS | LOOKS,
            **names,
        }
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.write(json.dumps(order) + "\n")
        self._server.stdin.flush()
        status = json.loads(self._server.stdout.readline())
        out, err, log = ((self._notes / name).read_text(errors="replace") for name in ("out", "err", "log"))
        lines = log.splitlines()
        hit = next((line for line in lines if " ! " in line), "nothing")
        return Ended(status, out, err, [int(line.partition(" ")[0]) for line in lines], hit)

    def close(self) -> None:
        self._server.communicate()
