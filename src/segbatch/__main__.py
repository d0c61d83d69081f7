"""`python -m segbatch`, and the program `segbatch`."""

import os
import sys

from segbatch import signals

__all__ = ["main"]

_STDERR = 2


def main() -> None:
    """Run the command line; a signal ends it from the first moment on, while everything else is still loaded."""
    _ensure_stderr()
    signals.watch()
    from segbatch import cli  # noqa: PLC0415 - takes a moment

    try:
        cli.main()
    finally:
        signals.too_late()


def _ensure_stderr() -> None:
    """Where stderr is closed, let what is said there go nowhere, and not into the next file that is opened."""
    if sys.stderr is None:  # so Python has it then
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, _STDERR)
        sys.stderr = open(_STDERR, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - to the end


if __name__ == "__main__":
    main()
