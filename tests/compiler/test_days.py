"""Calendar days in UTC, which are compared as instants, have the results of days that are computed in a time zone."""

from datetime import date, datetime
from typing import Any, get_args

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segbatch.compiler.clock import read_clock
from segbatch.compiler.comparisons import compare
from segbatch.compiler.typed_test import Comparison
from segbatch.snapshot.fields.resolution import resolve

IN_UTC, IN_ZONE = (read_clock(None, zone, datetime(2025, 6, 1).astimezone()) for zone in ("UTC", "Etc/UTC"))
UNITS = {"ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
EXTREMES = [-(2**63) + 1, -1, 0, 1, 2**63 - 1]


def results(values: list[int | None], unit: Any, comparison: Comparison, day: date) -> list[list[bool]]:
    """Return the results in both zones. As in a plan, a null is false."""
    dtype = pl.Datetime(unit, "UTC")
    frame = pl.DataFrame({"f": pl.Series(values, dtype=pl.Int64).cast(dtype)})
    field = resolve("f", frame.schema)
    clocks = (IN_UTC, IN_ZONE)
    return [
        frame.select(compare(field, comparison, day, clock).fill_null(value=False)).to_series().to_list()
        for clock in clocks
    ]


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("comparison", get_args(Comparison))
@given(
    day=st.dates() | st.sampled_from([date.min, date.max, date(1969, 12, 31), date(1970, 1, 1), date(2262, 4, 12)]),
    near=st.lists(st.tuples(st.integers(-2, 2), st.integers(-2, 2)), max_size=5),
    far=st.lists(st.integers(-(2**63) + 1, 2**63 - 1), max_size=3),
)
def test_a_day_in_utc_is_the_day_in_the_zone(
    unit: str, comparison: Comparison, day: date, near: list[tuple[int, int]], far: list[int]
) -> None:
    a_day = 86_400 * UNITS[unit]
    begin = (day - date(1970, 1, 1)).days * a_day
    around = [begin + days * a_day + units for days, units in near]
    values = [*(value for value in around if abs(value) < 2**63), *far, *EXTREMES, None]
    found, expected = results(values, unit, comparison, day)
    assert found == expected
    assert not found[-1]
