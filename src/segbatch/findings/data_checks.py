"""Findings that need the contacts: empty fields, rules that match no or every contact, values in another case.

The snapshot and each related table are read once, in batches.
"""

from collections.abc import Iterable, Iterator, Mapping

import polars as pl

from segbatch.compiler.clock import Clock
from segbatch.compiler.predicates import compile_rule, compile_test, lower_rule
from segbatch.compiler.prepare import PreparedEvaluation
from segbatch.compiler.project_rule import project_column, project_rule
from segbatch.compiler.rule_errors import RuleError
from segbatch.compiler.rule_fields import RuleFields
from segbatch.definitions.definition import Definition
from segbatch.engine.local import batch_rows
from segbatch.errors import Problem
from segbatch.findings.counter import MATCHED, Counter, Counts, cased
from segbatch.findings.finding import Finding, FindingName
from segbatch.findings.kinds import Kinds
from segbatch.findings.rule_checks import has_empty_part
from segbatch.model.rule import Rule, TableRule, walk_rules
from segbatch.snapshot.fields.types import Kind
from segbatch.snapshot.id_checks import IdCheck, ids_as_series
from segbatch.snapshot.snapshot import Snapshot
from segbatch.text import clipped, counted, shown

_FIELD_KEYS = (".field", ".value_field")
_NEGATIVE = {"neq", "not_in", "not_contains"}


def count_matches(prepared: PreparedEvaluation, definitions: Iterable[Definition], project: str | None) -> Counts:
    """Count the matches of each distinct rule and find the spellings of texts, in one pass over the contacts.

    Args:
        prepared: The contacts, opened for the fields of the definitions, and their plan.
        definitions: The segments that can be evaluated.
        project: The project that contacts are restricted to, if any.

    Raises:
        SnapshotError: The snapshot cannot be read to its end, or has ids that a run rejects.
    """
    snapshot, clock, definitions = prepared.snapshot, prepared.clock, [*definitions]
    rules = (rule for entry in definitions for _, rule in entry.segment.rule_paths())
    counter = Counter(("contact", "contacts"), rules, snapshot.schema, clock, prepared.lists)
    for rule in (rule for entry in definitions for _, rule in entry.segment.table_rules()):
        found = RuleFields(prepared.plan.aggregates[rule.key])
        test = compile_test(lower_rule(rule.as_rule(rule.label), found, clock, prepared.lists), found, clock)
        counter.add_test(f"{MATCHED}{rule.model_dump_json()}", test, found.field.leaf)
    own, owner = _of_project(snapshot, clock, project), project_column(snapshot.schema)
    leaves = counter.leaves | ({owner} if own is not None and owner else set())
    check = IdCheck(snapshot.id_column)
    for batch in snapshot.batches(leaves, batch_rows(len(counter))):
        check.add(ids_as_series(batch.ids))
        counter.add(batch.frame if own is None else batch.frame.filter(own))
    check.finish(snapshot.ids, snapshot.file_rows)
    return counter.counts()


def count_rows(prepared: PreparedEvaluation, definitions: Iterable[Definition]) -> Mapping[str, Counts]:
    """Count the matches of each distinct rule on the rows of a table, in one pass over each table.

    Args:
        prepared: The related tables, opened for the fields of the definitions.
        definitions: The segments that can be evaluated.

    Raises:
        SnapshotError: A table cannot be read to its end.
    """
    rules: dict[str, list[Rule]] = {}
    for rule in (rule for entry in definitions for _, rule in entry.segment.table_rules()):
        rules.setdefault(rule.table, []).extend(row for _, row in rule.row_rules())
    return {name: _count_rows(prepared, name, found) for name, found in rules.items()}


def _count_rows(prepared: PreparedEvaluation, name: str, rules: Iterable[Rule]) -> Counts:
    table = prepared.tables[name].snapshot
    of_table = f"of the table '{clipped(name)}'"
    counter = Counter((f"row {of_table}", f"rows {of_table}"), rules, table.schema, prepared.clock, prepared.lists)
    for batch in table.batches(counter.leaves, batch_rows(len(counter))):
        counter.add(batch.frame)
    return counter.counts()


def _of_project(snapshot: Snapshot, clock: Clock, project: str | None) -> pl.Expr | None:
    if project is None or project_column(snapshot.schema) is None:
        return None
    try:
        return compile_rule(project_rule(project), snapshot.schema, clock).predicate
    except RuleError:
        return None


def find_in_counts(
    definition: Definition, counts: Counts, tables: Mapping[str, Counts], kinds: Kinds
) -> Iterator[Finding]:
    """Yield the findings about the rules of a segment that follow from the counts.

    Args:
        definition: The segment.
        counts: The counts over the contacts.
        tables: The counts over the rows of each table.
        kinds: The kinds of the fields.
    """
    for path, rule in walk_rules(definition.segment.rules):
        if isinstance(rule, TableRule):
            found = [(name, path, message) for name, message in _of_matches(rule, counts)]
            for place, row in rule.row_rules():
                kind = kinds.of_column(rule.table, row.field)
                found += [
                    (name, path + place + key, message)
                    for name, key, message in _of_rule(row, tables[rule.table], kind)
                ]
        else:
            kind = kinds.fields.get(rule.field or "")
            found = [
                (name, path + key, message)
                for name, key, message in (_of_rule(rule, counts, kind) if rule.field else ())
            ]
        for name, place, message in found:
            yield Finding(name, definition.locate(Problem(message, path=place, severity="warning")))


def _of_rule(rule: Rule, counts: Counts, kind: Kind | None) -> Iterator[tuple[FindingName, str, str]]:
    if not counts.number or kind is None:
        return
    absent = [(one, key) for one, key in zip(rule.fields, _FIELD_KEYS, strict=False) if not counts.present[one]]
    for one, key in absent:
        reason = counts.reasons.get(one, f"no {counts.noun[0]} in this snapshot has '{one}'; check its spelling")
        yield "unknown-field", key, reason
    if absent:
        return
    mismatches = list(_mismatches(rule, counts, kind))
    yield from mismatches
    for finding, message in _of_matches(rule, counts):
        hidden = mismatches if finding == "always-holds" or rule.operator not in _NEGATIVE else ()
        if not hidden and not (finding == "always-holds" and has_empty_part(rule)):
            yield finding, "", message


def _of_matches(rule: Rule | TableRule, counts: Counts) -> Iterator[tuple[FindingName, str]]:
    """Yield the finding about a rule that matches no contact, or every contact."""
    if not counts.number:
        return
    number = counted(counts.number, *counts.noun)
    matched = counts.matched[rule.model_dump_json()]
    if not matched:
        yield "never-holds", f"it matches none of {number}"
    if matched == counts.number:
        yield "always-holds", f"it matches all {number}; it can be removed"


def _mismatches(rule: Rule, counts: Counts, kind: Kind) -> Iterator[tuple[FindingName, str, str]]:
    spellings = counts.spellings.get(str(rule.field))
    for place, text in cased(rule, kind) if spellings else ():
        other = spellings.others.get(text.lower()) if spellings and text not in spellings.found else None
        if other is not None:
            message = (
                f"no {counts.noun[0]} has {shown(text)} in '{rule.field}', but some have {shown(other)}; write that"
            )
            yield "case-mismatch", place, f'{message}, or add "ignore_case": true'
