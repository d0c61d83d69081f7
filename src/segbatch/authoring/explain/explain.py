"""The two questions: why is this contact in or out, and which rule loses how many?"""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from uuid import UUID

import polars as pl

from segbatch.authoring.explain.funnel import count_steps
from segbatch.authoring.explain.reports import Explanation, Funnel
from segbatch.authoring.explain.verdicts import explain_row
from segbatch.compiler.prepare import Prepared, Question, prepare
from segbatch.definitions.exclusions import Source
from segbatch.definitions.selection import choose
from segbatch.engine.local import batch_rows
from segbatch.errors import UsageError
from segbatch.model.segment import Segment
from segbatch.snapshot.duplicate_ids import place_of_copies
from segbatch.snapshot.id_checks import ids_as_series
from segbatch.snapshot.id_format import UnreadableIdError, describe_ids, matches_id, write_id
from segbatch.snapshot.snapshot import Snapshot
from segbatch.text import shown

__all__ = ["explain", "funnel"]


def explain(
    contacts: str | Path,
    segment: str | Path | Segment,
    contact_id: str | int | UUID | bytes,
    *,
    segments: str | Path | Source = "segments",
    id_column: str = "id",
    custom_fields: str | None = None,
    project: str | None = None,
    as_of: str | datetime | None = None,
    timezone: str = "UTC",
    strict: bool = False,
) -> Explanation:
    """Tell why a contact is in a segment, or is not.

    Args:
        contacts: A Parquet file, a folder of them, or a glob; on a disk or in object storage.
        segment: The id of a segment of `segments`, a JSON file with one, `-` for standard input, or a segment.
        contact_id: The contact's id.
        segments: Where the saved segments are.
        id_column: The column with the contacts' ids.
        custom_fields: The column that definitions call `custom_fields`, if it has another name.
        project: Hold the segment to the contacts of this project; counts of rules are of all contacts all the same.
        as_of: The moment from which relative dates are measured; now, if not given.
        timezone: The IANA name of the time zone.
        strict: Whether a custom field that no contact has is an error.

    Raises:
        UsageError: There is no such contact, segment, time zone or time.
        DefinitionError: The segment cannot be evaluated.
        SnapshotError: The snapshot cannot be used.
    """
    question = Question(
        contacts, id_column, project, as_of, timezone, strict, allow_empty=True, custom_fields=custom_fields
    )
    prepared, segment_id = _prepare(question, segment, segments)
    row, found = _find(prepared, contact_id)
    member, verdicts = explain_row(prepared, segment_id, row)
    return Explanation(segment_id, found, member, verdicts, tuple(prepared.warnings), tuple(prepared.notes))


def funnel(
    contacts: str | Path,
    segment: str | Path | Segment,
    *,
    segments: str | Path | Source = "segments",
    id_column: str = "id",
    custom_fields: str | None = None,
    project: str | None = None,
    as_of: str | datetime | None = None,
    timezone: str = "UTC",
    strict: bool = False,
) -> Funnel:
    """Tell how many contacts each rule of a segment keeps, alone and in turn.

    The arguments and errors are those of `explain`.
    """
    question = Question(
        contacts, id_column, project, as_of, timezone, strict, allow_empty=True, custom_fields=custom_fields
    )
    prepared, segment_id = _prepare(question, segment, segments)
    return count_steps(prepared, segment_id)


def _prepare(question: Question, segment: str | Path | Segment, segments: str | Path | Source) -> tuple[Prepared, str]:
    chosen = choose(segment, segments, project=question.project)
    segment_id = chosen.only(segment)
    prepared = prepare(question, chosen.definitions)
    prepared.planned(segment_id)
    return prepared, segment_id


def _find(prepared: Prepared, contact_id: object) -> tuple[pl.DataFrame, str | int]:
    """Read the one row of a contact."""
    snapshot = prepared.snapshot
    rows, copies = _rows(snapshot, prepared.plan.leaves, contact_id)
    ids = copies.get_column("id").to_list()
    if len(ids) > 1:
        place = place_of_copies(copies, snapshot.file_rows)
        raise UsageError(f"{_named(contact_id)} is the id of {len(ids)} contacts{place}")
    if not ids:
        about = f"the ids in the column '{snapshot.id_column}' are {describe_ids(snapshot.id_type)}"
        raise UsageError(f"no contact has the id {_named(contact_id)}; {about}")
    return rows[0], write_id(ids[0], snapshot.id_type)


def _rows(
    snapshot: Snapshot, leaves: frozenset[str], contact_id: object
) -> tuple[Sequence[pl.DataFrame], pl.DataFrame]:
    """Return the rows of a contact, and its id with the number of each row."""
    rows, found, begun = list[pl.DataFrame](), list[pl.DataFrame](), 0
    for batch in snapshot.batches(leaves, batch_rows(1)):
        ids = ids_as_series(batch.ids)
        try:
            is_wanted = matches_id(ids, snapshot.id_type, contact_id).fill_null(value=False)
        except UnreadableIdError:
            about = f"the column '{snapshot.id_column}' has {describe_ids(snapshot.id_type)}"
            raise UsageError(f"{_named(contact_id)} cannot be the id of a contact: {about}") from None
        if is_wanted.any():
            rows.append(batch.frame.filter(is_wanted))
            numbers = (is_wanted.arg_true() + begun).cast(pl.Int64)
            found.append(pl.DataFrame([ids.filter(is_wanted).alias("id"), numbers.alias("row")]))
        begun += len(ids)
    return rows, pl.concat(found) if found else pl.DataFrame({"id": []})


def _named(contact_id: object) -> str:
    return shown(contact_id if isinstance(contact_id, int) else str(contact_id))
