"""How the time of a first night grows: with the contacts, the segments, the distinct rules, and in other forms."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from comparing import Settings, tell
from two_nights import cleared, first_night
from works import Work, make, warm

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

CONTACTS: Final = (500_000, 1_000_000, 2_000_000, 4_000_000, 8_000_000)
SEGMENTS: Final = (1, 10, 30, 100, 300, 1_000, 3_000)
DISTINCT: Final = (20, 100, 320, 1_000, 1_800)
TIMES: Final = (1, 2, 5, 10)
FORMS: Final = ("struct", "json", "map")
SERIES: Final = ("contacts", "segments", "times", "distinct", "form")
AGAIN: Final = "the same segments again"
MANY: Final = 1_000
USUAL: Final = 100


def series(contacts: int, sizes: Sequence[int], what: Collection[str]) -> dict[str, list[Work]]:
    """Return the works of each series.

    Args:
        contacts: How many contacts there are where their number does not grow.
        sizes: How many there are where it does.
        what: What is to grow, of SERIES.
    """
    base = Work(contacts, USUAL)
    works = {
        "contacts": {
            f"contacts, {USUAL} segments": [replace(base, contacts=number) for number in sizes],
            f"contacts, {MANY:,} segments": [Work(number, MANY) for number in sizes],
        },
        "segments": {"segments": [replace(base, segments=number) for number in SEGMENTS]},
        "times": {AGAIN: [replace(base, segments=USUAL * times, times=times) for times in TIMES]},
        "distinct": {f"distinct rules, {MANY:,} segments": [Work(contacts, MANY, number) for number in DISTINCT]},
        "form": {"form of custom fields": [replace(base, form=form) for form in FORMS]},
    }
    return {name: own for grows, found in works.items() if grows in what for name, own in found.items()}


class Scaling:
    """Every work of every series, each in every round."""

    def __init__(self, all_series: dict[str, list[Work]], settings: Settings) -> None:
        self._settings = settings
        self._works = list(dict.fromkeys(work for works in all_series.values() for work in works))
        self._turns: dict[Work, dict[str, Any]] = {work: {"work": work.record(), "turns": []} for work in self._works}
        self.record = {name: [self._turns[work] for work in works] for name, works in all_series.items()}

    def measure(self) -> None:
        """Do all rounds."""
        for work in self._works:
            warm(make(work, self._settings.folder, next_night=False).contacts)
        for number in range(self._settings.rounds):
            print(f" round {number + 1} of {self._settings.rounds}", flush=True)
            for work in self._works:
                self._turn(work)

    def _turn(self, work: Work) -> None:
        files = make(work, self._settings.folder, next_night=False)
        out = self._settings.folder / "out"
        found = first_night(files, out, self._settings.timeout)
        self._turns[work]["turns"].append(found.record())
        tell(str(work), found)
        self._settings.save()
        cleared(out)
