"""What is legal in definitions and probably wrong: every sort of finding over all of them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from segbatch.compiler.clock import read_clock
from segbatch.compiler.prepare import Prepared, Question, prepare
from segbatch.compiler.project_check import unknown_project
from segbatch.definitions.exclusions import Source
from segbatch.definitions.loader import load_definitions
from segbatch.errors import Problem
from segbatch.findings.data_checks import count, counted_findings
from segbatch.findings.names import Finding, read_ignored
from segbatch.findings.static import find_static, kinds_of, look_alone

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
        errors, found = look_alone(own, clock)
        doubts: Sequence[Problem] = unknown_project(project, definitions)
        notes: Sequence[Problem] = ()
    else:
        question = Question(contacts, id_column, project, as_of, timezone, custom_fields=custom_fields)
        prepared = prepare(question, definitions)
        own, errors, found = prepared.definitions, prepared.errors, _over_contacts(prepared, project)
        doubts, notes = prepared.doubts, prepared.notes
    kept = sorted((entry for entry in found if entry.name not in ignored), key=lambda entry: entry.place)
    return LintReport(len(own), tuple(errors), tuple(kept), tuple(doubts), tuple(notes))


def _over_contacts(prepared: Prepared, project: str | None) -> Sequence[Finding]:
    good, kinds = [entry.definition for entry in prepared.plan.segments], kinds_of(prepared)
    counts = count(prepared.snapshot, good, prepared.clock, project)
    counted = (finding for definition in good for finding in counted_findings(definition, counts, kinds))
    return [*find_static(good, kinds, prepared.clock), *counted]
