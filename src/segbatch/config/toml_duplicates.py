"""Keys and tables that a TOML file defines twice. `tomllib` does not name them."""

import re
import tomllib
from itertools import takewhile

_DUPLICATE = re.compile(r"cannot (overwrite|declare|redefine|mutate)|duplicate", re.IGNORECASE)
_INLINE_KEY = re.compile(r"duplicate inline table key '(.*)'", re.IGNORECASE)
_PART = r"(?:[\w\-]+|\"[^\"]*\"|'[^']*')"
_KEY = re.compile(rf"\s*({_PART}(?:\s*\.\s*{_PART})*)\s*=")
_TABLE = re.compile(r"\s*(\[.*\])\s*(#.*)?$")


def describe_duplicate(text: str, message: str, last_line: int) -> str | None:
    """Describe a key or a table that is defined twice, with both lines and the fix.

    Args:
        text: The file.
        message: The message of `tomllib`.
        last_line: The last line of the second definition, from 1.

    Returns:
        None if the error is another one.
    """
    if not _DUPLICATE.match(message):
        return None
    lines = text.split("\n")
    start = _start_of_statement(lines, last_line)
    here, where = lines[start], f"line {start + 1}"
    if inline := _INLINE_KEY.fullmatch(message):
        return f"{where}: '{inline[1]}' is set twice in one table; remove one of them"
    if table := _TABLE.match(here):
        earlier = (number for number, line in enumerate(lines[:start], 1) if _is_header(line, table[1]))
        return f"{where}: the table {table[1]} is defined twice{_also_on(next(earlier, None))}; merge them into one"
    name = _key_of(here)
    if name is None:
        return f"{where}: a key is set twice; remove one of them"
    above = [*takewhile(lambda line: not _TABLE.match(line), reversed(lines[:start]))]
    first = next((start - number for number in reversed(range(len(above))) if _key_of(above[number]) == name), None)
    return f"{where}: '{name}' is set twice{_also_on(first)}; remove one of them"


def _start_of_statement(lines: list[str], last_line: int) -> int:
    """Return the index of the first line of the statement that ends on a line. Everything before it is valid."""
    for start in range(min(last_line, len(lines)) - 1, 0, -1):
        try:
            tomllib.loads("\n".join(lines[:start]))
        except tomllib.TOMLDecodeError:
            continue
        return start
    return 0


def _is_header(line: str, table: str) -> bool:
    found = _TABLE.match(line)
    return found is not None and found[1] == table


def _key_of(line: str) -> str | None:
    """Return the key that a line sets, without quotes; None if there is none."""
    found = _KEY.match(line)
    return re.sub(r"[\s\"']", "", found[1]) if found else None


def _also_on(line: int | None) -> str:
    return f", also on line {line}" if line else ""
