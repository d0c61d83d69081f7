"""What differs between the bits of two nights."""

from dataclasses import dataclass

import polars as pl

from segbatch.publishing.slots import Slots

__all__ = ["Differences", "differences"]


@dataclass(frozen=True, slots=True)
class Differences:
    """Who entered and who left.

    Attributes:
        contacts: The row numbers of the contacts with differences.
        segments: For each segment with differences, which of those contacts differ, as numbers into `contacts`, and
            whether each of them entered.
    """

    contacts: pl.Series
    segments: dict[str, tuple[pl.Series, pl.Series]]


def differences(before: pl.DataFrame, after: pl.DataFrame, was: Slots, now: Slots) -> Differences:
    """Compare the bits of the same contacts on two nights.

    Args:
        before: Their bits then, a column a byte.
        after: Their bits now, as many columns or more.
        was: Whose bits those were.
        now: Whose they are, made by `was.next`.
    """
    differing = _differing(before, after)
    contacts = differing.select(pl.any_horizontal(pl.all() != 0).arg_true()).to_series()
    if not len(contacts):
        return Differences(contacts, {})
    differing = differing.select(pl.all().gather(contacts))
    places = [place for place in range(len(now.names)) if _owner(place, was, now)]
    found = differing.select(Slots.bit(place).arg_true().implode().alias(str(place)) for place in places)
    segments: dict[str, tuple[pl.Series, pl.Series]] = {}
    for place in places:
        who = found.get_column(str(place)).item()
        if len(who):
            entered = after.select(Slots.bit(place).gather(contacts.gather(who))).to_series()
            segments[str(_owner(place, was, now))] = (who, entered)
    return Differences(contacts, segments)


def _differing(before: pl.DataFrame, after: pl.DataFrame) -> pl.DataFrame:
    """Return the bits that are not the same; bytes that were not there then were empty."""
    return pl.DataFrame(
        [
            column ^ before.get_column(column.name) if column.name in before.columns else column
            for column in after.iter_columns()
        ]
    )


def _owner(place: int, was: Slots, now: Slots) -> str | None:
    """Return whose bit it is; that of a segment which is deleted tonight still tells of its members."""
    return now.names[place] or (was.names[place] if place < len(was.names) else None)
