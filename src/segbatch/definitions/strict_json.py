"""Strict JSON parser that accepts only input that every program reads the same way.

Python's parser accepts input that other programs read differently: a duplicate key (the last wins), NaN and
Infinity, numbers beyond any double, and halves of a surrogate pair. Here each of them is a problem with its place.
"""

import json
import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from segbatch.errors import Problem
from segbatch.model.limits import MAX_JSON_DEPTH
from segbatch.model.rounded_number import RoundedNumber
from segbatch.text import cut, shown

_MAX_DIGITS = 400
_TOO_DEEP = f"lists and objects are nested more than {MAX_JSON_DEPTH} levels deep; flatten the groups"


@dataclass(frozen=True, slots=True)
class _Refused:
    """Placeholder for a value that is rejected."""

    message: str


class _Object(dict[str, Any]):
    """A JSON object that records its duplicate keys."""

    duplicate_keys: tuple[str, ...] = ()


def parse(content: bytes) -> tuple[Any, list[Problem]]:
    """Parse JSON strictly.

    Args:
        content: The bytes of a file, in UTF-8, with or without a byte order mark.

    Returns:
        The data, and the problems found in it (without file). If there are problems, the data must not be used.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return None, [Problem(f"line {line} has bytes that are not UTF-8; save the file as UTF-8")]
    if not text.strip():
        return None, [Problem("the file is empty; a segment is a JSON object with 'name' and 'rules'")]
    try:
        data = json.loads(
            text,
            object_pairs_hook=_read_object,
            parse_int=_read_int,
            parse_float=_read_float,
            parse_constant=lambda name: _Refused(f"{name} is not JSON; write a number"),
        )
    except json.JSONDecodeError as error:
        if marker := _CONFLICT.search(text):
            line = text.count("\n", 0, marker.start()) + 1
            message = f"git conflict markers are here (line {line}); keep one side and remove the markers"
            return None, [Problem(message)]
        return None, [Problem(f"not JSON at line {error.lineno}, column {error.colno}: {_clear_message(error)}")]
    except RecursionError:
        return None, [Problem(_TOO_DEEP)]
    return data, check_data(data)


def check_data(data: object) -> list[Problem]:
    """Find values in JSON data that cannot be written as portable JSON."""
    return list(_problems(data))


def child_path(path: str, key: str | int) -> str:
    """Return the JSONPath of a child: `$.rules` and 1 give `$.rules[1]`. A key too long for a message is cut."""
    if isinstance(key, int):
        return f"{path}[{key}]"
    key = cut(key)
    return f"{path}.{key}" if key.isidentifier() else f"{path}[{json.dumps(key)}]"


_REASONS = {
    "Expecting value": "expected a value; check for an extra comma, or a text without quotes",
    "Expecting property name": "expected a key in double quotes; check for an extra comma",
    "Illegal trailing comma": "there is an extra comma",
    "Expecting ','": "a comma or a closing bracket is missing",
    "Expecting ':'": "a colon is missing after the key",
    "Extra data": "there is more text after the end; a file contains one object or one list",
    "Invalid control": "a text contains a line break, a tab or another control character; write \\n or \\t",
    "Unterminated string": "the text that begins here is not closed",
    "Invalid \\": "unknown escape; write a backslash as \\\\",
}
"""Messages of Python's parser, by their first words, with clearer messages for users."""


_IN_A_TEXT = ("Invalid", "Unterminated")
_WHITE_SPACE = " \t\r\n"
_COMMENTS = ("//", "/*", "#")
_WORD = re.compile(r"[\w.+-]+")
_BEGINS_A_NUMBER = re.compile(r"[+-]?\.?[0-9]")
_CONFLICT = re.compile(r"^(<{7}|={7}|>{7}|\|{7})([ \r]|$)", re.MULTILINE)
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")


def _clear_message(error: json.JSONDecodeError) -> str:
    """Return a clearer message for an error of Python's parser, based on its message and the text at its position."""
    if not error.msg.startswith(_IN_A_TEXT):
        rest = error.doc[error.pos :].lstrip(_WHITE_SPACE)
        if not rest:
            return "the file ends here; it may be truncated, or a closing bracket is missing"
        if rest.startswith(_COMMENTS):
            return "JSON has no comments; remove it"
        word = _word_at(error.doc, error.pos)
        if _BEGINS_A_NUMBER.match(word) and not _NUMBER.fullmatch(word):
            return f"{shown(word)} is not a valid JSON number; write it like 5, 0.5 or -2e3, or as a text in quotes"
    return next((reason for words, reason in _REASONS.items() if error.msg.startswith(words)), error.msg)


def _word_at(text: str, position: int) -> str:
    """Return the word or number at a position, or an empty text if none is there."""
    line = text.rfind("\n", 0, position) + 1
    words = (match for match in _WORD.finditer(text, line) if match.end() > position)
    found = next(words, None)
    return found[0] if found and found.start() <= position else ""


def _read_object(pairs: list[tuple[str, Any]]) -> _Object:
    found = _Object(pairs)
    if len(found) < len(pairs):
        times = Counter(key for key, _ in pairs)
        found.duplicate_keys = tuple(key for key in found if times[key] > 1)
    return found


def _read_int(digits: str) -> int | _Refused:
    return int(digits) if len(digits) <= _MAX_DIGITS else _Refused(f"a number of {len(digits)} digits is too long")


def _read_float(digits: str) -> float | _Refused:
    number = float(digits)
    if not math.isfinite(number):
        return _Refused(f"{digits[:20]} is too large for a number")
    return number if _is_exact(number, digits) else RoundedNumber.of(number, digits)


def _is_exact(number: float, digits: str) -> bool:
    """Return whether the shortest text of a double is the number that was written."""
    try:
        return Decimal(digits) == Decimal(repr(number))
    except InvalidOperation:  # an exponent beyond any decimal
        return False


def _problems(data: object) -> Iterator[Problem]:
    """Yield the problems in the order of the file; walks the data without recursion."""
    waiting: list[tuple[str, Any, int]] = [("$", data, 0)]
    while waiting:
        path, value, depth = waiting.pop()
        if depth >= MAX_JSON_DEPTH and isinstance(value, dict | list):
            yield Problem(_TOO_DEEP)
            return
        yield from _problems_here(path, value)
        waiting.extend((child_path(path, key), child, depth + 1) for key, child in reversed(_children(value)))


def _problems_here(path: str, value: object) -> Iterator[Problem]:
    if isinstance(value, _Refused):
        yield Problem(value.message, path=path)
    elif isinstance(value, str) and not _is_unicode(value):
        yield Problem("the text has half of a surrogate pair, which no other text can equal; remove it", path=path)
    elif isinstance(value, _Object):
        for key in value.duplicate_keys:
            yield Problem(f"the key {shown(key)} is written twice; keep one", path=path)
        if not all(map(_is_unicode, value)):
            yield Problem("a key has half of a surrogate pair; remove it", path=path)


def _children(value: object) -> list[tuple[str | int, Any]]:
    match value:
        case dict():
            return [(key, child) for key, child in value.items() if _is_unicode(key)]
        case list():
            return list(enumerate(value))
        case _:
            return []


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
