"""Rounds in which everybody has one turn, so that whatever else the machine does hits all alike."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from measuring import ask
from peers import ALL_LABELS, FIRST, FLOOR, SECOND, chosen
from two_nights import (
    Members,
    cleared,
    ensure_same,
    first_night,
    floor_run,
    members_in,
    peer_run,
    published,
    second_night,
    summary,
)
from works import Work, make, warm

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

    from measuring import Measured

REHEARSAL: Final = Work(2_000, 20)


@dataclass
class Settings:
    """How to measure.

    Attributes:
        folder: Where data and outputs are kept.
        rounds: How often everybody has a turn.
        timeout: After so many seconds a process is ended, and has no further turn.
        python: The Python that has the peers.
        save: Called after each measurement, so that none is lost.
    """

    folder: Path
    rounds: int
    timeout: float
    python: str
    save: Callable[[], None]


def tell(name: str, found: Measured) -> None:
    """Print what was just measured."""
    label = ALL_LABELS.get(name, name)
    if found.error:
        print(f"  {label}: {found.error}", flush=True)
        return
    sizes = f"{found.peak / 1e9:.2f} GB of memory, {found.written / 1e6:,.0f} MB written"
    cpu = f"{found.user:.1f} + {found.system:.1f} s of CPU"
    print(f"  {label}: {found.seconds:.2f} s, {cpu}, {sizes}", flush=True)


class Comparison:
    """One work, done by all."""

    def __init__(self, work: Work, settings: Settings, names: Collection[str] | None) -> None:
        self._settings = settings
        self._files = make(work, settings.folder, next_night=True)
        self._out, self._plain = settings.folder / "out", settings.folder / "plain"
        self._peers, left_out = chosen(names, work.segments, settings.python)
        self._members: Members = {}
        self._failed: set[str] = set()
        self.record: dict[str, Any] = {
            "work": work.record(),
            "turns": {},
            "left_out": left_out,
            "floor": [],
            "questions": [],
            "plain_questions": [],
        }

    def measure(self) -> None:
        """Do all rounds."""
        for path in (self._files.contacts, self._files.changed):
            warm(path)
        for name, reason in self.record["left_out"].items():
            print(f"  {ALL_LABELS[name]} is left out: {reason}", flush=True)
        for number in range(self._settings.rounds):
            print(f" round {number + 1} of {self._settings.rounds}", flush=True)
            self._round(first=number == 0)
        cleared(self._out)
        cleared(self._plain)

    def _round(self, *, first: bool) -> None:
        files, out, timeout = self._files, self._out, self._settings.timeout
        found = first_night(files, out, timeout)
        if found.error:
            raise RuntimeError(found.error)
        if first:
            self._members = members_in(published(out))
            self.record |= summary(self._members)
            ask("plain_tables.py", published(out), cleared(self._plain))
        self._keep(FIRST, found)
        times = json.loads(ask("ask_tables.py", out, f"{self._plain}/*.parquet"))
        self.record["questions"].append(times["membership"])
        self.record["plain_questions"].append(times["plain"])
        self._keep(SECOND, second_night(files, out, timeout))
        floor, times = floor_run(files, found.written, out, timeout)
        self.record["floor"].append(times)
        self._keep(FLOOR, floor)
        for name in self._peers:
            if name not in self._failed:
                self._turn(name, first=first)

    def _turn(self, name: str, *, first: bool) -> None:
        found = peer_run(name, self._files, self._out, self._settings.timeout, self._settings.python)
        if found.error:
            self._failed.add(name)
        elif first:
            ensure_same(name, self._members, members_in(f"{self._out}/*.parquet"))
        self._keep(name, found)
        cleared(self._out)

    def _keep(self, name: str, found: Measured) -> None:
        self.record["turns"].setdefault(name, []).append(found.record())
        tell(name, found)
        self._settings.save()


def compare(work: Work, settings: Settings, names: Collection[str] | None, records: list[dict[str, Any]]) -> None:
    """Compare all at one work.

    Args:
        work: The work.
        settings: How to measure.
        names: The peers; None is all that are installed and do not take too long.
        records: Where to put what is found.

    Raises:
        Disagreement: A peer found other memberships than segbatch.
        RuntimeError: segbatch failed.
    """
    print(f"{work}", flush=True)
    comparison = Comparison(work, settings, names)
    records.append(comparison.record)
    comparison.measure()


def rehearse(works: list[Work], settings: Settings, names: Collection[str] | None) -> None:
    """Let everybody do a tiny work once: what is broken is found at once, and all is compiled and at hand.

    Where all works are tiny it is left out.
    """
    if all(work.contacts <= REHEARSAL.contacts for work in works):
        return
    print("rehearsal", flush=True)
    once = replace(settings, rounds=1, save=lambda: None)
    Comparison(REHEARSAL, once, names).measure()
