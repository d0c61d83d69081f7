"""Limit of the lint findings in a list of warnings, to keep the list short."""

from collections.abc import Iterable, Sequence

from segbatch.errors import Problem
from segbatch.text import counted

MOST_SHOWN = 20
"""Number of findings that fit on a screen."""


def limit_findings(problems: Iterable[Problem]) -> Sequence[Problem]:
    """Keep all other problems and the first lint findings, and add the number of findings that are left out.

    Args:
        problems: Errors, warnings and notes.
    """
    others, findings = list[Problem](), list[Problem]()
    for problem in problems:
        (others if problem.finding is None else findings).append(problem)
    left_out = len(findings) - MOST_SHOWN
    if left_out > 0:
        message = f"{counted(left_out, 'more finding')}; 'segbatch lint' lists them all, --lint-ignore silences some"
        findings[MOST_SHOWN:] = [Problem(message, severity="warning")]
    return [*others, *findings]
