"""`explain`: why one contact is in a segment or not; `funnel`: the number of contacts that each rule keeps."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from uuid import UUID

import polars as pl

from segbatch.authoring.explain.reasons import rule_text
from segbatch.authoring.explain.reports import Explanation, Funnel, Step
from segbatch.authoring.explain.rows import read_rows
from segbatch.authoring.explain.trace import Part, trace
from segbatch.authoring.explain.verdicts import explain_row
from segbatch.compiler.prepare import EvaluationOptions, PreparedEvaluation, prepare
from segbatch.definitions.selection import select_definitions
from segbatch.definitions.source import Source
from segbatch.engine.local import batch_rows, evaluate_predicates
from segbatch.errors import UsageError
from segbatch.model.segment import Segment
from segbatch.snapshot.duplicate_ids import place_of_copies
from segbatch.snapshot.id_checks import IdCheck, ids_as_series
from segbatch.snapshot.id_format import UnreadableIdError, describe_ids, matches_id, write_id
from segbatch.snapshot.related.sources import Tables
from segbatch.snapshot.snapshot import Snapshot
from segbatch.text import shown


def explain(
    contacts: str | Path,
    segment: str | Path | Segment,
    contact_id: str | int | UUID | bytes,
    *,
    segments: str | Path | Source = "segments",
    id_column: str = "id",
    custom_fields: str | None = None,
    tables: Tables | None = None,
    lists: str | Path | None = None,
    project: str | None = None,
    as_of: str | datetime | None = None,
    timezone: str = "UTC",
    strict: bool = False,
) -> Explanation:
    """Explain why a contact is in a segment, or why it is not.

    Args:
        contacts: A Parquet file, a folder of them, or a glob; on disk or in object storage.
        segment: The id of a segment in `segments`, a JSON file with one segment, `-` for standard input, or a segment.
        contact_id: The contact's id.
        segments: The location of the saved segments.
        id_column: The column with the contact ids.
        custom_fields: The column that definitions call `custom_fields`, if its name is different.
        tables: The related tables that rules may read, by name: each a path, or a `segbatch.TableSource`.
        lists: The folder of the lists that rules name; by default `lists` next to the definitions.
        project: Limit the segment to contacts of this project. The counts of single rules still include all contacts.
        as_of: The time that relative dates are measured from; by default now.
        timezone: The IANA name of the time zone.
        strict: Report a custom field that no contact has as an error.

    Raises:
        UsageError: The contact, segment, time zone or time does not exist.
        DefinitionError: The segment cannot be evaluated.
        SnapshotError: The snapshot cannot be used.
    """
    options = EvaluationOptions(
        contacts, id_column, custom_fields, tables, lists, project, as_of, timezone, strict, allow_empty=True
    )
    prepared, segment_id = _prepare(options, segment, segments)
    return explain_contact(prepared, segment_id, contact_id)


def explain_contact(prepared: PreparedEvaluation, segment_id: str, contact_id: str | int | UUID | bytes) -> Explanation:
    """Explain why a contact is in a segment that can be evaluated, or why it is not.

    Raises:
        UsageError: The contact does not exist.
        SnapshotError: The snapshot cannot be read.
    """
    row, found = _find(prepared, contact_id)
    member, verdicts = explain_row(prepared, segment_id, row, read_rows(prepared, found))
    return Explanation(segment_id, found, member, verdicts, tuple(prepared.warnings), tuple(prepared.notes))


def funnel(
    contacts: str | Path,
    segment: str | Path | Segment,
    *,
    segments: str | Path | Source = "segments",
    id_column: str = "id",
    custom_fields: str | None = None,
    tables: Tables | None = None,
    lists: str | Path | None = None,
    project: str | None = None,
    as_of: str | datetime | None = None,
    timezone: str = "UTC",
    strict: bool = False,
) -> Funnel:
    """Count the contacts that each rule of a segment keeps, on its own and after the rules before it.

    The arguments and errors are the same as those of `explain`.
    """
    options = EvaluationOptions(
        contacts, id_column, custom_fields, tables, lists, project, as_of, timezone, strict, allow_empty=True
    )
    prepared, segment_id = _prepare(options, segment, segments)
    return count_steps(prepared, segment_id)


def count_steps(
    prepared: PreparedEvaluation,
    segment_id: str,
    among: str | None = None,
    going_on: Callable[[], None] = lambda: None,
) -> Funnel:
    """Count the contacts that each rule of a segment keeps, on its own and after the rules before it.

    Args:
        segment_id: A segment that can be evaluated.
        among: A segment whose members are counted; all contacts by default.
        going_on: Called after each batch of contacts; an exception that it raises stops the count.

    Raises:
        SnapshotError: The snapshot cannot be read to its end, or has ids that a run rejects.
    """
    planned, snapshot = prepared.plan_of(segment_id), prepared.snapshot
    top = trace(planned)
    every = list(_flat(top))
    keeps, left, members, contacts = Counter[str](), Counter[str](), 0, 0
    check = IdCheck(snapshot.id_column)
    for batch in snapshot.batches(prepared.plan.leaves, batch_rows(len(every))):
        check.add(ids_as_series(batch.ids))
        results = evaluate_predicates(prepared.plan, batch.frame)
        if among is not None:
            counted = results.expression_of(prepared.plan_of(among).condition)
            results = replace(results, frame=results.frame.filter(counted))
        contacts += results.frame.height
        going_on()
        held = results.frame.select(results.expression_of(part.condition).alias(part.path) for part in every)
        keeps.update({name: int(column.sum()) for name, column in zip(held.columns, held.iter_columns(), strict=True)})
        left.update(_in_turn(held, top))
        members += int(results.frame.select(results.expression_of(planned.condition)).to_series().sum())
    check.finish(snapshot.ids, snapshot.file_rows)
    steps = tuple(_step(part, keeps, left, contacts) for part in top)
    share = members / contacts if contacts else None
    return Funnel(segment_id, contacts, members, share, steps, tuple(prepared.warnings), tuple(prepared.notes))


def _prepare(
    options: EvaluationOptions, segment: str | Path | Segment, segments: str | Path | Source
) -> tuple[PreparedEvaluation, str]:
    selection = select_definitions(segment, segments, project=options.project)
    segment_id = selection.only(segment)
    prepared = prepare(options, selection.definitions, also_disabled=selection.ids)
    prepared.plan_of(segment_id)
    return prepared, segment_id


def _find(prepared: PreparedEvaluation, contact_id: object) -> tuple[pl.DataFrame, str | int]:
    """Read the row of a contact.

    Returns:
        A frame with one row, and the contact's id as it is displayed.

    Raises:
        UsageError: No contact, or more than one, has the id.
    """
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
    """Return the rows with a contact's id, and a frame with `id` and the row number in the snapshot for each."""
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


def _flat(parts: Iterable[Part]) -> Iterator[Part]:
    for part in parts:
        yield part
        yield from _flat(part.parts)


def _in_turn(held: pl.DataFrame, parts: Iterable[Part]) -> dict[str, int]:
    """Return, for each part, the number of contacts that match it and all parts before it."""
    left, counts = pl.repeat(value=True, n=held.height, dtype=pl.Boolean, eager=True), dict[str, int]()
    for part in parts:
        left &= held.get_column(part.path)
        counts[part.path] = int(left.sum())
    return counts


def _step(part: Part, keeps: Counter[str], left: Counter[str], contacts: int) -> Step:
    """Convert the counts of a part to a step. A part inside a group has no count in `left`."""
    inner = tuple(_step(child, keeps, left, contacts) for child in part.parts)
    number = keeps[part.path]
    share = number / contacts if contacts else None
    return Step(part.path, rule_text(part.node), number, share, left.get(part.path), inner)
