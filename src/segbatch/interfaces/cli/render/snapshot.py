"""Output of the command that writes snapshots."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from segbatch.interfaces.cli.render.bar import Bar
from segbatch.interfaces.cli.render.base import err, escape, out, print_json, stdout_guard
from segbatch.text import counted

if TYPE_CHECKING:
    from segbatch.snapshot.database.write import WrittenSnapshot


@contextmanager
def show_row_count() -> Iterator[Callable[[int], None]]:
    """Show the number of rows on stderr if that is a terminal.

    Yields:
        A function to call with the number of rows that are done.
    """
    console = err()
    bar = Bar("rows", console, is_shown=console.is_terminal)
    bar.start()
    try:
        yield lambda rows: bar.update(rows, None)
    finally:
        bar.stop()


@stdout_guard("the snapshot is written, but ")
def print_snapshot(written: "WrittenSnapshot", *, as_json: bool) -> None:
    """Print the result of a snapshot to stdout, in one line or as JSON."""
    source = written.source
    if as_json:
        file = {"file": written.file, "size": written.size, "sha256": written.sha256}
        print_json(file | source.model_dump(mode="json"))
        return
    out().print(escape(f"{counted(source.rows, 'row')} of {source.address} in {written.file}"), soft_wrap=True)
