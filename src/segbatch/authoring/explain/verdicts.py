"""Verdicts about one contact: whether it matches each rule and group of a segment, and why."""

from dataclasses import dataclass, replace

import polars as pl

from segbatch.authoring.explain.far_times import value_in
from segbatch.authoring.explain.reasons import RuleInput, explain_group, explain_rule, explain_sample, rule_text
from segbatch.authoring.explain.reports import Rows, Verdict
from segbatch.authoring.explain.rows import ContactRows
from segbatch.authoring.explain.trace import Part, trace
from segbatch.compiler.prepare import PreparedEvaluation
from segbatch.compiler.rule_fields import RuleField, find_fields
from segbatch.engine.local import PredicateResults, evaluate_predicates
from segbatch.model.operators import NEGATIONS
from segbatch.model.rule import Group, Rule, TableRule
from segbatch.model.sample import SampleRange
from segbatch.snapshot.fields.json_numbers import plain_number
from segbatch.snapshot.fields.resolution import Field
from segbatch.snapshot.fields.types import Kind
from segbatch.text import counted


def explain_row(
    prepared: PreparedEvaluation, segment_id: str, row: pl.DataFrame, rows: ContactRows | None = None
) -> tuple[bool, tuple[Verdict, ...]]:
    """Explain one contact.

    Args:
        prepared: The plan and its snapshot.
        segment_id: A segment that can be evaluated.
        row: A frame with the contact's row only, as the snapshot reads it.
        rows: The rows of the contact in related tables; without them, the verdicts show none.

    Returns:
        Whether the contact is a member, and the verdicts. A member matches every verdict.
    """
    results = evaluate_predicates(prepared.plan, row)
    contact = _Contact(prepared, row, results, rows)
    planned = prepared.plan_of(segment_id)
    member = bool(results.frame.select(results.expression_of(planned.condition)).item())
    return member, tuple(_verdict(part, contact, follow=True) for part in trace(planned))


@dataclass(frozen=True, slots=True)
class _Contact:
    """A contact, and the results of the plan's predicates for it."""

    prepared: PreparedEvaluation
    row: pl.DataFrame
    results: PredicateResults
    rows: ContactRows | None

    def holds(self, part: Part) -> bool:
        return bool(self.results.frame.select(self.results.expression_of(part.condition)).item())


def _verdict(part: Part, contact: _Contact, *, follow: bool) -> Verdict:
    """Return the verdict of a part.

    Args:
        part: The rule or group.
        follow: Whether to explain a segment that a rule refers to as well. References inside that segment are not
            followed.
    """
    holds, text = contact.holds(part), rule_text(part.node)
    match part.node:
        case Group() as group:
            inner = tuple(_verdict(child, contact, follow=follow) for child in part.parts)
            return Verdict(part.path, text, holds, explain_group(group, [child.holds for child in inner]), inner)
        case Rule(shape="segment") as rule:
            named = contact.prepared.plan_of(str(rule.value))
            inner = tuple(_verdict(child, contact, follow=False) for child in trace(named)) if follow else ()
            is_in = holds is (rule.operator not in NEGATIONS)
            return Verdict(part.path, text, holds, f"{'in' if is_in else 'not in'} '{rule.value}'", inner)
        case Rule(value=SampleRange() as sample):
            number = contact.prepared.plan.shares.number_of(contact.row, sample.seed)
            return Verdict(part.path, text, holds, explain_sample(sample, number, holds=holds))
        case TableRule() as rule:
            return _of_aggregate(rule, Verdict(part.path, text, holds, ""), contact)
        case Rule() as rule:
            return Verdict(part.path, text, holds, explain_rule(rule, _input_of(rule, contact), holds=holds))


def _of_aggregate(rule: TableRule, verdict: Verdict, contact: _Contact) -> Verdict:
    """Return the verdict of a rule on a table, with its reason and the rows that the aggregate was made of."""
    seen = _seen(contact.prepared.plan.aggregates[rule.key], contact)
    why = explain_rule(rule.as_rule(rule.label), seen, holds=verdict.holds)
    rows = None if contact.rows is None else contact.rows.of_rule(rule)
    why = why if rows is None else f"{why}; from {_origin(rule, rows)}"
    return replace(verdict, why=why, rows=rows)


def _origin(rule: TableRule, rows: Rows) -> str:
    """Return what an aggregate was made of: all rows, or one of them."""
    number = counted(rows.number, "row")
    if not rows.has_source or rows.number == 1:
        return number
    ends = {
        "first": "earliest",
        "last": "latest",
        "min": "one with the smallest value",
        "max": "one with the largest value",
    }
    return f"the {ends[rule.aggregate]} of {number}"


def _input_of(rule: Rule, contact: _Contact) -> RuleInput:
    found = find_fields(rule, contact.prepared.snapshot.schema, contact.prepared.clock)
    seen, *others = (_input_of_source(source, contact) for source in found.sources)
    return replace(seen, other=next(iter(others), None))


def _input_of_source(source: RuleField, contact: _Contact) -> RuleInput:
    """Return the input of a field; a version, and a value that cannot be read, are shown as they are stored."""
    seen, stored = _seen(source.read, contact), _seen(source.found, contact)
    if source.read.kind is Kind.VERSION and seen.value is not None:
        return replace(seen, value=stored.value)
    return replace(seen, unreadable=stored) if seen.value is None and stored.value is not None else seen


def _seen(field: Field, contact: _Contact) -> RuleInput:
    value = plain_number(value_in(contact.row.select(field.expr.alias("value")).to_series()))
    return RuleInput(field, value, contact.prepared.clock)
