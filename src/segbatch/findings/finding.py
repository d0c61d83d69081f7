"""A finding, the names of findings, and the limit of findings in a list of warnings."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

from segbatch.errors import Problem, UsageError
from segbatch.text import clipped, counted, did_you_mean

FindingName = Literal[
    "always-holds",
    "case-mismatch",
    "contradiction",
    "duplicate-rule",
    "duplicate-value",
    "empty-text",
    "expires-soon",
    "never-holds",
    "same-meaning",
    "sample-range",
    "surrounding-space",
    "text-order",
    "unknown-field",
    "unused-value",
]

NAMES: Mapping[FindingName, str] = {
    "always-holds": "a rule matches every contact in the snapshot",
    "case-mismatch": "no contact has a value, but some have it in another case",
    "contradiction": "two rules can never match together",
    "duplicate-rule": "a rule or group has the same meaning as another one in its group",
    "duplicate-value": "a list has a value twice",
    "empty-text": "a rule searches for an empty text, which every text contains",
    "expires-soon": "a segment expires within 14 days",
    "never-holds": "a rule matches no contact in the snapshot",
    "same-meaning": "two segments in one project have the same meaning",
    "sample-range": "a sample has no contact or every contact in its range",
    "surrounding-space": "a value begins or ends with white space",
    "text-order": "a text column is compared with a number in quotes, character by character",
    "unknown-field": "no contact in the snapshot has a field",
    "unused-value": "'exists', 'empty', 'blank' or 'not_blank' has a value, which is ignored",
}
"""All findings, each with a one-line description; see `docs/lint.md`."""

MOST_SHOWN = 20
"""Number of findings that fit on a screen."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A problem that is valid but probably wrong.

    Attributes:
        name: The kind of finding; it can be ignored by this name.
        problem: The message and its place.
    """

    name: FindingName
    problem: Problem

    @property
    def place(self) -> tuple[str, list[int]]:
        """The sort key of findings: the segment's id, then the position of the rule."""
        numbers = re.findall(r"\[([0-9]+)\]", self.problem.path or "")
        return self.problem.segment_id or "", [int(number) for number in numbers]

    @property
    def named(self) -> Problem:
        """The problem with the name of the finding, which is also appended to the message."""
        return replace(self.problem, message=f"{self.problem.message} ({self.name})", finding=self.name)


def read_ignored(names: Iterable[str]) -> frozenset[FindingName]:
    """Validate the names of findings to ignore.

    Raises:
        UsageError: A name is not the name of a finding.
    """
    known: dict[str, FindingName] = {name: name for name in get_args(FindingName)}
    names = tuple(names)
    for name in names:
        if name not in known:
            near = did_you_mean(name, known) or "; 'segbatch lint --list' shows them all"
            raise UsageError(f"there is no finding '{clipped(name)}'{near} (--lint-ignore)")
    return frozenset(known[name] for name in names)


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
