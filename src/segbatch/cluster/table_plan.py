"""Division of a plan between the stages of a run, if rules read related tables.

The aggregates of a contact are known only in its bucket, where all its rows meet. So the first stage evaluates the
segments that read no table of files. For the others it sends the results of their other predicates, as bits after those
of the segments.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from segbatch.compiler.conditions import Condition, numbers_in, references_in
from segbatch.compiler.plan import Plan
from segbatch.platform.bitmaps import WORD, word_count
from segbatch.snapshot.parquet.files import SnapshotFile
from segbatch.snapshot.related.lists import ListTable
from segbatch.snapshot.related.query import TableQuery
from segbatch.snapshot.snapshot import Snapshot
from segbatch.storage.segment_bits import SegmentBits


@dataclass(frozen=True)
class DividedPlan:
    """A plan, divided between the stages of a run.

    Attributes:
        plan: The whole plan.
        queries: The aggregates of tables in files. Those of lists in contacts are computed in the first stage.
    """

    plan: Plan
    queries: tuple[TableQuery, ...]

    @property
    def tables(self) -> Mapping[str, Snapshot]:
        """The tables in files by name."""
        return {query.name: query.table for query in self.queries if isinstance(query.table, Snapshot)}

    @cached_property
    def keys(self) -> frozenset[str]:
        """The columns of the aggregates of tables in files."""
        return frozenset(key for query in self.queries for key in query.columns)

    @cached_property
    def aggregated(self) -> tuple[int, ...]:
        """The predicates that read such a column, ascending."""
        predicates = enumerate(self.plan.predicates) if self.queries else ()
        return tuple(number for number, predicate in predicates if self.keys & {*predicate.meta.root_names()})

    @cached_property
    def dependent(self) -> frozenset[str]:
        """The segments that depend on such a predicate, also through other segments."""
        conditions, aggregated, found = self._conditions, {*self.aggregated}, set[str]()
        for segment_id in (*self.plan.shared_segments, *conditions):
            condition = conditions[segment_id]
            if numbers_in(condition) & aggregated or references_in(condition) & found:
                found.add(segment_id)
        return frozenset(found)

    @cached_property
    def _conditions(self) -> Mapping[str, Condition]:
        return {entry.definition.segment_id: entry.condition for entry in self.plan.segments}

    @cached_property
    def first_stage(self) -> Plan:
        """The plan of the first stage."""
        return replace(self.plan.without(self.dependent), leaves=self.plan.leaves - self.keys)

    @cached_property
    def last_stage(self) -> Plan:
        """The plan of the segments that are evaluated where the aggregates are."""
        return self.plan.without(self._conditions.keys() - self.dependent)

    @cached_property
    def sent(self) -> tuple[int, ...]:
        """The predicates that the first stage sends, ascending."""
        needed = set[int]().union(*(numbers_in(entry.condition) for entry in self.last_stage.segments))
        return tuple(sorted(needed - {*self.aggregated}))

    @cached_property
    def evaluated(self) -> tuple[int, ...]:
        """The predicates that the first stage evaluates, ascending."""
        needed = set[int]().union(*(numbers_in(entry.condition) for entry in self.first_stage.segments))
        return tuple(sorted(needed.union(self.sent)))

    @property
    def known(self) -> frozenset[str]:
        """The segments of the first stage that those of the last stage reference."""
        references = (references_in(entry.condition) for entry in self.last_stage.segments)
        return frozenset(set[str]().union(*references) - self.dependent)


def divide(plan: Plan) -> DividedPlan:
    """Divide a plan between the stages of a run."""
    queries = [query for query in plan.queries if isinstance(query.table, Snapshot)]
    return DividedPlan(plan, tuple(query for query in queries if plan.leaves & query.columns.keys()))


def first_sent_bit(bits: SegmentBits) -> int:
    """Return the position of the first predicate in the bits of a contact. Segments have words of their own."""
    return word_count(len(bits.names)) * WORD


def contacts_in(snapshot: Snapshot, divided: DividedPlan, file: SnapshotFile) -> Snapshot:
    """Return a part of the contacts, with the lists in them.

    Args:
        file: A file of the snapshot, or some row groups of it.
    """
    part = replace(snapshot, files=(file,), queries=())
    lists = [query for query in divided.plan.queries if isinstance(query.table, ListTable)]
    return replace(part, queries=tuple(_over(query, part) for query in lists))


def _over(query: TableQuery, contacts: Snapshot) -> TableQuery:
    """Return the aggregates of a list in some contacts."""
    table = query.table
    return replace(query, table=replace(table, contacts=contacts)) if isinstance(table, ListTable) else query


def without_files(plan: Plan) -> Plan:
    """Return a plan whose tables have no files, since each task has its own part of them."""
    return replace(plan, queries=tuple(replace(query, table=_without_files(query)) for query in plan.queries))


def _without_files(query: TableQuery) -> Snapshot | ListTable:
    match query.table:
        case Snapshot() as table:
            return replace(table, files=())
        case ListTable() as table:
            return replace(table, contacts=replace(table.contacts, files=()))
        case _:
            raise AssertionError(query.name)
