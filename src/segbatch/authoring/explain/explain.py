"""`explain`: why one contact is in a segment or not; `funnel`: the number of contacts that each rule keeps."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from uuid import UUID

import polars as pl

from segbatch.authoring.explain.far_times import value_in
from segbatch.authoring.explain.funnel import count_steps
from segbatch.authoring.explain.reasons import RuleInput, explain_group, explain_rule, explain_sample, rule_text
from segbatch.authoring.explain.reports import Explanation, Funnel, Rows, Verdict
from segbatch.authoring.explain.rows import ContactRows, read_rows
from segbatch.authoring.explain.trace import Part, trace
from segbatch.compiler.prepare import EvaluationOptions, PreparedEvaluation, prepare
from segbatch.compiler.rule_fields import RuleField, find_fields
from segbatch.definitions.exclusions import Source
from segbatch.definitions.selection import select_definitions
from segbatch.engine.local import PredicateResults, batch_rows, evaluate_predicates
from segbatch.errors import UsageError
from segbatch.model.operators import NEGATIONS
from segbatch.model.rule import Group, Rule, TableRule
from segbatch.model.sample import SampleRange
from segbatch.model.segment import Segment
from segbatch.snapshot.duplicate_ids import place_of_copies
from segbatch.snapshot.fields.json_numbers import plain_number
from segbatch.snapshot.fields.resolution import Field
from segbatch.snapshot.fields.types import Kind
from segbatch.snapshot.id_checks import ids_as_series
from segbatch.snapshot.id_format import UnreadableIdError, describe_ids, matches_id, write_id
from segbatch.snapshot.related.sources import Tables
from segbatch.snapshot.snapshot import Snapshot
from segbatch.text import counted, shown


def explain(
    contacts: str | Path,
    segment: str | Path | Segment,
    contact_id: str | int | UUID | bytes,
    *,
    segments: str | Path | Source = "segments",
    id_column: str = "id",
    custom_fields: str | None = None,
    tables: Tables | None = None,
    lists: str | Path | None = None,
    project: str | None = None,
    as_of: str | datetime | None = None,
    timezone: str = "UTC",
    strict: bool = False,
) -> Explanation:
    """Explain why a contact is in a segment, or why it is not.

    Args:
        contacts: A Parquet file, a folder of them, or a glob; on disk or in object storage.
        segment: The id of a segment in `segments`, a JSON file with one segment, `-` for standard input, or a segment.
        contact_id: The contact's id.
        segments: The location of the saved segments.
        id_column: The column with the contact ids.
        custom_fields: The column that definitions call `custom_fields`, if its name is different.
        tables: The related tables that rules may read, by name: each a path, or a `segbatch.TableSource`.
        lists: The folder of the lists that rules name; by default `lists` next to the definitions.
        project: Limit the segment to contacts of this project. The counts of single rules still include all contacts.
        as_of: The time that relative dates are measured from; by default now.
        timezone: The IANA name of the time zone.
        strict: Report a custom field that no contact has as an error.

    Raises:
        UsageError: The contact, segment, time zone or time does not exist.
        DefinitionError: The segment cannot be evaluated.
        SnapshotError: The snapshot cannot be used.
    """
    options = EvaluationOptions(
        contacts,
        id_column,
        project,
        as_of,
        timezone,
        strict,
        allow_empty=True,
        custom_fields=custom_fields,
        tables=tables,
        lists=lists,
    )
    prepared, segment_id = _prepare(options, segment, segments)
    row, found = _find(prepared, contact_id)
    member, verdicts = explain_row(prepared, segment_id, row, read_rows(prepared, found))
    return Explanation(segment_id, found, member, verdicts, tuple(prepared.warnings), tuple(prepared.notes))


def funnel(
    contacts: str | Path,
    segment: str | Path | Segment,
    *,
    segments: str | Path | Source = "segments",
    id_column: str = "id",
    custom_fields: str | None = None,
    tables: Tables | None = None,
    lists: str | Path | None = None,
    project: str | None = None,
    as_of: str | datetime | None = None,
    timezone: str = "UTC",
    strict: bool = False,
) -> Funnel:
    """Count the contacts that each rule of a segment keeps, on its own and after the rules before it.

    The arguments and errors are the same as those of `explain`.
    """
    options = EvaluationOptions(
        contacts,
        id_column,
        project,
        as_of,
        timezone,
        strict,
        allow_empty=True,
        custom_fields=custom_fields,
        tables=tables,
        lists=lists,
    )
    prepared, segment_id = _prepare(options, segment, segments)
    return count_steps(prepared, segment_id)


def _prepare(
    options: EvaluationOptions, segment: str | Path | Segment, segments: str | Path | Source
) -> tuple[PreparedEvaluation, str]:
    selection = select_definitions(segment, segments, project=options.project)
    segment_id = selection.only(segment)
    prepared = prepare(options, selection.definitions, also_disabled=selection.ids)
    prepared.plan_of(segment_id)
    return prepared, segment_id


def _find(prepared: PreparedEvaluation, contact_id: object) -> tuple[pl.DataFrame, str | int]:
    """Read the row of a contact.

    Returns:
        A frame with one row, and the contact's id as it is displayed.

    Raises:
        UsageError: No contact, or more than one, has the id.
    """
    snapshot = prepared.snapshot
    rows, copies = _rows(snapshot, prepared.plan.leaves, contact_id)
    ids = copies.get_column("id").to_list()
    if len(ids) > 1:
        place = place_of_copies(copies, snapshot.file_rows)
        raise UsageError(f"{_named(contact_id)} is the id of {len(ids)} contacts{place}")
    if not ids:
        about = f"the ids in the column '{snapshot.id_column}' are {describe_ids(snapshot.id_type)}"
        raise UsageError(f"no contact has the id {_named(contact_id)}; {about}")
    return rows[0], write_id(ids[0], snapshot.id_type)


def _rows(
    snapshot: Snapshot, leaves: frozenset[str], contact_id: object
) -> tuple[Sequence[pl.DataFrame], pl.DataFrame]:
    """Return the rows with a contact's id, and a frame with `id` and the row number in the snapshot for each."""
    rows, found, begun = list[pl.DataFrame](), list[pl.DataFrame](), 0
    for batch in snapshot.batches(leaves, batch_rows(1)):
        ids = ids_as_series(batch.ids)
        try:
            is_wanted = matches_id(ids, snapshot.id_type, contact_id).fill_null(value=False)
        except UnreadableIdError:
            about = f"the column '{snapshot.id_column}' has {describe_ids(snapshot.id_type)}"
            raise UsageError(f"{_named(contact_id)} cannot be the id of a contact: {about}") from None
        if is_wanted.any():
            rows.append(batch.frame.filter(is_wanted))
            numbers = (is_wanted.arg_true() + begun).cast(pl.Int64)
            found.append(pl.DataFrame([ids.filter(is_wanted).alias("id"), numbers.alias("row")]))
        begun += len(ids)
    return rows, pl.concat(found) if found else pl.DataFrame({"id": []})


