"""Numbers out of measurements: medians, ratios with their spread, slopes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

Turns = list[dict[str, Any]]


@dataclass(frozen=True)
class Spread:
    """A median with the least and the most."""

    middle: float
    least: float
    most: float

    def __format__(self, spec: str) -> str:
        """Write it with its least and most."""
        if self.least == self.most:
            return format(self.middle, spec)
        return f"{self.middle:{spec}} ({self.least:{spec}} to {self.most:{spec}})"


def spread(values: Sequence[float]) -> Spread | None:
    """Return the median of numbers with the least and the most, if there are any."""
    return Spread(median(values), min(values), max(values)) if values else None


def good(turns: Turns) -> Turns:
    """Return the turns that did not fail."""
    return [turn for turn in turns if not turn["error"]]


def of(turns: Turns, what: str) -> Spread | None:
    """Return the spread of one thing that was measured."""
    return spread([turn[what] for turn in good(turns) if turn[what] is not None])


def ratio(turns: Turns, to: Turns, what: str = "seconds") -> Spread | None:
    """Return how often one takes what another takes, compared round by round."""
    pairs = zip(turns, to, strict=False)
    return spread([one[what] / other[what] for one, other in pairs if not one["error"] and not other["error"]])


def slope(smaller: tuple[float, float], larger: tuple[float, float]) -> float:
    """Return the power of the size with which the time grows between two points: 1 is twice the time for twice."""
    return math.log(larger[1] / smaller[1]) / math.log(larger[0] / smaller[0])


def slope_of_all(points: Sequence[tuple[float, float]]) -> float | None:
    """Return the same for a line through all points, by least squares."""
    places = [(math.log(size), math.log(seconds)) for size, seconds in points]
    if len({place for place, _ in places}) < 2:  # noqa: PLR2004 - a line has two points
        return None
    x, y = (sum(values) / len(places) for values in zip(*places, strict=True))
    return sum((a - x) * (b - y) for a, b in places) / sum((a - x) ** 2 for a, _ in places)
