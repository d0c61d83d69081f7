"""The other end of a duration: by the calendar of the run's time zone, and never beyond the calendar."""

import datetime as dt

import polars as pl
import pytest

from builders import rule, segment
from segbatch import compile_segment
from segbatch.compiler.clock import read_clock
from segbatch.compiler.durations import read_duration, shift

NOON = dt.datetime(2025, 6, 1, 12, tzinfo=dt.UTC)
BERLIN = read_clock(NOON, "Europe/Berlin", NOON)


@pytest.mark.parametrize(
    ("day", "duration", "before", "after"),
    [
        ("2025-03-31", "1mo", "2025-02-28", "2025-04-30"),
        ("2024-03-31", "1mo", "2024-02-29", "2024-04-30"),
        ("2024-02-29", "1y", "2023-02-28", "2025-02-28"),
        ("2025-01-31", "1mo", "2024-12-31", "2025-02-28"),
        ("2025-12-31", "2mo", "2025-10-31", "2026-02-28"),
        ("2025-06-15", "0mo", "2025-06-15", "2025-06-15"),
        ("2025-01-01", "1d", "2024-12-31", "2025-01-02"),
        ("2025-06-15", "9999y", "0001-01-01", "9999-12-31"),
        ("2025-06-15", "999999d", "0001-01-01", "4763-05-12"),
    ],
)
def test_a_day_is_moved_by_the_calendar(day: str, duration: str, before: str, after: str) -> None:
    by, start = read_duration(duration), dt.date.fromisoformat(day)
    assert [shift(start, -by, BERLIN).isoformat(), shift(start, by, BERLIN).isoformat()] == [before, after]


@pytest.mark.parametrize(
    ("moment", "duration", "after"),
    [
        ("2025-03-29T10:00:00+00:00", "1d", "2025-03-30T09:00:00+00:00"),
        ("2025-03-29T10:00:00+00:00", "24h", "2025-03-30T10:00:00+00:00"),
        ("2025-03-29T10:00:00+00:00", "1440min", "2025-03-30T10:00:00+00:00"),
        ("2025-02-28T01:30:00+00:00", "1mo", "2025-03-28T01:30:00+00:00"),
        ("2025-02-28T01:30:00+00:00", "30d", "2025-03-30T01:30:00+00:00"),  # 02:30 is skipped, and becomes 03:30
        ("2025-09-26T00:30:00+00:00", "1mo", "2025-10-26T00:30:00+00:00"),  # the first 02:30 of two
        ("2025-10-26T01:30:00+00:00", "0d", "2025-10-26T01:30:00+00:00"),  # the second 02:30 stays
        ("2024-02-29T11:00:00+00:00", "1y", "2025-02-28T11:00:00+00:00"),
        ("9999-12-31T11:00:00+00:00", "1d", "9999-12-31T23:59:59.999999+00:00"),
        ("9999-12-31T11:00:00+00:00", "99h", "9999-12-31T23:59:59.999999+00:00"),
    ],
)
def test_an_instant_is_moved_by_the_wall_clock(moment: str, duration: str, after: str) -> None:
    assert shift(dt.datetime.fromisoformat(moment), read_duration(duration), BERLIN).isoformat() == after


def test_a_date_outside_the_calendar_has_no_anniversary() -> None:
    days = pl.Series([-719_163, -719_162, 2_932_896, 2_932_897, 2**31 - 1]).cast(pl.Int32).cast(pl.Date)
    moments = pl.Series([-(2**62), -(2**63) + 1, 0, 2**62, 2**63 - 1]).cast(pl.Datetime("us", "UTC"))
    assert with_anniversary(pl.DataFrame({"on": days})) == [False, True, True, False, False]
    assert with_anniversary(pl.DataFrame({"on": moments})) == [False, False, True, False, False]


def with_anniversary(frame: pl.DataFrame) -> list[bool]:
    condition = compile_segment(
        segment(rule("on", "anniversary_within_next", "366d")), frame.schema, as_of=NOON, timezone="Europe/Berlin"
    )
    return frame.select(condition).to_series().to_list()
