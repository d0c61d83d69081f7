"""Regular expressions: the part of the Rust syntax that Python writes the same way, with Rust's meaning."""

from __future__ import annotations

import re
import sys
import unicodedata
from functools import cache
from typing import TYPE_CHECKING

from .kinds import Refused

if TYPE_CHECKING:
    from collections.abc import Callable

_RUST_REFUSES = re.compile(r"\(\?(?:[=!(>#]|<[=!]|P=)|\\[1-9]")
_NOT_THE_SAME_IN_BOTH = re.compile(r"\\[pPQEuUNXRKGhvV]|\(\?(?!:)|\[\[|&&|--|~~|[*+?}]\+|\{,|\\B|\\[<>]")
_TOKEN = re.compile(r"\\.|\[|\]|\$|.", re.DOTALL)
_SPACES = "\t\n\x0b\x0c\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000"
_LETTER_LIKE = [(0x24B6, 0x24E9), (0x1F130, 0x1F149), (0x1F150, 0x1F169), (0x1F170, 0x1F189)]
# Without the Turkish rules these two fold to nothing else; Python alone lets them meet an `i`. So caseless
# letters that nobody writes stand for them.
_NO_TURKISH = str.maketrans({"\u0130": "\u01bb", "\u0131": "\u01c0"})


def searcher(pattern: str, *, ignore_case: bool) -> Callable[[str], bool]:
    """Compile a pattern into a test of a text.

    Raises:
        Refused: No Rust pattern.
        NotImplementedError: A pattern that Python and Rust may read differently.
    """
    if _RUST_REFUSES.search(pattern):
        raise Refused(f"the pattern {pattern!r} does not compile")
    if _NOT_THE_SAME_IN_BOTH.search(pattern):
        raise NotImplementedError(pattern)
    swapped, flags = (_NO_TURKISH, re.IGNORECASE) if ignore_case else ({}, re.NOFLAG)
    try:
        compiled = re.compile(_translated(pattern).translate(swapped), flags)
    except re.error as error:
        raise Refused(f"the pattern {pattern!r} does not compile: {error}") from error
    return lambda text: compiled.search(text.translate(swapped)) is not None


def _translated(pattern: str) -> str:
    written, inside = [], False
    for piece in _TOKEN.findall(pattern):
        if len(piece) > 1 and piece[1] in "dDwWsS":
            ranges = _ranges(piece[1])
            written.append(ranges if inside else f"[{ranges}]")
        elif piece == r"\b" and not inside:
            word = f"[{_ranges('w')}]"
            written.append(f"(?:(?<={word})(?!{word})|(?<!{word})(?={word}))")
        elif piece in ("$", r"\z") and not inside:
            written.append(r"\Z")
        else:
            inside = piece == "[" or (inside and piece != "]")
            written.append(piece)
    return "".join(written)


@cache
def _ranges(letter: str) -> str:
    """Write the characters of `\\d`, `\\w`, `\\s` or of a complement as the inside of a bracketed class."""
    inside = {"d": _is_digit, "w": _is_word, "s": _is_space}[letter.lower()]
    wanted = letter.islower()
    runs: list[list[int]] = []
    for code in range(sys.maxunicode + 1):
        if inside(chr(code)) is not wanted:
            continue
        if runs and runs[-1][1] == code - 1:
            runs[-1][1] = code
        else:
            runs.append([code, code])
    return "".join(rf"\U{low:08x}-\U{high:08x}" for low, high in runs)


def _is_digit(char: str) -> bool:
    return unicodedata.category(char) == "Nd"


def _is_space(char: str) -> bool:
    return char in _SPACES or "\u2000" <= char <= "\u200a"


def _is_word(char: str) -> bool:
    category = unicodedata.category(char)
    if category[0] in "LM" or category in ("Nd", "Nl", "Pc"):
        return True
    return char in "\u200c\u200d" or any(low <= ord(char) <= high for low, high in _LETTER_LIKE)
