"""`python -m segbatch`, and the program `segbatch`."""

from segbatch import signals

__all__ = ["main"]


def main() -> None:
    """Run the command line; a signal ends it from the first moment on, while everything else is still loaded."""
    signals.watch()
    from segbatch import cli  # noqa: PLC0415 - takes a moment

    try:
        cli.main()
    finally:
        signals.too_late()


if __name__ == "__main__":
    main()
