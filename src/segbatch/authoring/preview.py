"""How large a segment is and who is in it first, without publishing anything."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import polars as pl

from segbatch.compiler.prepare import Prepared, Question, prepare
from segbatch.definitions.exclusions import Source
from segbatch.definitions.selection import choose
from segbatch.engine.local import evaluate
from segbatch.errors import DefinitionError, Problem, UsageError
from segbatch.model.operators import MatchName
from segbatch.model.segment import Segment
from segbatch.snapshot.id_checks import IdCheck, ids_as_series
from segbatch.snapshot.id_format import write_id

__all__ = ["PreviewReport", "Previewed", "first_members", "preview"]


@dataclass(frozen=True, slots=True)
class Previewed:
    """What a segment would hold.

    Attributes:
        segment_id: Its id.
        name: Its name.
        members: How many contacts it holds.
        share: Of all contacts of the snapshot; None where there are none.
        first: The ids of the first members, in the order of the snapshot.
    """

    segment_id: str
    name: str
    members: int
    share: float | None
    first: tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class PreviewReport:
    """What a preview found.

    Attributes:
        contacts: How many contacts the snapshot has.
        segments: What the segments would hold, ordered by id.
        errors: Why others could not be evaluated.
        warnings: What is legal and often a mistake.
        notes: Facts about how the fields are read.
    """

    contacts: int
    segments: tuple[Previewed, ...]
    errors: tuple[Problem, ...]
    warnings: tuple[Problem, ...]
    notes: tuple[Problem, ...] = ()


@dataclass(slots=True)
class _Tally:
    """Counts the members of one segment, and keeps the ids of the first."""

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
    rules: Sequence[str] = (),
    match: MatchName | None = None,
    segments: str | Path | Source = "segments",
    first: int = 5,
    id_column: str = "id",
    custom_fields: str | None = None,
    project: str | None = None,
    as_of: str | datetime | None = None,
    timezone: str = "UTC",
    strict: bool = False,
) -> PreviewReport:
    """Evaluate a definition that need not be saved, and publish nothing.

    Args:
        contacts: A Parquet file, a folder of them, or a glob; on a disk or in object storage.
        definition: A JSON file or a folder of them, `-` for standard input, the id of a segment of `segments`, or a
            segment.
        rules: Rules in place of a definition, such as `status eq active`.
        match: How the rules are joined: `all`, if not given.
        segments: Where the segments are that rules name by `in_segment` and that are not among the definitions.
        first: How many members' ids are wanted.
        id_column: The column with the contacts' ids.
        custom_fields: The column that definitions call `custom_fields`, if it has another name.
        project: Hold the segments to the contacts of this project; shares are of all contacts all the same.
        as_of: The moment from which relative dates are measured; now, if not given.
        timezone: The IANA name of the time zone.
        strict: Whether a custom field that no contact has is an error.

    Returns:
        What each segment of the definition would hold.

    Raises:
        DefinitionError: None of them can be evaluated.
        UsageError: There is no such definition, time zone or time.
        SnapshotError: The snapshot cannot be used.
    """
    if first < 0:
        raise UsageError(f"{first} is no number of members to show; write 0 or more (--first)")
    chosen = choose(definition, segments, rules=rules, match=match, project=project)
    question = Question(
        contacts, id_column, project, as_of, timezone, strict, allow_empty=True, custom_fields=custom_fields
    )
    prepared = prepare(question, chosen.definitions)
    wanted, errors = _evaluable(prepared, chosen.ids)
    if not wanted:
        raise DefinitionError(errors)
    found = first_members(prepared, wanted, first)
    warnings, notes = tuple(prepared.warnings), tuple(prepared.notes)
    return PreviewReport(prepared.snapshot.rows, found, tuple(errors), warnings, notes)


def first_members(
    prepared: Prepared, segment_ids: Sequence[str], first: int, going_on: Callable[[], None] = lambda: None
) -> tuple[Previewed, ...]:
    """Evaluate segments that are planned.

    Args:
        prepared: The plan and its snapshot.
        segment_ids: The segments.
        first: How many members' ids are wanted.
        going_on: Called after each batch of contacts; what it raises ends the evaluation.

    Returns:
        What each of them would hold.

    Raises:
        SnapshotError: The snapshot cannot be read to its end, or its ids are no ids.
    """
    tallies = _evaluate(prepared, {segment_id: _Tally(first) for segment_id in segment_ids}, going_on)
    return tuple(_previewed(prepared, segment_id, tally) for segment_id, tally in tallies.items())


def _evaluable(prepared: Prepared, ids: Sequence[str]) -> tuple[list[str], list[Problem]]:
    good, problems = list[str](), list[Problem]()
    for segment_id in ids:
        try:
            prepared.planned(segment_id)
        except DefinitionError as error:
            problems += error.problems
        else:
            good.append(segment_id)
    return good, problems


def _evaluate(prepared: Prepared, tallies: dict[str, _Tally], going_on: Callable[[], None]) -> dict[str, _Tally]:
    """Evaluate over all of the snapshot; like a run, refuse one whose ids are no ids."""
    snapshot = prepared.snapshot
    check = IdCheck(snapshot.id_column)
    for members in evaluate(prepared.plan, snapshot):
        contact_ids = ids_as_series(members.ids)
        check.add(contact_ids)
        for segment_id, tally in tallies.items():
            tally.add(contact_ids, members.frame.get_column(segment_id).arg_true())
        going_on()
    check.finish(snapshot.ids, snapshot.file_rows)
    return tallies


def _previewed(prepared: Prepared, segment_id: str, tally: _Tally) -> Previewed:
    segment, contacts = prepared.planned(segment_id).definition.segment, prepared.snapshot.rows
    ids = tuple(write_id(contact_id, prepared.snapshot.id_type) for contact_id in tally.first)
    return Previewed(segment_id, segment.name, tally.members, tally.members / contacts if contacts else None, ids)