def _named(contact_id: object) -> str:
    return shown(contact_id if isinstance(contact_id, int) else str(contact_id))


@dataclass(frozen=True, slots=True)
class _Contact:
    """A contact, and the results of the plan's predicates for it."""

    prepared: PreparedEvaluation
    row: pl.DataFrame
    results: PredicateResults
    rows: ContactRows | None

    def holds(self, part: Part) -> bool:
        return bool(self.results.frame.select(self.results.expression_of(part.condition)).item())


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


def _verdict(part: Part, contact: _Contact, *, follow: bool) -> Verdict:
    """Return the verdict of a part.

    Args:
        part: The rule or group.
        contact: The contact.
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
            return Verdict(part.path, text, holds, explain_rule(rule, _seen_by(rule, contact), holds=holds))


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


def _seen_by(rule: Rule, contact: _Contact) -> RuleInput:
    found = find_fields(rule, contact.prepared.snapshot.schema, contact.prepared.clock)
    seen, *others = (_seen_source(source, contact) for source in found.sources)
    return replace(seen, other=next(iter(others), None))


def _seen_source(source: RuleField, contact: _Contact) -> RuleInput:
    """Return the input of a field; a version, and a value that cannot be read, are shown as they are stored."""
    seen, stored = _seen(source.read, contact), _seen(source.found, contact)
    if source.read.kind is Kind.VERSION and seen.value is not None:
        return replace(seen, value=stored.value)
    return replace(seen, unreadable=stored) if seen.value is None and stored.value is not None else seen


def _seen(field: Field, contact: _Contact) -> RuleInput:
    value = plain_number(value_in(contact.row.select(field.expr.alias("value")).to_series()))
    return RuleInput(field, value, contact.prepared.clock)
