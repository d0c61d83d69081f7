"""The program `segbatch`, also run by `python -m segbatch`."""

import atexit
import gc
import io
import os
import sys
from typing import TYPE_CHECKING, TextIO

from segbatch.platform.garbage import FEW_SEARCHES
from segbatch.platform.shutdown import handle_signals, ignore_signals
from segbatch.platform.version import __version__

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_STDERR = 2


def program() -> None:
    """Run the command line as the whole process, and end the process without Python's finalization.

    Finalization frees all modules and objects one by one, which takes a sixth of the CPU time of a small run. Exit
    handlers are called in reverse order, so the one registered here is called after those of the command, and after
    Python has waited for threads.
    """
    status: int | None = None

    def end() -> None:
        if status is not None:  # None after an error whose traceback is printed
            _flush_stdout()
            sys.stderr.flush()
            os._exit(status)

    atexit.register(end)
    try:
        main()
    except SystemExit as error:
        if error.code is None or isinstance(error.code, int):
            status = error.code or 0
        raise
    status = 0


def main() -> None:
    """Run the command line.

    Signals are handled from the start, while the other modules are still loading.
    """
    _ensure_stderr()
    sys.stderr = _lenient(sys.stderr)
    handle_signals()
    gc.set_threshold(FEW_SEARCHES)
    if sys.argv[1:] == ["--version"] and _print_version():
        return
    from segbatch.interfaces.cli import main as run_command  # noqa: PLC0415 - slow to import

    try:
        run_command()
    finally:
        ignore_signals()
        _flush_stdout()


def _print_version() -> bool:
    """Print the version without loading the commands, which takes ten times as long as all else.

    Returns:
        Whether it is printed. The command line reports the error if it cannot be.
    """
    try:
        print(f"segbatch {__version__}", flush=True)  # noqa: T201 - needs no console
    except OSError:
        return False
    return sys.stdout is not None


class _Lenient(io.FileIO):
    """A file that never fails to write. Output is lost if the disk is full or the reader has gone."""

    def write(self, data: "ReadableBuffer", /) -> int:
        """Write as much as possible and report everything as written."""
        whole = memoryview(data).nbytes
        try:
            written = super().write(data)
        except OSError:
            return whole
        return whole if written is None else written


def _lenient(stderr: TextIO) -> TextIO:
    """Return a stream to stderr that never fails.

    Otherwise Python would exit with status 120 after an error, for any result of the command.
    """
    file = io.BufferedWriter(_Lenient(_STDERR, "w", closefd=False))
    return io.TextIOWrapper(file, stderr.encoding, "backslashreplace", line_buffering=True)


def _flush_stdout() -> None:
    """Flush stdout. Discard the rest on an error, which has already been reported."""
    if sys.stdout is None:  # stdout is closed
        return
    try:
        sys.stdout.flush()
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())


def _ensure_stderr() -> None:
    """Redirect stderr to the null device if it is closed.

    Otherwise messages would go to the next file that is opened.
    """
    if sys.stderr is None:  # Python's value for a closed stderr
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, _STDERR)
        sys.stderr = open(_STDERR, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - open until the program ends


if __name__ == "__main__":
    program()
