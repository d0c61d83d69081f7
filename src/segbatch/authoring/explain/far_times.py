"""Text in place of dates and timestamps that Python cannot represent: before the year 1 and after 9999."""

from datetime import date, datetime
from typing import Any

import polars as pl

_DAYS = (date.min.toordinal() - date(1970, 1, 1).toordinal(), date.max.toordinal() - date(1970, 1, 1).toordinal())
_SECONDS = (_DAYS[0] * 86_400, (_DAYS[1] + 1) * 86_400 - 1)
_PER_SECOND = {"ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}


class FarTime(str):
    """The text shown for a date or timestamp outside the years 1 to 9999."""

    __slots__ = ()


def value_in(values: pl.Series) -> Any:
    """Return the only value of a series, with a `FarTime` in place of each date or timestamp outside Python's range."""
    match values.dtype:
        case pl.Date():
            return _value(values, *_DAYS)
        case pl.Datetime() as kind:
            per_second = _PER_SECOND[kind.time_unit]
            return _value(values, _SECONDS[0] * per_second, (_SECONDS[1] + 1) * per_second - 1)
        case pl.List(inner=pl.Date() | pl.Datetime()):
            items = values.item()
            return None if items is None else [value_in(items.slice(index, 1)) for index in range(len(items))]
        case _:
            return values.to_list()[0]


def _value(values: pl.Series, first: int, last: int) -> datetime | date | FarTime | None:
    units = values.to_physical().item()
    if units is None or first <= units <= last:
        found: datetime | date | None = values.item()
        return found
    return FarTime("a time before the year 1" if units < first else "a time after the year 9999")
