"""`python -m segbatch`, and the program `segbatch`."""

import io
import os
import sys
from typing import TYPE_CHECKING, TextIO

from segbatch.platform import signals

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

__all__ = ["main"]

_STDERR = 2


def main() -> None:
    """Run the command line; a signal ends it from the first moment on, while everything else is still loaded."""
    _ensure_stderr()
    sys.stderr = _lenient(sys.stderr)
    signals.watch()
    from segbatch.interfaces import cli  # noqa: PLC0415 - takes a moment

    try:
        cli.main()
    finally:
        signals.too_late()
        _flush_stdout()


class _Lenient(io.FileIO):
    """A file that takes everything; what cannot be written, on a full disk or to a reader that is gone, is lost."""

    def write(self, data: "ReadableBuffer", /) -> int:
        """Write as much as can be."""
        whole = memoryview(data).nbytes
        try:
            written = super().write(data)
        except OSError:
            return whole
        return whole if written is None else written


def _lenient(stderr: TextIO) -> TextIO:
    """Return what writes to stderr and never fails: else Python ends with status 120, whatever the command did."""
    file = io.BufferedWriter(_Lenient(_STDERR, "w", closefd=False))
    return io.TextIOWrapper(file, stderr.encoding, "backslashreplace", line_buffering=True)


def _flush_stdout() -> None:
    """Write what is left for stdout, or let it go, since it is told already that it cannot be written."""
    if sys.stdout is None:  # it is closed
        return
    try:
        sys.stdout.flush()
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())


def _ensure_stderr() -> None:
    """Where stderr is closed, let what is said there go nowhere, and not into the next file that is opened."""
    if sys.stderr is None:  # so Python has it then
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, _STDERR)
        sys.stderr = open(_STDERR, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - to the end


if __name__ == "__main__":
    main()
