"""Findings that need no pass over the contacts, but only the definitions and, if known, the types of the columns."""

from collections.abc import Collection, Iterable, Iterator, Sequence

from segbatch.compiler.clock import Clock
from segbatch.compiler.lifecycle import expires_soon, split_disabled
from segbatch.compiler.prepare import PreparedEvaluation
from segbatch.compiler.references import wrong_references
from segbatch.definitions.definition import Definition, Definitions
from segbatch.definitions.value_lists import Lists, list_problems
from segbatch.errors import Problem
from segbatch.findings.contradictions import find_contradictions
from segbatch.findings.finding import Finding, FindingName
from segbatch.findings.kinds import Kinds
from segbatch.findings.normal_form import NormalForms, SameMeaningFinder, find_duplicate_rules
from segbatch.findings.rule_checks import find_impossible_counts, find_odd_rules, find_text_orders
from segbatch.snapshot.fields.resolution import resolve
from segbatch.text import counted


def find_in_definitions(
    definitions: Iterable[Definition], kinds: Kinds, clock: Clock, ignored: Collection[FindingName] = ()
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
    same = SameMeaningFinder()
    for definition in definitions:
        forms = NormalForms()
        found += same.find(definition, forms)
        found += find_odd_rules(definition, kinds)
        found += find_duplicate_rules(definition, forms)
        found += find_contradictions(definition, kinds, clock, forms)
        found += find_impossible_counts(definition, clock)
        found += find_text_orders(definition, kinds)
        found += _find_expiring(definition, clock)
    return sorted((entry for entry in found if entry.name not in ignored), key=lambda entry: entry.place)


def check_without_snapshot(
    definitions: Definitions, clock: Clock, lists: Lists, ignored: Collection[FindingName] = ()
) -> tuple[Sequence[Problem], Sequence[Finding]]:
    """Check definitions without a snapshot.

    Args:
        definitions: All definitions, good and broken.
        clock: The time of the run, with its time zone.
        ignored: The names of findings to ignore.

    Returns:
        The errors, and the findings of the segments that are enabled and have no errors.
    """
    references = wrong_references(definitions, clock)
    errors = [*definitions.problems, *references, *list_problems(definitions.good, lists)]
    wrong = {problem.segment_id for problem in errors}
    enabled, _ = split_disabled(definitions.good, clock)
    good = (entry for entry in enabled if entry.segment_id not in wrong)
    return errors, find_in_definitions(good, Kinds(), clock, ignored)


def kinds_of(prepared: PreparedEvaluation) -> Kinds:
    """Return the kinds of the fields that rules read in a snapshot and its related tables."""
    fields = {name: found.kind for name, found in prepared.plan.fields.items()}
    columns: dict[str, set[str]] = {}
    for rule in (rule for entry in prepared.plan.segments for _, rule in entry.definition.segment.table_rules()):
        names = {rule.field, *(name for _, row in rule.row_rules() for name in row.fields)}
        columns.setdefault(rule.table, set()).update(name for name in names if name is not None)
    schemas = {name: prepared.tables[name].snapshot.schema for name in columns}
    tables = {table: {name: resolve(name, schemas[table]).kind for name in names} for table, names in columns.items()}
    return Kinds(fields, tables)


def finding_warnings(prepared: PreparedEvaluation, ignored: Collection[FindingName] = ()) -> Sequence[Problem]:
    """Return the findings of the segments that can be evaluated over a snapshot, as warnings.

    Args:
        ignored: The names of findings to ignore.
    """
    good = (entry.definition for entry in prepared.plan.segments)
    return [finding.named for finding in find_in_definitions(good, kinds_of(prepared), prepared.clock, ignored)]


def _find_expiring(definition: Definition, clock: Clock) -> Iterator[Finding]:
    """Find whether a segment expires within two weeks after the run's time."""
    left = expires_soon(definition.segment, clock)
    if left is not None:
        when = f"in {counted(left.days, 'day')}" if left.days else "in less than a day"
        message = f"the segment expires {when}, at {definition.segment.expires_at}, and has no members from then on"
        problem = Problem(f"{message}; change 'expires_at' to keep it", path="$.expires_at", severity="warning")
        yield Finding("expires-soon", definition.locate(problem))
