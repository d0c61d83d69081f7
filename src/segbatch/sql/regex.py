"""Translation of regular expressions from Rust's `regex` to DuckDB's RE2, with an error if the two may differ."""

import re
from typing import cast

import duckdb

from segbatch.sql.dialects import Refused
from segbatch.text import shown

_WORD = (
    r"\p{L}\p{M}\p{Nl}\p{Nd}\p{Pc}\x{200C}\x{200D}\x{24B6}-\x{24E9}"
    r"\x{1F130}-\x{1F149}\x{1F150}-\x{1F169}\x{1F170}-\x{1F189}"
)
SPACE = r"\t-\r\x{20}\x{85}\x{A0}\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029}\x{202F}\x{205F}\x{3000}"
"""The characters that have Unicode's property White_Space, as RE2 ranges."""

_FOLDED_APART = "\u0390\u03b0\u1fd3\u1fe3\ufb05\ufb06"
"""Letters that equal another of these if case is ignored, in Rust but not in RE2."""

_ADVICE = "write the pattern without it"
_CLASSES = {"d": r"\p{Nd}", "w": _WORD, "s": SPACE}
_PART = re.compile(r"\\[pP]\{[^}]*\}|\\.|\(\?[^):]*[):]?|\[\[?:?[^]]?|[&~-]{2}|[*+?]+|.", re.DOTALL)
"""Matches the part of a pattern to show in a message, at a position that the translation does not support."""

_TOKEN = re.compile(
    r"""
      (?P<class>\\[dwsDWS])
    | (?P<category>\\[pP]\{(?:L[ultmo]?|M[nce]?|N[dlo]?|P[cdseifo]?|S[mcko]?|Z[slp]?)\})
    | (?P<escape>\\(?:[.+*?()|\[\]{}^$\\/\-\#&~"'@%!<>=:;,`_ ]|[nrtfav]|x\{[0-9A-Fa-f]{1,6}\}|z|A))
    | (?P<open>\((?:\?:|\?P?<[A-Za-z_][A-Za-z0-9_]*>|\?[is]{1,2}[):]|(?!\?)))
    | (?P<repeat>(?:[*+?]|\{[0-9]{1,3}(?:,(?:[0-9]{1,3})?)?\})\??(?![*+?{]))
    | (?P<list>\[\^?\]?)
    | (?P<plain>[^\\\[\]{}()*+?])
    | (?P<close>\))
    """,
    re.VERBOSE,
)
_INSIDE = re.compile(
    r"""
      (?P<class>\\[dwsDWS])
    | (?P<category>\\[pP]\{(?:L[ultmo]?|M[nce]?|N[dlo]?|P[cdseifo]?|S[mcko]?|Z[slp]?)\})
    | (?P<escape>\\(?:[.+*?()|\[\]{}^$\\/\-\#&~"'@%!<>=:;,`_ ]|[nrtfav]|x\{[0-9A-Fa-f]{1,6}\}))
    | (?P<end>\])
    | (?P<plain>(?!--|&&|~~)[^\\\[\]])
    """,
    re.VERBOSE,
)


def translated(pattern: str, *, ignore_case: bool) -> str:
    """Translate a pattern from Rust's syntax to RE2.

    Raises:
        Refused: The pattern has a construct that RE2 lacks, or may read differently.
    """
    if ignore_case or "(?" in pattern:
        _ensure_folded_alike(pattern)
    written, position, inside = ["(?i)"] if ignore_case else [], 0, False
    while position < len(pattern):
        found = (_INSIDE if inside else _TOKEN).match(pattern, position)
        if found is None:
            part = cast("re.Match[str]", _PART.match(pattern, position)).group()
            reason = f"the regular expressions of DuckDB lack, or read differently, {shown(part)} in {shown(pattern)}"
            raise Refused(reason, _ADVICE)
        kind, token = found.lastgroup, found.group()
        if kind == "class":
            token = _class(token[1], inside=inside)
        elif kind == "open":
            token = token.replace("(?<", "(?P<")
        inside = kind == "list" or (inside and kind != "end")
        written.append(token)
        position = found.end()
    _ensure_small("".join(written))
    return "".join(written)


def _ensure_folded_alike(pattern: str) -> None:
    apart = [letter for letter in pattern if letter in _FOLDED_APART]
    if apart:
        reason = f"the regular expressions of DuckDB do not fold the case of {apart[0]!r} as a rule does"
        raise Refused(reason, _ADVICE)


def _ensure_small(pattern: str) -> None:
    """Raise an error if DuckDB rejects a pattern: RE2 limits repetitions to 1,000 and the size of patterns."""
    try:
        with duckdb.connect() as connection:
            connection.execute("SELECT regexp_matches('', $1)", [pattern])
    except duckdb.Error as error:
        reason = str(error).splitlines()[0].removeprefix("Invalid Input Error: ")
        advice = "write the pattern with smaller or fewer repetitions"
        raise Refused(f"the regular expressions of DuckDB have a limit: {reason}", advice) from None


def _class(letter: str, *, inside: bool) -> str:
    """Return a class of digits, letters or spaces, or its opposite: RE2's classes are ASCII, Rust's are Unicode."""
    ranges = _CLASSES[letter.lower()]
    if letter.islower():
        return ranges if inside else f"[{ranges}]"
    if letter == "D":
        return r"\P{Nd}"
    if inside:
        raise Refused(f"the regular expressions of DuckDB have no '\\{letter}' of Unicode inside brackets", _ADVICE)
    return f"[^{ranges}]"
