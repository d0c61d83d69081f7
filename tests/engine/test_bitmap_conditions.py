"""Conditions over bitmaps, against the Polars expressions of the same conditions."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import rule, segment
from segbatch.compiler.conditions import BoolExpr, Condition, to_expression
from segbatch.compiler.plan import Plan, PlannedSegment
from segbatch.definitions.definition import Definition
from segbatch.engine.local import combine_predicates
from segbatch.platform.bitmaps import count_bits, from_columns, to_columns

PREDICATES = 4


def conditions() -> st.SearchStrategy[Condition]:
    leaves: st.SearchStrategy[Condition] = st.integers(0, PREDICATES - 1)
    return st.recursive(
        leaves,
        lambda inner: st.builds(
            BoolExpr, st.sampled_from(["all", "any", "none"]), st.lists(inner, min_size=1, max_size=3).map(tuple)
        ),
        max_leaves=8,
    )


def plan_of(found: list[Condition]) -> Plan:
    segments = tuple(
        PlannedSegment(Definition(segment(rule("a", "exists"), id=f"s{number}")), condition)
        for number, condition in enumerate(found)
    )
    return Plan((), segments, (), frozenset(), {}, ())


@pytest.mark.parametrize("contacts", [1, 64, 100])
@given(found=st.lists(conditions(), min_size=1, max_size=4), seed=st.integers(0, 2**PREDICATES))
def test_a_condition_matches_the_contacts_that_its_expression_matches(
    contacts: int, found: list[Condition], seed: int
) -> None:
    frame = pl.DataFrame(
        {str(number): [(row * 7 + seed + number) % (number + 2) == 0 for row in range(contacts)] for number in range(4)}
    )
    bitmaps = combine_predicates(plan_of(found), from_columns(frame.get_columns(), contacts), contacts)
    expected = [
        frame.select(to_expression(it, [pl.col(name) for name in frame.columns], {})).to_series() for it in found
    ]
    assert [column.to_list() for column in to_columns(bitmaps, contacts)] == [column.to_list() for column in expected]
    assert count_bits(bitmaps).tolist() == [column.sum() for column in expected]
