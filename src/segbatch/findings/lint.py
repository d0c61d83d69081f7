"""Lint of definitions: the findings in the definitions, and those that need the contacts."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from segbatch.compiler.clock import read_clock
from segbatch.compiler.prepare import EvaluationOptions, PreparedEvaluation, prepare
from segbatch.compiler.project_check import unknown_project
from segbatch.compiler.tables import unread_tables
from segbatch.definitions.definition import Definition
from segbatch.definitions.loader import load_definitions
from segbatch.definitions.segment_filter import ALL_SEGMENTS, SegmentFilter
from segbatch.definitions.source import Source
from segbatch.definitions.value_lists import lists_of, read_lists
from segbatch.errors import Problem
from segbatch.findings.counts import Counts, case_sensitive_texts, count_matches, count_rows
from segbatch.findings.definition_checks import check_without_snapshot, find_in_definitions, kinds_of
from segbatch.findings.finding import Finding, FindingName, read_ignored
from segbatch.findings.kinds import Kinds
from segbatch.findings.rule_checks import has_empty_part
from segbatch.model.rule import Rule, TableRule, walk_rules
from segbatch.snapshot.fields.types import Kind
from segbatch.snapshot.related.sources import Tables
from segbatch.text import counted, shown

_FIELD_KEYS = (".field", ".value_field")
_NEGATIVE = {"neq", "not_in", "not_contains"}


@dataclass(frozen=True, slots=True)
class LintReport:
    """Result of a lint.

    Attributes:
        segments: The number of definitions, good and broken.
        errors: Certain errors, as reported by `check`; segments with errors are not linted.
        findings: Problems that are valid but probably wrong, ordered by segment id.
        warnings: Probable mistakes in the options, such as an unknown project.
        notes: Facts about how the fields are read.
    """

    segments: int
    errors: tuple[Problem, ...]
    findings: tuple[Finding, ...]
    warnings: tuple[Problem, ...] = ()
    notes: tuple[Problem, ...] = ()


def lint(
    segments: str | Path | Source = "segments",
    contacts: str | Path | None = None,
    *,
    ignore: Iterable[str] = (),
    id_column: str = "id",
    custom_fields: str | None = None,
    tables: Tables | None = None,
    lists: str | Path | None = None,
    project: str | None = None,
    only: SegmentFilter = ALL_SEGMENTS,
    as_of: str | datetime | None = None,
    timezone: str = "UTC",
) -> LintReport:
    """Find definitions that are valid but probably wrong.

    Args:
        segments: A JSON file of definitions, or a folder of such files.
        contacts: A snapshot, which is read once to count the matches of the rules. Without it, only the definitions
            are checked.
        ignore: The names of findings to ignore.
        id_column: The column with the contacts' ids.
        custom_fields: The column that definitions call `custom_fields`, if it has another name.
        tables: The related tables that rules may read, by name: each a path, or a `segbatch.TableSource`.
        lists: The folder of the lists that rules name; by default `lists` next to the definitions.
        project: Lint only the segments of this project, over its contacts only.
        only: Lint only these segments, and those that they refer to.
        as_of: The time that relative dates are measured from (ISO 8601); the current time by default.
        timezone: The IANA name of the time zone.

    Returns:
        The errors, findings, warnings and notes.

    Raises:
        UsageError: No definitions were found, or a finding name, the filter, the time zone or the time is not valid.
        SnapshotError: The snapshot cannot be used.
    """
    ignored = read_ignored(ignore)
    definitions = load_definitions(segments)
    if contacts is None:
        clock = read_clock(as_of, timezone, datetime.now(UTC))
        own = only.apply(definitions.of_project(project))
        errors, found = check_without_snapshot(own, clock, read_lists(own.good, lists_of(own, lists)))
        warnings: Sequence[Problem] = unknown_project(project, definitions)
        notes: Sequence[Problem] = unread_tables(tables, definitions)
    else:
        options = EvaluationOptions(
            contacts, id_column, custom_fields, tables, lists, project, as_of, timezone, only=only
        )
        prepared = prepare(options, definitions)
        own, errors, found = prepared.definitions, prepared.errors, _over_contacts(prepared, project)
        warnings = [problem for problem in prepared.general_warnings if problem.severity == "warning"]
        notes = prepared.notes
    kept = sorted((entry for entry in found if entry.name not in ignored), key=lambda entry: entry.place)
    return LintReport(len(own), tuple(errors), tuple(kept), tuple(warnings), tuple(notes))


def _over_contacts(prepared: PreparedEvaluation, project: str | None) -> Sequence[Finding]:
    good, kinds = [entry.definition for entry in prepared.plan.segments], kinds_of(prepared)
    found = [*find_in_definitions(good, kinds, prepared.clock)]
    known = {_key(entry) for entry in found}
    counts, tables = count_matches(prepared, good, project), count_rows(prepared, good)
    in_counts = (finding for definition in good for finding in _find_in_counts(definition, counts, tables, kinds))
    return [*found, *(entry for entry in in_counts if _key(entry) not in known)]


def _key(finding: Finding) -> tuple[str, str | None, str | None]:
    return finding.name, finding.problem.segment_id, finding.problem.path


def _find_in_counts(
    definition: Definition, counts: Counts, tables: Mapping[str, Counts], kinds: Kinds
) -> Iterator[Finding]:
    """Yield the findings about the rules of a segment that follow from the counts.

    Args:
        counts: The counts over the contacts.
        tables: The counts over the rows of each table.
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
    for place, text in case_sensitive_texts(rule, kind) if spellings else ():
        other = spellings.others.get(text.lower()) if spellings and text not in spellings.found else None
        if other is not None:
            message = (
                f"no {counts.noun[0]} has {shown(text)} in '{rule.field}', but some have {shown(other)}; write that"
            )
            yield "case-mismatch", place, f'{message}, or add "ignore_case": true'
