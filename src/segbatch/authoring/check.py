"""Checks of segment definitions that evaluate no contacts but those of their examples."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from segbatch.authoring.examples.evaluate import check_examples
from segbatch.authoring.examples.snapshots import BySnapshot, ByValues
from segbatch.authoring.schema_check import SchemaCheck
from segbatch.compiler.clock import read_clock
from segbatch.compiler.prepare import EvaluationOptions, prepare
from segbatch.compiler.project_check import unknown_project
from segbatch.compiler.tables import unread_tables
from segbatch.definitions.definition import Definitions
from segbatch.definitions.exclusions import Source
from segbatch.definitions.loader import load_definitions
from segbatch.definitions.segment_filter import ALL_SEGMENTS, SegmentFilter
from segbatch.definitions.value_lists import lists_of, read_lists
from segbatch.errors import Problem
from segbatch.findings.definition_checks import check_without_snapshot, finding_warnings
from segbatch.findings.finding import FindingName, read_ignored
from segbatch.model.contract import Contract
from segbatch.snapshot.contract import contract_columns, find_deviations, read_contract
from segbatch.snapshot.related.sources import Tables


@dataclass(frozen=True, slots=True)
class CheckReport:
    """Errors and warnings found in segment definitions.

    Attributes:
        segments: The number of definitions, valid and invalid.
        problems: Errors and warnings in the order of the segment ids, then the notes.
    """

    segments: int
    problems: tuple[Problem, ...]

    @property
    def errors(self) -> tuple[Problem, ...]:
        """Return the problems that are errors."""
        return tuple(problem for problem in self.problems if problem.severity == "error")

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """Return the problems that are warnings."""
        return tuple(problem for problem in self.problems if problem.severity == "warning")


def check(
    segments: str | Path | Source = "segments",
    contacts: str | Path | None = None,
    *,
    schema: str | Path | None = None,
    id_column: str = "id",
    custom_fields: str | None = None,
    tables: Tables | None = None,
    lists: str | Path | None = None,
    project: str | None = None,
    only: SegmentFilter = ALL_SEGMENTS,
    as_of: str | datetime | None = None,
    timezone: str = "UTC",
    strict: bool = False,
    lint_ignore: Iterable[str] = (),
) -> CheckReport:
    """Return the errors and warnings that a run would report, without evaluating contacts.

    The examples in definitions are evaluated, and each wrong one is an error.

    The warnings include the findings of `segbatch.lint` that do not need to count contacts.

    Args:
        segments: A JSON file of definitions, or a folder of such files.
        contacts: A snapshot; fields and types are checked against its columns. Without it, only the definitions are
            checked.
        schema: A schema file, written by `segbatch columns --schema`. Without contacts, fields and types are checked
            against it. With contacts, the snapshot is compared with it.
        id_column: The column with the contact ids.
        custom_fields: The column that definitions call `custom_fields`, if its name is different.
        tables: The related tables that rules may read, by name: each a path, or a `segbatch.TableSource`.
        lists: The folder of the lists that rules name; by default `lists` next to the definitions.
        project: Check only the segments of this project.
        only: Check only these segments, and those that they refer to.
        as_of: The time that relative dates in examples are measured from; by default now.
        timezone: The IANA name of the run's time zone.
        strict: Report a custom field that no contact has as an error.
        lint_ignore: The names of lint findings to leave out.

    Returns:
        The problems that were found.

    Raises:
        UsageError: No definitions exist, or a time, a lint finding, or a part of the filter is not valid.
        SnapshotError: The snapshot cannot be opened.
    """
    ignored = read_ignored(lint_ignore)
    definitions = load_definitions(segments)
    contract = None if schema is None else read_contract(Path(schema))
    clock = read_clock(as_of, timezone, datetime.now(UTC))
    options = EvaluationOptions(
        "" if contacts is None else contacts,
        id_column,
        project,
        clock.as_of,
        timezone,
        strict,
        allow_empty=True,
        custom_fields=custom_fields,
        tables=tables,
        only=only,
        lists=lists,
    )
    # tables and the name of `custom_fields` are left out: contacts without a snapshot have lists in place of tables
    by_values = ByValues(replace(options, tables=None, custom_fields=None), clock)
    if contacts is None:
        report = _check_without_contacts(definitions, by_values, contract, ignored)
        return replace(report, problems=(*report.problems, *unread_tables(tables, definitions)))
    prepared = prepare(options, definitions)
    found = () if contract is None else find_deviations(contract, prepared.snapshot, Path(str(schema)))
    deviations = tuple(problem.as_error() if strict else problem for problem in found)
    prepared = prepared.with_findings(finding_warnings(prepared, ignored))
    errors = prepared.errors
    wrong = check_examples(prepared.definitions, _wrong_in(errors), by_values, BySnapshot(options, prepared))
    problems = [*errors, *wrong, *deviations, *prepared.warnings, *prepared.notes]
    return CheckReport(len(prepared.definitions), tuple(problems))


def _check_without_contacts(
    definitions: Definitions, by_values: ByValues, contract: Contract | None, ignored: Collection[FindingName]
) -> CheckReport:
    options, clock, typed = by_values.options, by_values.clock, by_values
    own = options.only.apply(definitions.of_project(options.project))
    lists = read_lists(own.good, lists_of(own, options.lists))
    problems = [*unknown_project(options.project, definitions)]
    if contract is None:
        errors, findings = check_without_snapshot(own, clock, lists, ignored)
        problems += [*errors, *(finding.named for finding in findings)]
    else:
        against = SchemaCheck(contract, clock, options.id_column, options.project, options.strict, ignored, lists)
        problems += against.check(own)
        typed = replace(by_values, columns=contract_columns(contract, options.id_column))
    return CheckReport(len(own), (*problems, *check_examples(own, _wrong_in(problems), by_values, typed)))


def _wrong_in(problems: Iterable[Problem]) -> set[str | None]:
    """Return the segments with errors."""
    return {problem.segment_id for problem in problems if problem.severity == "error"}
