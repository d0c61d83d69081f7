"""Random definitions over random contacts: Polars and a plain row-by-row evaluator agree on every contact."""

from typing import Any

import pytest
from hypothesis import event, given

from oracle.evaluator import Refused, check, members
from oracle.strategies import TEN, Case, cases
from segbatch import DefinitionError, Segment, compile_segment
from segbatch.contacts.columns import polars_schema, to_frame


def by_oracle(segment: dict[str, Any], case: Case) -> list[bool] | None:
    """Return who is in, or None where the definition is refused."""
    schema = case.table.schema
    try:
        check(segment, schema, **case.options)
    except Refused:
        return None
    return members(segment, case.table.to_pylist(), schema, **case.options)


def by_polars(segment: dict[str, Any], case: Case) -> list[bool | None] | None:
    try:
        condition = compile_segment(
            Segment.model_validate(segment),
            polars_schema(case.table.schema),
            as_of=case.options.get("as_of"),
            timezone=case.options["timezone"],
        )
    except (DefinitionError, ValueError):
        return None
    return to_frame(case.table).select(condition.alias("in")).get_column("in").to_list()


@given(cases(TEN, "struct"))
def test_polars_and_the_plain_evaluator_agree_on_every_contact(case: Case) -> None:
    for segment in case.segments.values():
        expected = by_oracle(segment, case)
        event("refused" if expected is None else "evaluated")
        found = by_polars(segment, case)
        if found != expected:
            pytest.fail(difference(segment, case, expected, found))


def difference(
    segment: dict[str, Any], case: Case, expected: list[bool] | None, found: list[bool | None] | None
) -> str:
    """Tell what the two say, and of which contacts."""
    what = f"{segment} in {case.options['timezone']}"
    if expected is None or found is None:
        return f"{what}: the plain evaluator says {expected}, Polars {found}"
    rows = zip(case.table.to_pylist(), expected, found, strict=True)
    differing = [f"{row}: {one} / {other}" for row, one, other in rows if one != other]
    return "\n".join([what, *differing])
