"""What is wrong with a text that should be a JSON object, in words that quote nothing of it."""

import json
import re

__all__ = ["fault_of"]

_MEND = "mend it in the export"
_NO_NUMBER = re.compile(r"[+-]?(nan|inf)", re.IGNORECASE)
_KINDS = {list: "a list", str: "a text, perhaps JSON that was written as JSON twice", bool: "true or false"}


class _NoNumber(Exception):  # noqa: N818 - it ends the reading, and is never shown
    """A number that JSON does not have."""


def fault_of(text: str) -> str:
    """Tell what is wrong with a text and what to do; contact data never is in the answer."""
    try:  # numbers are measured and not converted, which Python refuses to do with very long ones
        data = json.loads(text, parse_constant=_refuse, parse_int=len, parse_float=len)
    except _NoNumber:
        return "NaN and Infinity are not JSON; write null"
    except json.JSONDecodeError as error:
        return _why_no_json(text, error)
    except RecursionError:
        return f"its lists and objects stand too deep inside each other; {_MEND}"
    if isinstance(data, dict):
        return f"it is not JSON as the standard has it; {_MEND}"
    return f"it is {_KINDS.get(type(data), 'a number')}; {_MEND}"


def _refuse(_name: str) -> None:
    raise _NoNumber


def _why_no_json(text: str, error: json.JSONDecodeError) -> str:
    rest = text[error.pos :].lstrip()
    if not text.strip():
        return "it is empty; write null or {}"
    if not rest or error.msg.startswith("Unterminated"):
        return f"it is cut short; {_MEND}"
    if _NO_NUMBER.match(rest):
        return "NaN and Infinity are not JSON; write null"
    if rest.startswith("'"):
        return "JSON has double quotes, not single ones; write it as JSON"
    return f"it is no JSON from character {error.pos + 1:,} on; {_MEND}"
