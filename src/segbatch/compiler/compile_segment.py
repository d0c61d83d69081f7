"""Compilation of a segment to one Polars expression, for use with any frame."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from segbatch.compiler.clock import read_clock
from segbatch.compiler.conditions import to_expression
from segbatch.compiler.plan import PlanInputs, make_plan
from segbatch.compiler.samples import IdColumn
from segbatch.definitions.definition import Definition
from segbatch.definitions.value_lists import read_lists
from segbatch.errors import DefinitionError
from segbatch.model.segment import Segment


def compile_segment(
    segment: Segment,
    schema: Mapping[str, pl.DataType],
    *,
    segments: Iterable[Segment] = (),
    as_of: datetime | None = None,
    timezone: str = "UTC",
    strict: bool = False,
    project: str | None = None,
    id_column: str = "id",
    lists: str | Path | None = None,
) -> pl.Expr:
    """Compile a segment into one expression that can filter a frame.

    Example:
        >>> frame.filter(compile_segment(segment, frame.schema))  # doctest: +SKIP

    Args:
        segment: The segment to compile, even if it is not enabled or expired.
        schema: The schema of the frame: `frame.schema`, or `lazy_frame.collect_schema()`.
        segments: The segments that it references with `in_segment`, and those that they reference.
        as_of: The time, with a time zone, that relative dates are measured from; the current time by default.
        timezone: The IANA name of the zone of the calendar days and wall-clock times in the segment.
        strict: Whether a key that a struct lacks is an error; otherwise it is missing for every contact.
        project: The project that all rows of the frame belong to. Without it, a segment of a project needs the
            column `project_id`.
        id_column: The column with the ids of contacts, for the operator `sample`.
        lists: The folder of the lists that rules name.

    Returns:
        A boolean expression, true for the contacts in the segment, false for all others, and never null. With `sample`,
        it calls a Python function and cannot be serialized.

    Raises:
        DefinitionError: Rules cannot be evaluated on the frame; the error lists all of them.
        UsageError: The time zone is unknown.
    """
    clock = read_clock(as_of, timezone, datetime.now(UTC))
    others = [Definition(other) for other in segments if other.id != segment.id]
    definitions = [Definition(segment), *others]
    found = read_lists(definitions, None if lists is None else Path(lists))
    plan = make_plan(
        definitions,
        schema,
        clock,
        strict=strict,
        contacts_of=project,
        inputs=PlanInputs(id_column=IdColumn(id_column), also_disabled={segment.id}, lists=found),
    )
    if segment.id in plan.failed:
        raise DefinitionError(plan.failed[segment.id])
    conditions = {entry.definition.segment_id: entry.condition for entry in plan.segments}
    predicates = [plan.shares.inlined(number, predicate) for number, predicate in enumerate(plan.predicates)]
    members: dict[str, pl.Expr] = {}
    for segment_id in (*plan.shared_segments, segment.id):
        members[segment_id] = to_expression(conditions[segment_id], predicates, members)
    return members[segment.id]
