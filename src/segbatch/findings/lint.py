"""Lint of definitions: all kinds of findings for all definitions."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from segbatch.compiler.clock import read_clock
from segbatch.compiler.prepare import EvaluationOptions, PreparedEvaluation, prepare
from segbatch.compiler.project_check import unknown_project
from segbatch.compiler.tables import unread_tables
from segbatch.definitions.exclusions import Source
from segbatch.definitions.loader import load_definitions
from segbatch.definitions.segment_filter import ALL_SEGMENTS, SegmentFilter
from segbatch.definitions.value_lists import lists_of, read_lists
from segbatch.errors import Problem
from segbatch.findings.data_checks import count_matches, count_rows, find_in_counts
from segbatch.findings.definition_checks import check_without_snapshot, find_in_definitions, kinds_of
from segbatch.findings.finding import Finding, read_ignored
from segbatch.snapshot.related.sources import Tables


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
            contacts,
            id_column,
            project,
            as_of,
            timezone,
            custom_fields=custom_fields,
            tables=tables,
            only=only,
            lists=lists,
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
    counted = (finding for definition in good for finding in find_in_counts(definition, counts, tables, kinds))
    return [*found, *(entry for entry in counted if _key(entry) not in known)]


def _key(finding: Finding) -> tuple[str, str | None, str | None]:
    return finding.name, finding.problem.segment_id, finding.problem.path
