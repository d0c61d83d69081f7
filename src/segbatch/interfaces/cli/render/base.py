"""Consoles, escaping, and output of problems and JSON, shared by all output."""

import json
import math
import os
import re
import shlex
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import IO

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.markup import escape as escape_markup
from rich.segment import Segment
from rich.table import Column, Table
from rich.text import Text

from segbatch.errors import Problem, SegbatchError, UsageError
from segbatch.platform.shutdown import shutdown
from segbatch.text import printable

_NO_FOLD = 10_000_000
_FIRST_PRINTABLE, _LAST_ASCII = 0x20, 0x7E
_LEAST_TEXT, _GAP = 24, 2
"""The width that a text gets before its column counts as too narrow. A generated run id has 24 characters."""

_PRINTERS = {"click", "rich", "typer"}

_SEVERITY_COLOUR = {"error": "red", "warning": "yellow", "note": "cyan"}


def escape(text: str) -> str:
    """Escape text from other sources for printing: no markup, control characters or undecodable bytes remain."""
    return escape_markup(printable(text))


def in_shell(path: str) -> str:
    r"""Quote a path for a shell. If stdout cannot show it, use `$'...'` with escaped bytes."""
    path = f"./{path}" if path.startswith("-") else path
    if path.isprintable() and _can_be_shown(path):
        return shlex.quote(path)
    return f"$'{''.join(map(_in_dollar_quotes, os.fsencode(path)))}'"


def _can_be_shown(text: str) -> bool:
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _in_dollar_quotes(byte: int) -> str:
    is_plain = _FIRST_PRINTABLE <= byte <= _LAST_ASCII and chr(byte) not in "\\'"
    return chr(byte) if is_plain else f"\\x{byte:02x}"


class _Console(Console):
    """A console that lets the command handle a closed pipe."""

    def on_broken_pipe(self) -> None:
        """Raise the error that Rich is handling again. Rich would exit with status 1."""
        raise  # noqa: PLE0704 - Rich calls this while it handles the error


def out() -> Console:
    """Return a console for stdout. It is as wide as the terminal; without a terminal, lines are never broken."""
    console = _Console(highlight=False, emoji=False)
    if not console.is_terminal:
        console.width = _NO_FOLD
    return console


class _Trimmed:
    """A table without trailing blanks, which would get in the way when lines are compared or pasted."""

    def __init__(self, table: RenderableType) -> None:
        self._table = table

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for line in console.render_lines(self._table, options, pad=False):
            yield from _trimmed(line)
            yield Segment.line()


def _trimmed(line: list[Segment]) -> list[Segment]:
    while line and not line[-1].text.strip(" "):
        line = line[:-1]
    return [*line[:-1], Segment(line[-1].text.rstrip(" "), line[-1].style)] if line else []


def print_table(table: Table, *, droppable: Sequence[str] = (), records: bool = False) -> None:
    """Print a table to stdout without trailing blanks. On a narrow terminal, no number and no short text is broken.

    Args:
        droppable: Columns to leave out, the first one first, as long as the terminal is too narrow for all of them. A
            line below the table names them.
        records: Whether a table that is still too wide is printed as records, with one line for each cell.
    """
    console, shown, dropped = out(), table, list[str]()
    if not console.is_terminal:
        for line in _lines_of(table):
            print(line)  # noqa: T201 - Rich takes ten times as long: it looks for lines to break
        return
    for header in droppable:
        if _least_width(shown) <= console.width:
            break
        if any(column.header == header for column in shown.columns):
            shown = _without_column(shown, header)
            dropped.append(header)
    if records and _least_width(shown) > console.width:
        console.print(_Trimmed(_as_records(table, console.width)))
        return
    console.print(_Trimmed(shown))
    if dropped:
        console.print(f"not shown on this narrow terminal: {', '.join(dropped)}; --json prints them", soft_wrap=True)


def _lines_of(table: Table) -> Iterator[str]:
    """Yield the lines of a table as wide as its cells, without styles and trailing blanks."""
    columns = [[_plain(cell) for cell in (column.header, *column.cells)] for column in table.columns]
    widths = [
        max(column.min_width or 0, *map(cell_len, cells)) for column, cells in zip(table.columns, columns, strict=True)
    ]
    is_right = [column.justify == "right" for column in table.columns]
    for number, row in enumerate(zip(*columns, strict=True)):
        if number or table.show_header:
            yield (" " * _GAP).join(map(_padded, row, widths, is_right)).rstrip(" ")


def _padded(text: str, width: int, is_right: bool) -> str:
    blanks = " " * (width - cell_len(text))
    return blanks + text if is_right else text + blanks


def _without_column(table: Table, header: str) -> Table:
    """Return a table without a column. Rich keeps the position of a column in it, so that none can be removed."""
    rest = Table(box=table.box, header_style=table.header_style, pad_edge=table.pad_edge)
    kept = [column for column in table.columns if column.header != header]
    for old in kept:
        rest.add_column(
            old.header, justify=old.justify, no_wrap=old.no_wrap, overflow=old.overflow, min_width=old.min_width
        )
    for row in zip(*(column.cells for column in kept), strict=True):
        rest.add_row(*row)
    return rest


