"""Checks of segment definitions against a schema file, without a snapshot."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from segbatch.compiler.clock import Clock
from segbatch.compiler.dependencies import wrong_references
from segbatch.compiler.plan import PlanInputs, make_plan
from segbatch.compiler.samples import IdColumn
from segbatch.definitions.definition import Definition, Definitions
from segbatch.definitions.value_lists import Lists, list_problems
from segbatch.errors import Problem
from segbatch.findings.definition_checks import find_in_definitions
from segbatch.findings.finding import FindingName
from segbatch.findings.kinds import Kinds
from segbatch.model.contract import Contract
from segbatch.model.rule import TableRule, walk_rules
from segbatch.snapshot.contract import contract_columns
from segbatch.text import counted, some_of


@dataclass(frozen=True, slots=True)
class SchemaCheck:
    """The inputs of a check.

    Attributes:
        contract: The fields of the contacts.
        clock: The time of the run, with its time zone.
        id_column: The column with the contact ids.
        project: The project that contacts are restricted to, if any.
        strict: Whether a field that the schema lacks in a column is an error.
        ignored: The names of lint findings to leave out.
        lists: The lists that rules name.
    """

    contract: Contract
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
            contract_columns(self.contract, self.id_column),
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
