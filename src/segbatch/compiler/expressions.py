"""A segment as one Polars expression, for a frame of one's own."""

from collections.abc import Mapping
from datetime import UTC, datetime

import polars as pl

from segbatch.compiler.clock import read_clock
from segbatch.compiler.plan import make_plan, to_expression
from segbatch.definitions.loading import Definition
from segbatch.definitions.segment import Segment
from segbatch.errors import DefinitionError

__all__ = ["compile_segment"]


def compile_segment(
    segment: Segment,
    schema: Mapping[str, pl.DataType],
    *,
    as_of: datetime | None = None,
    timezone: str = "UTC",
    strict: bool = False,
) -> pl.Expr:
    """Compile a segment into one expression, so that a frame can be filtered with it.

    Example:
        >>> frame.filter(compile_segment(segment, frame.schema))  # doctest: +SKIP

    Args:
        segment: The segment.
        schema: The schema of the frame: `frame.schema`, or `lazy_frame.collect_schema()`.
        as_of: The moment from which relative dates are measured, with a time zone; now, if not given.
        timezone: The IANA name of the zone whose calendar days and wall-clock times the segment speaks of.
        strict: Whether a key that a struct lacks is an error; otherwise it is missing for every contact.

    Returns:
        A boolean expression, true for the contacts in the segment, false for all others, and never null.

    Raises:
        DefinitionError: The frame cannot give some rule a meaning; it names all such rules.
        UsageError: There is no such time zone.
    """
    clock = read_clock(as_of, timezone, datetime.now(UTC))
    plan = make_plan([Definition(segment)], schema, clock, strict=strict)
    if plan.failed:
        raise DefinitionError(plan.failed[segment.id])
    return to_expression(plan.segments[0].condition, plan.predicates)