def _as_records(table: Table, width: int) -> Table:
    """Return a table with one line for each cell, and an empty line between the rows."""
    records = Table(box=None, show_header=False, pad_edge=False)
    records.add_column(style="bold", overflow="fold", max_width=width * 3 // 5)
    records.add_column(overflow="fold")
    headers = [column.header for column in table.columns]
    rows = list(zip(*(column.cells for column in table.columns), strict=True))
    for number, row in enumerate(rows or [("",) * len(headers)]):
        if number:
            records.add_row()
        for header, cell in zip(headers, row, strict=True):
            records.add_row(header, cell)
    return records


def _least_width(table: Table) -> int:
    """Return the width that a table needs to show numbers and short texts in full, and the start of longer texts."""
    return sum(_least_column_width(column) for column in table.columns) + _GAP * (len(table.columns) - 1)


def _least_column_width(column: Column) -> int:
    width = max(map(_cell_width, (column.header, *column.cells)))
    return width if column.no_wrap or column.justify == "right" else min(width, _LEAST_TEXT)


def _cell_width(cell: object) -> int:
    return cell_len(_plain(cell))


def _plain(cell: object) -> str:
    return Text.from_markup(str(cell), emoji=False).plain


def err() -> Console:
    """Return a console for stderr that does not break lines."""
    return Console(stderr=True, highlight=False, emoji=False, soft_wrap=True)


def print_waiting(message: str) -> None:
    """Print to stderr that a command is waiting, and for what."""
    err().print(escape(message))


def print_error(message: str, *, in_lines: bool = False) -> None:
    """Print an error to stderr, in one line or with the line breaks of the message."""
    lines = message.split("\n") if in_lines else [message]
    err().print("[red]error:[/red] " + "\n".join(map(escape, lines)))


@contextmanager
def stdout_guard(before: str = "") -> Iterator[None]:
    """Flush stdout at the end of the block, and raise an error if the output cannot be written.

    Args:
        before: The start of the error message.

    Raises:
        SegbatchError: The output cannot be written. Later output to stdout is discarded.
    """
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        raise  # the reader has read enough
    except OSError as error:
        silence_stdout()
        raise SegbatchError(f"{before}the output cannot be written: {error.strerror}") from None


def claim_stdout(what: str, *, as_json: bool) -> IO[bytes]:
    """Return stdout for something that is written there in place of a file.

    Raises:
        UsageError: A summary would go there too.
    """
    if as_json:
        raise UsageError(f"--json prints a summary to stdout, where the {what} goes; name a file (--to)")
    shutdown.pending_message = "the output is incomplete"
    return sys.stdout.buffer


def is_of_stdout(error: BaseException) -> bool:
    """Return whether an error comes from a library that prints, and not from reading or writing a file."""
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    return trace is not None and trace.tb_frame.f_globals.get("__name__", "").partition(".")[0] in _PRINTERS


def silence_stdout() -> None:
    """Discard the rest of the output to stdout. Otherwise Python would fail on it again when it exits."""
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        os.dup2(nowhere.fileno(), sys.stdout.fileno())


def print_problems(problems: Iterable[Problem]) -> None:
    """Print errors, warnings and notes to stderr, one on each line."""
    for problem in problems:
        colour = _SEVERITY_COLOUR[problem.severity]
        err().print(f"[{colour}]{problem.severity}:[/{colour}] {escape(str(problem))}")


def share(members: int, contacts: int) -> str:
    """Format members as a percentage of the contacts."""
    return f"{members / contacts:.1%}" if contacts else "-"


def print_json(data: object) -> None:
    """Print data as JSON. NaN and infinity become null, because JSON does not have them. Decimals keep all digits."""
    print(exact_json(_finite(data), indent=2))  # noqa: T201 - for machines, so nothing may wrap or colour it


def exact_json(data: object, *, indent: int | None = None, ensure_ascii: bool = True) -> str:
    """Return data as JSON. Decimals keep all digits: `json` has no exact numbers, so they are texts after a mark."""
    mark = os.urandom(16).hex()

    def encode(value: object) -> str | None:
        if isinstance(value, Decimal):
            return f"{mark}{value:f}" if value.is_finite() else None
        return str(value)

    text = json.dumps(data, indent=indent, ensure_ascii=ensure_ascii, default=encode)
    return re.sub(f'"{mark}([^"]*)"', r"\1", text)


def _finite(data: object) -> object:
    """Return data without NaN and infinity."""
    match data:
        case float():
            return data if math.isfinite(data) else None
        case dict():
            return {key: _finite(value) for key, value in data.items()}
        case list() | tuple():
            return [_finite(value) for value in data]
        case _:
            return data
