"""A segment as one Polars expression, for a frame of one's own."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

import polars as pl

from segbatch.compiler.clock import read_clock
from segbatch.compiler.conditions import to_expression
from segbatch.compiler.plan import make_plan
from segbatch.definitions.loader import Definition
from segbatch.errors import DefinitionError
from segbatch.model.segment import Segment

__all__ = ["compile_segment"]


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
    """Compile a segment into one expression, so that a frame can be filtered with it.

    Example:
        >>> frame.filter(compile_segment(segment, frame.schema))  # doctest: +SKIP

    Args:
        segment: The segment.
        schema: The schema of the frame: `frame.schema`, or `lazy_frame.collect_schema()`.
        segments: The segments that it names by `in_segment`, and those that they name.
        as_of: The moment from which relative dates are measured, with a time zone; now, if not given.
        timezone: The IANA name of the zone whose calendar days and wall-clock times the segment speaks of.
        strict: Whether a key that a struct lacks is an error; otherwise it is missing for every contact.
        project: The project to which all rows of the frame belong. Without it, a segment of a project needs the
            column `project_id`.

    Returns:
        A boolean expression, true for the contacts in the segment, false for all others, and never null.

    Raises:
        DefinitionError: The frame cannot give some rule a meaning; it names all such rules.
        UsageError: There is no such time zone.
    """
    clock = read_clock(as_of, timezone, datetime.now(UTC))
    others = [Definition(other) for other in segments if other.id != segment.id]
    plan = make_plan([Definition(segment), *others], schema, clock, strict=strict, contacts_of=project)
    if segment.id in plan.failed:
        raise DefinitionError(plan.failed[segment.id])
    conditions = {entry.definition.segment_id: entry.condition for entry in plan.segments}
    members: dict[str, pl.Expr] = {}
    for segment_id in (*plan.named, segment.id):
        members[segment_id] = to_expression(conditions[segment_id], plan.predicates, members)
    return members[segment.id]
