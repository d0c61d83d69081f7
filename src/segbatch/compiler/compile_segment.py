"""Compilation of a segment to one Polars expression, for use with any frame."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

import polars as pl

from segbatch.compiler.clock import read_clock
from segbatch.compiler.conditions import to_expression
from segbatch.compiler.plan import make_plan
from segbatch.definitions.definition import Definition
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
) -> pl.Expr:
    """Compile a segment into one expression that can filter a frame.

    Example:
        >>> frame.filter(compile_segment(segment, frame.schema))  # doctest: +SKIP

    Args:
        segment: The segment to compile.
        schema: The schema of the frame: `frame.schema`, or `lazy_frame.collect_schema()`.
        segments: The segments that it references with `in_segment`, and those that they reference.
        as_of: The time, with a time zone, that relative dates are measured from; the current time by default.
        timezone: The IANA name of the zone of the calendar days and wall-clock times in the segment.
        strict: Whether a key that a struct lacks is an error; otherwise it is missing for every contact.
        project: The project that all rows of the frame belong to. Without it, a segment of a project needs the
            column `project_id`.

    Returns:
        A boolean expression, true for the contacts in the segment, false for all others, and never null.

    Raises:
        DefinitionError: Rules cannot be evaluated on the frame; the error lists all of them.
        UsageError: The time zone is unknown.
    """
    clock = read_clock(as_of, timezone, datetime.now(UTC))
    others = [Definition(other) for other in segments if other.id != segment.id]
    plan = make_plan([Definition(segment), *others], schema, clock, strict=strict, contacts_of=project)
    if segment.id in plan.failed:
        raise DefinitionError(plan.failed[segment.id])
    conditions = {entry.definition.segment_id: entry.condition for entry in plan.segments}
    members: dict[str, pl.Expr] = {}
    for segment_id in (*plan.shared_segments, segment.id):
        members[segment_id] = to_expression(conditions[segment_id], plan.predicates, members)
    return members[segment.id]
