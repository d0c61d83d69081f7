"""Detection of comparisons of a count that are true for every contact, or for none, regardless of the rows."""

from collections.abc import Iterator

from segbatch.compiler.clock import Clock
from segbatch.compiler.lowering import LOWERING_ERRORS
from segbatch.definitions.definition import Definition
from segbatch.errors import Problem
from segbatch.findings.finding import Finding, FindingName
from segbatch.findings.intervals import ZERO_OR_MORE, can_overlap, region_of
from segbatch.findings.kinds import COUNTS
from segbatch.model.operators import NEGATIONS
from segbatch.model.rule import TableRule
from segbatch.snapshot.fields.types import Kind
from segbatch.text import shown

_INSTEAD = "'count' with 'gte' 1 finds contacts with rows, and 'eq' 0 those without"


def find_impossible_counts(definition: Definition, clock: Clock) -> Iterator[Finding]:
    """Find the comparisons of counts that match no contact, or every contact, in any snapshot.

    Args:
        definition: The segment to check.
        clock: The time of the run.
    """
    for path, rule in definition.segment.table_rules():
        found = _constant(rule, clock)
        if found is not None:
            name, message = found
            yield Finding(name, definition.locate(Problem(message, path=path, severity="warning")))


def _constant(rule: TableRule, clock: Clock) -> tuple[FindingName, str] | None:
    """Return the finding about a comparison that has the same result for every contact; None for any other."""
    if rule.aggregate not in COUNTS:
        return None
    if rule.shape == "nothing":
        is_true = rule.operator in NEGATIONS
        return _finding(f"'{rule.label}' is never missing", f"'{rule.operator}'", is_true=is_true)
    for is_true in (True, False):
        if not _may_be(rule, clock, wanted=not is_true):
            return _finding(
                f"'{rule.label}' is never below 0", f"'{rule.operator}' {shown(rule.value)}", is_true=is_true
            )
    return None


def _may_be(rule: TableRule, clock: Clock, *, wanted: bool) -> bool:
    """Return whether the comparison may match some count, or not match it; True if it is uncertain."""
    try:
        region = region_of(rule.as_rule(rule.label), Kind.NUMBER, clock, wanted=wanted)
    except LOWERING_ERRORS:
        return True
    return region is None or can_overlap(region, ZERO_OR_MORE)


def _finding(fact: str, test: str, *, is_true: bool) -> tuple[FindingName, str]:
    if is_true:
        return "always-holds", f"{fact}, so {test} matches every contact; {_INSTEAD}"
    return "never-holds", f"{fact}, so {test} matches no contact; {_INSTEAD}"
