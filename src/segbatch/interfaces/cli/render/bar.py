"""Progress bars on a terminal. Rich's module for them takes 10 ms to load, so it is only loaded if a bar is shown."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from segbatch.interfaces.cli.render.base import err, out, print_waiting

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress


class Bar:
    """A bar for a number of contacts, rows or bytes. If it is not shown, its methods do nothing."""

    def __init__(self, what: str, console: "Console", *, is_shown: bool) -> None:
        """Create a bar.

        Args:
            what: The unit of the work.
        """
        self._bar = _make_bar(what, console) if is_shown else None

    def start(self) -> None:
        """Begin to show the bar."""
        if self._bar:
            self._bar.start()

    def update(self, done: int, total: int | None) -> None:
        """Show how much of the work is done. The total is None if it is not known."""
        if self._bar:
            self._bar.update(self._bar.task_ids[0], completed=done, total=total)

    def stop(self) -> None:
        """Remove the bar."""
        if self._bar:
            self._bar.stop()


def _make_bar(what: str, console: "Console") -> "Progress":
    from rich.progress import (  # noqa: PLC0415 - slow to import
        BarColumn,
        DownloadColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    count = DownloadColumn() if what == "bytes" else MofNCompleteColumn()
    bar = Progress(TextColumn(what), BarColumn(), count, TimeRemainingColumn(), console=console, transient=True)
    bar.add_task(what, total=None)
    return bar


@contextmanager
def opened(output: str, *, members: bool = True, must_exist: bool = True) -> Iterator[Path]:
    """Open an output for a command, see `open_output`. A copy that takes long is shown on a terminal."""
    from segbatch.storage.remote.open_output import open_output  # noqa: PLC0415 - loads DuckDB

    bar = Bar("bytes", err(), is_shown=err().is_terminal)

    def update(done: int, total: int) -> None:
        bar.start()
        bar.update(done, total)
        if done == total:
            bar.stop()

    try:
        with open_output(
            output, members=members, must_exist=must_exist, progress=update, on_wait=print_waiting
        ) as folder:
            yield folder
    finally:
        bar.stop()


@contextmanager
def show_progress(
    what: Literal["bytes", "rows"], *, answers_meanwhile: bool = False
) -> Iterator[Callable[[int, int], None]]:
    """Show progress on stderr if that is a terminal.

    Args:
        what: The unit of the work.
        answers_meanwhile: Whether stdout is written at the same time. If both are the terminal, progress is hidden.

    Yields:
        A function to call with the number of units that are done and the total.
    """
    console = err()
    is_hidden = not console.is_terminal or (answers_meanwhile and out().is_terminal)
    bar = Bar(what, console, is_shown=not is_hidden)
    bar.start()
    try:
        yield bar.update
    finally:
        bar.stop()
