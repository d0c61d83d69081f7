"""Checks of segment definitions that evaluate no contacts but those of their examples."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from segbatch.authoring.examples.evaluate import check_examples
from segbatch.authoring.examples.snapshots import BySnapshot, ByValues
from segbatch.compiler.clock import Clock, read_clock
from segbatch.compiler.plan import PlanInputs, make_plan
from segbatch.compiler.prepare import EvaluationOptions, prepare
from segbatch.compiler.project_check import unknown_project
from segbatch.compiler.references import wrong_references
from segbatch.compiler.samples import IdColumn
from segbatch.compiler.tables import unread_tables
from segbatch.definitions.definition import Definition, Definitions
from segbatch.definitions.loader import load_definitions
from segbatch.definitions.segment_filter import ALL_SEGMENTS, SegmentFilter
from segbatch.definitions.source import Source
from segbatch.definitions.value_lists import Lists, list_problems, lists_of, read_lists
from segbatch.errors import Problem
from segbatch.findings.definition_checks import check_without_snapshot, find_in_definitions, finding_warnings
from segbatch.findings.finding import FindingName, read_ignored
from segbatch.findings.kinds import Kinds
from segbatch.model.rule import TableRule, walk_rules
from segbatch.model.schema_file import SchemaFile
from segbatch.snapshot.related.sources import Tables
from segbatch.snapshot.schema_file import find_deviations, read_schema_file, schema_file_columns
from segbatch.text import counted, some_of


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
    expected = None if schema is None else read_schema_file(Path(schema))
    clock = read_clock(as_of, timezone, datetime.now(UTC))
    options = EvaluationOptions(
        "" if contacts is None else contacts,
        id_column,
        custom_fields,
        tables,
        lists,
        project,
        clock.as_of,
        timezone,
        strict,
        allow_empty=True,
        only=only,
    )
    # tables and the name of `custom_fields` are left out: contacts without a snapshot have lists in place of tables
    by_values = ByValues(replace(options, tables=None, custom_fields=None), clock)
    if contacts is None:
        report = _check_without_contacts(definitions, by_values, expected, ignored)
        return replace(report, problems=(*report.problems, *unread_tables(tables, definitions)))
    prepared = prepare(options, definitions)
    found = () if expected is None else find_deviations(expected, prepared.snapshot, Path(str(schema)))
    deviations = tuple(problem.as_error() if strict else problem for problem in found)
    prepared = prepared.with_findings(finding_warnings(prepared, ignored))
    errors = prepared.errors
    wrong = check_examples(prepared.definitions, _wrong_in(errors), by_values, BySnapshot(options, prepared))
    problems = [*errors, *wrong, *deviations, *prepared.warnings, *prepared.notes]
    return CheckReport(len(prepared.definitions), tuple(problems))


def _check_without_contacts(
    definitions: Definitions, by_values: ByValues, expected: SchemaFile | None, ignored: Collection[FindingName]
) -> CheckReport:
    options, clock, typed = by_values.options, by_values.clock, by_values
    own = options.only.apply(definitions.of_project(options.project))
    lists = read_lists(own.good, lists_of(own, options.lists))
    problems = [*unknown_project(options.project, definitions)]
    if expected is None:
        errors, findings = check_without_snapshot(own, clock, lists, ignored)
        problems += [*errors, *(finding.named for finding in findings)]
    else:
        against = _SchemaCheck(expected, clock, options.id_column, options.project, options.strict, ignored, lists)
        problems += against.check(own)
        typed = replace(by_values, columns=schema_file_columns(expected, options.id_column))
    return CheckReport(len(own), (*problems, *check_examples(own, _wrong_in(problems), by_values, typed)))


def _wrong_in(problems: Iterable[Problem]) -> set[str | None]:
    """Return the segments with errors."""
    return {problem.segment_id for problem in problems if problem.severity == "error"}


@dataclass(frozen=True, slots=True)
class _SchemaCheck:
    """The inputs of a check against a schema file, without a snapshot.

    Attributes:
        expected: The fields that the contacts should have.
        clock: The time of the run, with its time zone.
        id_column: The column with the contact ids.
        project: The project that contacts are restricted to, if any.
        strict: Whether a field that the schema lacks in a column is an error.
        ignored: The names of lint findings to leave out.
        lists: The lists that rules name.
    """

    expected: SchemaFile
    clock: Clock
    id_column: str
    project: str | None
    strict: bool
    ignored: Collection[FindingName]
    lists: Lists

    def check(self, definitions: Definitions) -> Iterator[Problem]:
        """Yield the errors of definitions, then the warnings and the notes.

        Segments that read related tables are checked as without a schema, which does not describe the tables.
        """
        unknown = _readers_of_tables(definitions.good)
        plan = make_plan(
            (entry for entry in definitions.good if entry.segment_id not in unknown),
            schema_file_columns(self.expected, self.id_column),
            self.clock,
            broken=definitions.broken,
            strict=self.strict,
            project=self.project,
            contacts_of=self.project,
            inputs=PlanInputs(id_column=IdColumn(self.id_column), lists=self.lists),
        )
        yield from definitions.problems
        yield from (problem for problems in plan.failed.values() for problem in problems)
        readers = tuple(entry for entry in definitions.good if entry.segment_id in unknown)
        yield from (problem for problem in wrong_references(definitions, self.clock) if problem.segment_id in unknown)
        yield from list_problems(readers, self.lists)
        yield from plan.warnings
        kinds = Kinds({name: found.kind for name, found in plan.fields.items()})
        left_out = plan.failed.keys() | plan.disabled.keys()
        good = [entry for entry in definitions.good if entry.segment_id not in left_out]
        yield from (finding.named for finding in find_in_definitions(good, kinds, self.clock, self.ignored))
        yield from plan.notes
        if unknown:
            what = f"{counted(len(unknown), 'segment')} ({some_of(sorted(unknown))})"
            message = f"fields and types are not checked in {what} with related tables, which the schema does not have"
            yield Problem(message, severity="note")


def _readers_of_tables(definitions: Collection[Definition]) -> set[str]:
    """Return the segments with rules on related tables, and all segments that reference these."""
    found = {
        entry.segment_id
        for entry in definitions
        if any(isinstance(rule, TableRule) for _, rule in walk_rules(entry.segment.rules))
    }
    while more := {entry.segment_id for entry in definitions if not found.isdisjoint(entry.references)} - found:
        found |= more
    return found
