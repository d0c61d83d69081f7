"""Regular expressions, in the syntax of Rust's `regex`: a search takes linear time, whatever the pattern."""

from collections.abc import Iterable, Iterator
from functools import lru_cache

import polars as pl

from segbatch.compiler.reading import Meaningless
from segbatch.definitions.loading import Definition
from segbatch.errors import Problem, shown

__all__ = ["ensure_compiles", "ignoring_case", "wrong_patterns"]


@lru_cache(maxsize=10_000)
def _reason_against(pattern: str) -> str | None:
    try:
        pl.Series([""]).str.contains(pattern)
    except pl.exceptions.ComputeError as error:
        lines = str(error).splitlines()
        reasons = (line.removeprefix("error: ") for line in lines if line.startswith("error: "))
        reason = next(reasons, lines[0].removeprefix("regex error: "))
        return f"{shown(pattern)} is no valid regular expression: {reason}"
    return None


def ensure_compiles(pattern: str) -> None:
    """Check that a pattern compiles.

    Raises:
        Meaningless: It does not; the text tells why.
    """
    reason = _reason_against(pattern)
    if reason:
        raise Meaningless(reason)


def ignoring_case(pattern: str) -> str:
    """Return a pattern that matches in upper and lower case alike."""
    return f"(?i){pattern}"


def wrong_patterns(definitions: Iterable[Definition]) -> Iterator[Problem]:
    """Find the patterns that do not compile; no snapshot is needed to tell."""
    for definition in definitions:
        for path, rule in definition.segment.rule_paths():
            reason = _reason_against(str(rule.value)) if rule.operator == "matches" else None
            if reason:
                yield definition.locate(Problem(reason, path=f"{path}.value"))
