"""What is legal in definitions and probably wrong: every sort of finding over all of them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from segbatch.compiler.clock import Clock, read_clock
from segbatch.contacts.fields import resolve
from segbatch.contacts.kinds import Kind
from segbatch.definitions.excluding import Source
from segbatch.definitions.loading import Definition, Definitions, load_definitions
from segbatch.errors import Problem
from segbatch.linting.contradictions import contradictions
from segbatch.linting.counted import count, counted_findings
from segbatch.linting.meaning import duplicate_rules, same_meanings
from segbatch.linting.names import Finding, read_ignored
from segbatch.linting.static import odd_rules, text_orders
from segbatch.preparing import Prepared, Question, prepare
from segbatch.projects import unknown_project

__all__ = ["LintReport", "lint"]


@dataclass(frozen=True, slots=True)
class LintReport:
    """What is probably wrong with definitions.

    Attributes:
        segments: How many definitions there are, good and broken.
        errors: What is certainly wrong, as `check` finds it; such segments are not looked into.
        findings: What is legal and probably wrong, in the order of the segments' ids.
        warnings: What of the question itself is probably a slip.
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
    project: str | None = None,
    as_of: str | datetime | None = None,
    timezone: str = "UTC",
) -> LintReport:
    """Find what is legal in definitions and probably wrong.

    Args:
        segments: A JSON file of definitions, or a folder of such files.
        contacts: A snapshot, which is read once to count whom the rules hold; without it the definitions alone are
            looked at.
        ignore: The names of findings that are not wanted.
        id_column: The column with the contacts' ids.
        custom_fields: The column that definitions call `custom_fields`, if it has another name.
        project: Look at the segments of this project alone, over its contacts alone.
        as_of: The moment from which relative dates are measured (ISO 8601); now, if not given.
        timezone: The IANA name of the time zone.

    Returns:
        What was found.

    Raises:
        UsageError: There is no definition, no such finding, no such time zone, or no such time.
        SnapshotError: The snapshot cannot be used.
    """
    ignored = read_ignored(ignore)
    definitions = load_definitions(segments)
    if contacts is None:
        clock = read_clock(as_of, timezone, datetime.now(UTC))
        own = definitions.of_project(project)
        errors, found = tuple(own.problems), _by_themselves(own, clock)
        doubts: Sequence[Problem] = unknown_project(project, definitions)
        notes: Sequence[Problem] = ()
    else:
        prepared = prepare(
            Question(contacts, id_column, project, as_of, timezone, custom_fields=custom_fields), definitions
        )
        own, errors, found = prepared.definitions, tuple(prepared.errors), _over_contacts(prepared, project)
        doubts, notes = prepared.doubts, prepared.notes
    kept = sorted((entry for entry in found if entry.name not in ignored), key=lambda entry: entry.place)
    return LintReport(len(own), errors, tuple(kept), tuple(doubts), tuple(notes))


def _by_themselves(definitions: Definitions, clock: Clock) -> Iterator[Finding]:
    return _static(definitions.good, {}, clock)


def _over_contacts(prepared: Prepared, project: str | None) -> Iterator[Finding]:
    good = [entry.definition for entry in prepared.plan.segments]
    schema = prepared.snapshot.schema
    names = {rule.field for entry in good for _, rule in entry.segment.rule_paths() if rule.field is not None}
    kinds = {name: resolve(name, schema).kind for name in names}
    yield from _static(good, kinds, prepared.clock)
    counts = count(prepared.snapshot, good, prepared.clock, project)
    for definition in good:
        yield from text_orders(definition, kinds)
        yield from counted_findings(definition, counts, kinds)


def _static(definitions: Iterable[Definition], kinds: dict[str, Kind], clock: Clock) -> Iterator[Finding]:
    definitions = tuple(definitions)
    yield from same_meanings(definitions)
    for definition in definitions:
        yield from odd_rules(definition, kinds)
        yield from duplicate_rules(definition)
        yield from contradictions(definition, kinds, clock)
