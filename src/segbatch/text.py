"""Texts for messages: printable and short names and values, counts, and suggestions for misspelled words."""

import difflib
import json
import re
from collections.abc import Collection, Iterable

_SHOWN_LENGTH = 60
_NAME_LENGTH = 100
_FIRST_BYTE, _LAST_BYTE = 0xDC80, 0xDCFF
_JSON_ESCAPE = re.compile(r"\\(u00([01][0-9a-f])|.)")
_NEAR = 0.7
_NEAREST = 5
_NAMES_SHOWN = 12
_DENYING = re.compile(r"(.*[\W_])?(not|non|never|without|isn'?t|doesn'?t|don'?t|dont)[\W_]|no[\W_]|!")
_DENYING_PREFIXES = ("un", "in", "non", "not", "no", "dis", "n")


def nearest(word: str, choices: Iterable[str]) -> str | None:
    """Return the valid word that is most similar to a word but not its opposite; None if no word is similar."""
    folded = word.casefold()
    by_folded = {choice.casefold(): choice for choice in choices}
    near = difflib.get_close_matches(folded, by_folded, n=_NEAREST, cutoff=_NEAR)
    return next((by_folded[choice] for choice in near if not _are_opposite(folded, choice)), None)


def _are_opposite(word: str, choice: str) -> bool:
    """Return whether one of two words negates the other, as `not_all` and `all`, `inactive` and `active` do."""
    if bool(_DENYING.match(word)) != bool(_DENYING.match(choice)):
        return True
    short, long = sorted((word, choice), key=len)
    return any(long == f"{prefix}{short}" for prefix in _DENYING_PREFIXES)


def did_you_mean(word: str, choices: Iterable[str]) -> str:
    """Return a hint with the nearest valid word, to append to a message.

    Args:
        word: The user's word.
        choices: The valid words.

    Returns:
        `; did you mean 'country'?`, or an empty text if no word is similar.
    """
    near = nearest(word, choices)
    return f"; did you mean '{clipped(near)}'?" if near else ""


def counted(number: int, noun: str, nouns: str | None = None) -> str:
    """Return a count with its noun: `1 contact`, `2,000 contacts`; `nouns` is an irregular plural."""
    return f"{number:,} {noun if number == 1 else nouns or f'{noun}s'}"


def some_of(names: Iterable[str]) -> str:
    """Return a list of names for a message, limited to fit a line."""
    listed = list(names)
    more = len(listed) - _NAMES_SHOWN
    return ", ".join(map(clipped, listed[:_NAMES_SHOWN])) + (f" and {more} more" if more > 0 else "")


def nearest_or_some(word: str, choices: Collection[str]) -> str:
    """Return a hint with the nearest valid word, or else with some of them, to append to a message.

    Returns:
        `; did you mean 'country'?` or `; there are a, b`, or an empty text without valid words.
    """
    listed = sorted(choices)
    others = f"; there {'are' if listed[1:] else 'is'} {some_of(listed)}" if listed else ""
    return did_you_mean(word, listed) or others


def one_of(names: Iterable[str]) -> str:
    """Return the valid choices for a message: `csv, jsonl or parquet`."""
    *others, last = names
    return f"{', '.join(others)} or {last}" if others else last


def printable(text: str) -> str:
    r"""Replace control characters, which a terminal would obey, and bytes that are not text with escapes like `\n`."""
    return "".join(char if char.isprintable() else _escape(char) for char in text)


def _escape(char: str) -> str:
    """Escape a character; a surrogate that represents a byte of a file name is shown as that byte."""
    code = ord(char)
    return f"\\x{code & 0xFF:02x}" if _FIRST_BYTE <= code <= _LAST_BYTE else char.encode("unicode_escape").decode()


def cut(text: str, length: int = _NAME_LENGTH) -> str:
    """Cut a text that is too long for a message."""
    return text if len(text) <= length else text[: length - 1] + "…"


def clipped(name: str) -> str:
    """Return a name for a message: printable, and cut to fit a line."""
    return cut(printable(name))


def shown(value: object) -> str:
    """Return a value for a message: a text in single quotes, other values as JSON, cut to fit a line."""
    if isinstance(value, str):
        return cut(f"'{printable(value)}'", _SHOWN_LENGTH)
    text = json.dumps(value, ensure_ascii=False, default=str)
    return cut(printable(_JSON_ESCAPE.sub(_like_printable, text)), _SHOWN_LENGTH)


def _like_printable(escape: re.Match[str]) -> str:
    """Return a JSON escape in the notation of `printable`."""
    return f"\\x{escape[2]}" if escape[2] else escape[0]
