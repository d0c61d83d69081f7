"""Verdicts of each rule and group of a segment for one contact."""

from dataclasses import dataclass

import polars as pl

from segbatch.authoring.explain.far_times import value_in
from segbatch.authoring.explain.reasons import Seen, group_reason, reason, rule_text
from segbatch.authoring.explain.reports import Verdict
from segbatch.authoring.explain.trace import Part, trace
from segbatch.compiler.predicates import find_field
from segbatch.compiler.prepare import PreparedEvaluation
from segbatch.engine.local import PredicateResults, evaluate_predicates
from segbatch.model.operators import NEGATIONS
from segbatch.model.segment import Group, Rule
from segbatch.snapshot.fields.json_numbers import plain_number


@dataclass(frozen=True, slots=True)
class _Asked:
    """A contact, and the results of the plan's predicates for it."""

    prepared: PreparedEvaluation
    row: pl.DataFrame
    results: PredicateResults

    def holds(self, part: Part) -> bool:
        return bool(self.results.frame.select(self.results.expression_of(part.condition)).item())


def explain_row(prepared: PreparedEvaluation, segment_id: str, row: pl.DataFrame) -> tuple[bool, tuple[Verdict, ...]]:
    """Explain one contact.

    Args:
        prepared: The plan and its snapshot.
        segment_id: A segment that can be evaluated.
        row: A frame with the contact's row only, as the snapshot reads it.

    Returns:
        Whether the contact is a member, and the verdicts. A member matches every verdict.
    """
    results = evaluate_predicates(prepared.plan, row)
    asked = _Asked(prepared, row, results)
    planned = prepared.plan_of(segment_id)
    member = bool(results.frame.select(results.expression_of(planned.condition)).item())
    return member, tuple(_verdict(part, asked, follow=True) for part in trace(planned))


def _verdict(part: Part, asked: _Asked, *, follow: bool) -> Verdict:
    """Return the verdict of a part.

    Args:
        part: The rule or group.
        asked: The contact.
        follow: Whether to explain a segment that a rule refers to as well. References inside that segment are not
            followed.
    """
    holds, text = asked.holds(part), rule_text(part.node)
    match part.node:
        case Group() as group:
            inner = tuple(_verdict(child, asked, follow=follow) for child in part.parts)
            return Verdict(part.path, text, holds, group_reason(group, [child.holds for child in inner]), inner)
        case Rule(shape="segment") as rule:
            named = asked.prepared.plan_of(str(rule.value))
            inner = tuple(_verdict(child, asked, follow=False) for child in trace(named)) if follow else ()
            is_in = holds is (rule.operator not in NEGATIONS)
            return Verdict(part.path, text, holds, f"{'in' if is_in else 'not in'} '{rule.value}'", inner)
        case Rule() as rule:
            return Verdict(part.path, text, holds, reason(rule, _seen(rule, asked), holds=holds))


def _seen(rule: Rule, asked: _Asked) -> Seen:
    field = find_field(rule, asked.prepared.snapshot.schema)
    value = plain_number(value_in(asked.row.select(field.expr.alias("value")).to_series()))
    return Seen(field, value, asked.prepared.clock)
