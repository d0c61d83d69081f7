"""Previews: the size and first members of a segment, without publishing a run."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import polars as pl

from segbatch.compiler.prepare import EvaluationOptions, PreparedEvaluation, prepare
from segbatch.definitions.selection import select_definitions
from segbatch.definitions.source import Source
from segbatch.engine.base import Engine, Members
from segbatch.engine.local import LocalEngine
from segbatch.errors import DefinitionError, Problem, UsageError
from segbatch.model.operators import MatchName
from segbatch.model.segment import Segment
from segbatch.snapshot.database.database_copy import DatabaseReader
from segbatch.snapshot.id_checks import IdCheck, ids_as_series
from segbatch.snapshot.id_format import write_id
from segbatch.snapshot.related.sources import Tables
from segbatch.snapshot.snapshot import Snapshot

_LOCAL_ENGINE = LocalEngine()


@dataclass(frozen=True, slots=True)
class PreviewedSegment:
    """The result of a segment in a preview.

    Attributes:
        members: The number of members.
        share: `members` as a share of all contacts in the snapshot; None if the snapshot is empty.
        first: The ids of the first members, in the order of the snapshot.
    """

    segment_id: str
    name: str
    members: int
    share: float | None
    first: tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class PreviewReport:
    """The result of a preview.

    Attributes:
        contacts: The number of contacts in the snapshot.
        segments: The results of the segments, ordered by id.
        errors: The reasons why other segments could not be evaluated.
        warnings: Parts of the definitions that are valid but often a mistake.
        notes: Facts about how the fields are read.
    """

    contacts: int
    segments: tuple[PreviewedSegment, ...]
    errors: tuple[Problem, ...]
    warnings: tuple[Problem, ...]
    notes: tuple[Problem, ...] = ()


@dataclass(slots=True)
class _Tally:
    """The number of members of one segment, and the ids of the first ones."""

    limit: int
    members: int = 0
    first: list[object] = field(default_factory=list)

    def add(self, ids: pl.Series, rows: pl.Series) -> None:
        self.members += len(rows)
        self.first += ids.gather(rows.head(self.limit - len(self.first))).to_list()


def preview(
    contacts: str | Path,
    definition: str | Path | Segment | None = None,
    *,
    query: str | None = None,
    rules: Sequence[str] = (),
    match: MatchName | None = None,
    segments: str | Path | Source = "segments",
    first: int = 5,
    id_column: str = "id",
    custom_fields: str | None = None,
    tables: Tables | None = None,
    lists: str | Path | None = None,
    project: str | None = None,
    as_of: str | datetime | None = None,
    timezone: str = "UTC",
    strict: bool = False,
    engine: Engine = _LOCAL_ENGINE,
) -> PreviewReport:
    """Evaluate a definition without publishing a run. The definition need not be saved.

    Args:
        contacts: A Parquet file, a folder of them, or a glob; on disk or in object storage. Or the address of a
            database.
        query: The query for the contacts in a database; without it, the address names a table after a `#`.
        definition: A JSON file or a folder of them, `-` for standard input, the id of a segment in `segments`, or a
            segment.
        rules: Rules in place of a definition, such as `status eq active`.
        match: The way the rules are combined; by default `all`.
        segments: The location of the saved segments, used for `in_segment` references to segments that are not in the
            definitions.
        first: The number of member ids to return.
        id_column: The column with the contact ids.
        custom_fields: The column that definitions call `custom_fields`, if its name is different.
        tables: The related tables that rules may read, by name: each a path, or a `segbatch.TableSource`.
        lists: The folder of the lists that rules name; by default `lists` next to the definitions.
        project: Limit the segments to contacts of this project. Shares are still of all contacts.
        as_of: The time that relative dates are measured from; by default now.
        timezone: The IANA name of the time zone.
        strict: Report a custom field that no contact has as an error.
        engine: The engine that evaluates the segments; by default the one that runs in this process.

    Returns:
        The result of each segment of the definition.

    Raises:
        DefinitionError: No segment can be evaluated.
        UsageError: The definition, time zone or time does not exist.
        SnapshotError: The snapshot cannot be used.
        DatabaseError: The database of the contacts cannot be read.
    """
    if first < 0:
        raise UsageError(f"invalid --first {first}: use 0 or more")
    selection = select_definitions(definition, segments, rules=rules, match=match, project=project)
    options = EvaluationOptions(
        contacts,
        id_column,
        custom_fields,
        tables,
        lists,
        project,
        as_of,
        timezone,
        strict,
        allow_empty=True,
        databases=DatabaseReader(query),
    )
    prepared = prepare(options, selection.definitions, also_disabled=selection.ids)
    wanted, errors = _evaluable(prepared, selection.ids)
    if not wanted:
        raise DefinitionError(errors)
    found = first_members(prepared, wanted, first, engine=engine)
    warnings, notes = tuple(prepared.warnings), tuple(prepared.notes)
    return PreviewReport(prepared.snapshot.rows, found, tuple(errors), warnings, notes)


def first_members(
    prepared: PreparedEvaluation,
    segment_ids: Sequence[str],
    first: int,
    going_on: Callable[[], None] = lambda: None,
    engine: Engine = _LOCAL_ENGINE,
    *,
    check_ids: bool = True,
) -> tuple[PreviewedSegment, ...]:
    """Evaluate planned segments.

    Args:
        prepared: The plan and its snapshot.
        first: The number of member ids to return.
        going_on: Called after each batch of contacts; an exception that it raises stops the evaluation.
        check_ids: Whether to check that the ids are unique, which takes longer than a rule on a column.

    Returns:
        The result of each segment.

    Raises:
        SnapshotError: The snapshot cannot be read to its end, or has ids that are not valid.
    """
    batches = engine.evaluate(prepared.plan, prepared.snapshot)
    tallies = {segment_id: _Tally(first) for segment_id in segment_ids}
    check = IdCheck(prepared.snapshot.id_column) if check_ids else None
    _count(batches, prepared.snapshot, tallies, check, going_on)
    return tuple(_previewed(prepared, segment_id, tally) for segment_id, tally in tallies.items())


def _evaluable(prepared: PreparedEvaluation, ids: Sequence[str]) -> tuple[list[str], list[Problem]]:
    good, problems = list[str](), list[Problem]()
    for segment_id in ids:
        try:
            prepared.plan_of(segment_id)
        except DefinitionError as error:
            problems += error.problems
        else:
            good.append(segment_id)
    return good, problems


def _count(
    batches: Iterator[Members],
    snapshot: Snapshot,
    tallies: dict[str, _Tally],
    check: IdCheck | None,
    going_on: Callable[[], None],
) -> None:
    """Count the members in all batches. Like a run, raise an error if the snapshot has ids that are not valid."""
    for members in batches:
        contact_ids = ids_as_series(members.ids)
        if check is not None:
            check.add(contact_ids)
        for segment_id, tally in tallies.items():
            tally.add(contact_ids, members.frame.get_column(segment_id).arg_true())
        going_on()
    if check is not None:
        check.finish(snapshot.ids, snapshot.file_rows)


def _previewed(prepared: PreparedEvaluation, segment_id: str, tally: _Tally) -> PreviewedSegment:
    segment, contacts = prepared.plan_of(segment_id).definition.segment, prepared.snapshot.rows
    ids = tuple(write_id(contact_id, prepared.snapshot.id_type) for contact_id in tally.first)
    return PreviewedSegment(
        segment_id, segment.name, tally.members, tally.members / contacts if contacts else None, ids
    )
