"""Errors for examples that contradict the rules of their segment, with the rules that cause them."""

from collections.abc import Collection, Iterable, Iterator

import polars as pl

from segbatch.authoring.examples.contacts import ExampleContact, InvalidExampleError, place_of, value_at
from segbatch.authoring.examples.snapshots import ByValues, PreparedExamples, Preparer
from segbatch.authoring.explain.reports import Verdict
from segbatch.authoring.explain.rows import read_rows
from segbatch.authoring.explain.verdicts import explain_row
from segbatch.compiler.lifecycle import split_disabled
from segbatch.definitions.definition import Definition, Definitions
from segbatch.errors import Problem
from segbatch.model.rule import Rule
from segbatch.model.sample import SampleRange
from segbatch.snapshot.fields.resolution import FieldColumns
from segbatch.snapshot.fields.types import in_words
from segbatch.text import clipped, shown

_MOST_BLAMED = 5
"""Number of rules that are named."""

_GROUPS = {"all of": True, "any of": True, "none of": False}
"""For each kind of group, whether its rules match where the group does."""


def check_examples(
    definitions: Definitions, wrong: Collection[str | None], by_values: ByValues, typed: Preparer
) -> Iterator[Problem]:
    """Yield an error for each wrong example.

    Args:
        wrong: The segments with errors; their examples are not evaluated.
        by_values: Evaluates the examples of segments that read related tables, by the types of their values.
        typed: Evaluates all other examples.
    """
    good = {entry.segment_id: entry for entry in split_disabled(definitions.good, by_values.clock)[0]}
    for definition in good.values():
        if definition.segment.examples is None or definition.segment_id in wrong:
            continue
        closure = Definitions(_closure(definition, good), (), definitions.lists)
        preparer = by_values if closure.tables else typed
        yield from map(definition.locate, _wrong_examples(definition, closure, preparer))


def _closure(definition: Definition, known: dict[str, Definition]) -> tuple[Definition, ...]:
    """Return a segment and all segments that it refers to, directly or through others."""
    found, waiting = dict[str, Definition](), [definition]
    while waiting:
        entry = waiting.pop()
        if entry.segment_id not in found:
            found[entry.segment_id] = entry
            waiting += [known[target] for target in entry.references if target in known]
    return tuple(found.values())


def _wrong_examples(definition: Definition, closure: Definitions, preparer: Preparer) -> Iterator[Problem]:
    try:
        examples = preparer.prepare(definition, closure)
    except ExceptionGroup as group:
        yield from (error.problem for error in group.exceptions if isinstance(error, InvalidExampleError))
        return
    failed = examples.prepared.plan.failed.get(definition.segment_id, ())
    without_ids = list(_without_ids(closure, examples, preparer.options.id_column))
    if without_ids:
        yield from without_ids
    elif failed:
        message = f"the examples cannot be evaluated: {failed[0].message} ({failed[0].path})"
        yield Problem(message, path="$.examples")
    else:
        for contact, number, row in examples.rows():
            yield from _wrong(definition, examples, contact, number, row)


def _without_ids(closure: Definitions, examples: PreparedExamples, id_column: str) -> Iterator[Problem]:
    """Yield an error for each contact without an id, if a rule takes a sample."""
    rules = (rule for entry in closure.good for _, rule in entry.segment.rule_paths())
    if any(isinstance(rule, Rule) and isinstance(rule.value, SampleRange) for rule in rules):
        for contact in examples.contacts:
            if value_at(contact.columns, id_column) is None:
                message = f"the contact has no '{clipped(id_column)}', which the sample is computed from; add one"
                yield Problem(message, path=contact.path)


def _wrong(
    definition: Definition, examples: PreparedExamples, contact: ExampleContact, number: int, row: pl.DataFrame
) -> Iterator[Problem]:
    unfit = list(_unreadable_values(examples, contact, row))
    if unfit:
        yield from unfit
        return
    prepared = examples.prepared
    rows = read_rows(prepared, number) if prepared.snapshot.queries else None
    member, verdicts = explain_row(prepared, definition.segment_id, row, rows)
    if member is not contact.is_inside:
        yield Problem(_describe_wrong(verdicts, is_inside=contact.is_inside), path=contact.path)


def _unreadable_values(examples: PreparedExamples, contact: ExampleContact, row: pl.DataFrame) -> Iterator[Problem]:
    """Yield an error for each value inside JSON that cannot be read as the type that the snapshot has there."""
    schema = examples.prepared.snapshot.schema
    derived = schema.derived if isinstance(schema, FieldColumns) else {}
    for name, field in examples.prepared.plan.fields.items():
        value = value_at(contact.columns, name)
        if name not in derived or value is None or not derived[name].ways:
            continue
        if row.select(field.expr.is_null().alias("missing")).item():
            message = f"'{clipped(name)}' is {in_words(field.dtype)}; found {shown(value)}"
            yield Problem(message, path=place_of(contact, name, field.column))


def _describe_wrong(verdicts: Iterable[Verdict], *, is_inside: bool) -> str:
    """Return the message about a wrong example.

    Args:
        verdicts: The verdicts of the contact, as `explain` returns them.
        is_inside: Whether the segment must contain the contact.
    """
    blamed = list(_rules_at_fault(verdicts, holds=not is_inside))
    rules = [f"{entry.path} ({entry.rule}): {entry.why}" for entry in blamed[:_MOST_BLAMED]]
    if len(blamed) > _MOST_BLAMED:
        rules.append(f"and {len(blamed) - _MOST_BLAMED} more")
    what = (
        "must contain this contact, but does not because of"
        if is_inside
        else "must not contain this contact, but does because of"
    )
    return f"the segment {what} {'; '.join(rules)}"


def _rules_at_fault(verdicts: Iterable[Verdict], *, holds: bool) -> Iterator[Verdict]:
    """Yield the rules with a result, and inside of groups with that result the rules that cause it."""
    for entry in verdicts:
        if entry.holds is not holds:
            continue
        if entry.rule in _GROUPS and entry.parts:
            yield from _rules_at_fault(entry.parts, holds=entry.holds is _GROUPS[entry.rule])
        else:
            yield entry
