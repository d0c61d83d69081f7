"""What all that is shown has in common: where it goes, how it is made safe, and what is said of problems."""

import json
import math
import os
import shlex
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.markup import escape as escape_markup
from rich.segment import Segment

from segbatch.errors import Problem, SegbatchError
from segbatch.text import printable

__all__ = [
    "answering",
    "err",
    "in_shell",
    "is_of_stdout",
    "out",
    "plain",
    "print_error",
    "print_json",
    "print_problems",
    "print_table",
    "print_waiting",
    "share",
    "silence_stdout",
]

_NO_FOLD = 10_000_000
_FIRST_PRINTABLE, _LAST_ASCII = 0x20, 0x7E
_PRINTERS = {"click", "rich", "typer"}

_SEVERITY_COLOUR = {"error": "red", "warning": "yellow", "note": "cyan"}


def plain(text: str) -> str:
    """Make a text of others safe to print: no markup, no control characters, no bytes that are no text."""
    return escape_markup(printable(text))


def in_shell(path: str) -> str:
    r"""Write a path as a word of a shell command; in `$'...'`, with its bytes escaped, if stdout cannot show it."""
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
    """A console that leaves it to the command what a closed pipe means."""

    def on_broken_pipe(self) -> None:
        """Go on with the error that Rich is handling, in place of an end with status 1."""
        raise  # noqa: PLE0704 - Rich calls this while it handles the error


def out() -> Console:
    """Return what writes to stdout: as wide as the terminal, and where there is none, as wide as need be."""
    console = _Console(highlight=False, emoji=False)
    if not console.is_terminal:
        console.width = _NO_FOLD
    return console


class _Trimmed:
    """A table without blanks at the ends of its lines, which would be in the way of who compares or pastes them."""

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


def print_table(table: RenderableType) -> None:
    """Print a table to stdout; its lines end where their last word does."""
    out().print(_Trimmed(table))


def err() -> Console:
    """Return what writes to stderr, without breaking lines."""
    return Console(stderr=True, highlight=False, emoji=False, soft_wrap=True)


def print_waiting(message: str) -> None:
    """Say on stderr what a command waits for."""
    err().print(plain(message))


def print_error(message: str, *, in_lines: bool = False) -> None:
    """Print what a command failed on to stderr: in one line, or in those that the message has."""
    lines = message.split("\n") if in_lines else [message]
    err().print("[red]error:[/red] " + "\n".join(map(plain, lines)))


@contextmanager
def answering(before: str = "") -> Iterator[None]:
    """Print to stdout inside, and know afterwards that it is written.

    Args:
        before: What is to be said first where it cannot be.

    Raises:
        SegbatchError: It cannot be; nothing more goes to stdout then.
    """
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        raise  # who reads it has read enough
    except OSError as error:
        silence_stdout()
        raise SegbatchError(f"{before}the answer cannot be written: {error.strerror}") from None


def is_of_stdout(error: BaseException) -> bool:
    """Return whether an error was met by a library that prints, and not by what reads and writes files."""
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    return trace is not None and trace.tb_frame.f_globals.get("__name__", "").partition(".")[0] in _PRINTERS


def silence_stdout() -> None:
    """Let what is still to be written to stdout go nowhere, or Python would fail on it once more at its end."""
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        os.dup2(nowhere.fileno(), sys.stdout.fileno())


def print_problems(problems: Iterable[Problem]) -> None:
    """Print errors, warnings and notes, a line each, to stderr."""
    for problem in problems:
        colour = _SEVERITY_COLOUR[problem.severity]
        err().print(f"[{colour}]{problem.severity}:[/{colour}] {plain(str(problem))}")


def share(members: int, contacts: int) -> str:
    """Say what part of the contacts some members are."""
    return f"{members / contacts:.1%}" if contacts else "-"


def print_json(data: object) -> None:
    """Print data for machines; a number that is none, or without end, is null: JSON has neither."""
    print(json.dumps(_finite(data), indent=2, default=str, allow_nan=False))  # noqa: T201 - machines read it, nothing may wrap or colour it


def _finite(data: object) -> object:
    match data:
        case float():
            return data if math.isfinite(data) else None
        case Decimal():
            return int(data) if data == data.to_integral_value() else float(data)
        case dict():
            return {key: _finite(value) for key, value in data.items()}
        case list() | tuple():
            return [_finite(value) for value in data]
        case _:
            return data
