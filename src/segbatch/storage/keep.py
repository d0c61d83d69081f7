"""The runs that keep their members, as options say it. The command line reads this without the rest of `retention`."""

from dataclasses import dataclass

KEEP_RUNS = 7
KEEP_DAYS = 1.0
FEWEST = 2
"""Minimum number of runs that are always kept: the last, and the one before, which is needed to run the last again."""


@dataclass(frozen=True, slots=True)
class Keep:
    """The runs that keep their members.

    Attributes:
        runs: The number of most recent runs to keep.
        days: Also keep runs that were the current published run at any time within this number of days, since they may
            still have readers.
    """

    runs: int = KEEP_RUNS
    days: float = KEEP_DAYS
