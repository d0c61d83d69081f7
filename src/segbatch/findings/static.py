"""Findings that need no pass over the contacts, but only the definitions and, if known, the types of the columns."""

from collections.abc import Collection, Iterable, Mapping, Sequence

from segbatch.compiler.clock import Clock
from segbatch.compiler.dependencies import wrong_references
from segbatch.compiler.prepare import PreparedEvaluation
from segbatch.definitions.definition import Definition, Definitions
from segbatch.errors import Problem
from segbatch.findings.contradictions import contradictions
from segbatch.findings.names import Finding, FindingName
from segbatch.findings.normal_form import Meanings, SameMeanings, duplicate_rules
from segbatch.findings.static_checks import odd_rules, text_orders
from segbatch.snapshot.fields.types import Kind


def find_static(
    definitions: Iterable[Definition], kinds: Mapping[str, Kind], clock: Clock, ignored: Collection[FindingName] = ()
) -> Sequence[Finding]:
    """Find definitions that are valid but probably wrong, without reading contacts.

    Args:
        definitions: The segments that can be evaluated.
        kinds: The kinds of the fields, as far as they are known.
        clock: The time of the run, with its time zone.
        ignored: The names of findings to ignore.

    Returns:
        The findings, ordered by segment id.
    """
    found: list[Finding] = []
    same = SameMeanings()
    for definition in definitions:
        meanings = Meanings()
        found += same.find(definition, meanings)
        found += odd_rules(definition, kinds)
        found += duplicate_rules(definition, meanings)
        found += contradictions(definition, kinds, clock)
        found += text_orders(definition, kinds)
    return sorted((entry for entry in found if entry.name not in ignored), key=lambda entry: entry.place)


def look_alone(
    definitions: Definitions, clock: Clock, ignored: Collection[FindingName] = ()
) -> tuple[Sequence[Problem], Sequence[Finding]]:
    """Check definitions without a snapshot.

    Args:
        definitions: All definitions, good and broken.
        clock: The time of the run, with its time zone.
        ignored: The names of findings to ignore.

    Returns:
        The errors, and the findings of the segments without errors.
    """
    errors = [*definitions.problems, *wrong_references(definitions)]
    wrong = {problem.segment_id for problem in errors}
    good = (entry for entry in definitions.good if entry.segment_id not in wrong)
    return errors, find_static(good, {}, clock, ignored)


def kinds_of(prepared: PreparedEvaluation) -> Mapping[str, Kind]:
    """Return the kinds of the fields that rules read in a snapshot."""
    return {name: found.kind for name, found in prepared.plan.fields.items()}


def warnings_of(prepared: PreparedEvaluation, ignored: Collection[FindingName] = ()) -> Sequence[Problem]:
    """Return the findings of the segments that can be evaluated over a snapshot, as warnings.

    Args:
        prepared: The definitions and the snapshot.
        ignored: The names of findings to ignore.
    """
    good = (entry.definition for entry in prepared.plan.segments)
    return [finding.named for finding in find_static(good, kinds_of(prepared), prepared.clock, ignored)]
