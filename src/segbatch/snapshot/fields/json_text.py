"""JSON texts: pointers into them for DuckDB's JSON functions, and problems of texts that are not JSON objects."""

import json
import re
from collections.abc import Iterable

from segbatch.snapshot.fields.keys import splits


def ways_to_split(path: str | None) -> tuple[tuple[str, ...], ...]:
    """Return every way to split a path into keys, the longest keys first. None means the whole text."""
    return ((),) if path is None else tuple(splits(path))


def pointer_of(keys: tuple[str, ...]) -> str:
    """Return a JSON pointer (RFC 6901), or a JSON path if a key of digits would find a list element."""
    if any(key.isdecimal() for key in keys) and not {"", "*"} & {*keys}:
        return "$" + "".join('."' + key.replace("\\", "\\\\").replace('"', '\\"') + '"' for key in keys)
    return "".join("/" + key.replace("~", "~0").replace("/", "~1") for key in keys)


def quoted(text: str) -> str:
    """Return a text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def listed(pointers: Iterable[str]) -> str:
    """Return pointers as a list in SQL."""
    return f"[{', '.join(map(quoted, pointers))}]"


_MEND = "fix it in the export"
_NO_NUMBER = re.compile(r"[+-]?(nan|inf)", re.IGNORECASE)
_KINDS = {list: "a list", str: "a text, perhaps JSON that was written as JSON twice", bool: "true or false"}


class _NoNumber(Exception):  # noqa: N818 - ends the parsing and is never shown
    """A number is not supported by JSON."""


def describe_fault(text: str) -> str:
    """Return the problem with a text and its fix. The result never contains contact data."""
    try:  # numbers are measured, not converted: Python refuses to convert very long ones
        data = json.loads(text, parse_constant=_refuse, parse_int=len, parse_float=len)
    except _NoNumber:
        return "NaN and Infinity are not JSON; write null"
    except json.JSONDecodeError as error:
        return _why_no_json(text, error)
    except RecursionError:
        return f"its lists and objects are nested too deeply; {_MEND}"
    if isinstance(data, dict):
        return f"it is not standard JSON; {_MEND}"
    return f"it is {_KINDS.get(type(data), 'a number')}; {_MEND}"


def _refuse(_name: str) -> None:
    raise _NoNumber


def _why_no_json(text: str, error: json.JSONDecodeError) -> str:
    position = error.pos
    if error.msg.startswith("Illegal trailing comma"):  # from Python 3.13 on; older ones name the character behind it
        position = len(text) - len(text[position + 1 :].lstrip())
    rest = text[position:].lstrip()
    if not text.strip():
        return "it is empty; write null or {}"
    if not rest or error.msg.startswith("Unterminated"):
        return f"it is truncated; {_MEND}"
    if _NO_NUMBER.match(rest):
        return "NaN and Infinity are not JSON; write null"
    if rest.startswith("'"):
        return "JSON uses double quotes, not single quotes; write it as JSON"
    return f"it is not valid JSON from character {position + 1:,} on; {_MEND}"
