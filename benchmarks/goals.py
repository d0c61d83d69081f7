"""What segbatch promises of its speed, and what was measured of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from figures import Spread, of, ratio, spread
from peers import FIRST, SECOND
from scaling import AGAIN
from tables import Table, distances

if TYPE_CHECKING:
    from collections.abc import Iterator

MILLION: Final = 1_000_000
CONTACTS: Final = 2 * MILLION
FEW: Final = 100
MANY: Final = 1_000
FASTER: Final = {("clickhouse", FEW): 3, ("clickhouse", MANY): 16, ("duckdb", FEW): 7, ("duckdb", MANY): 30}
MEMORY: Final = {"clickhouse": 1 / 3, "duckdb": 1 / 10}
SECOND_NIGHT: Final = 1.5
FLOOR: Final = 4
QUESTION: Final = 1
ASKED: Final = ("the size of a segment", "the ids of a segment", "the sizes of all segments")
REPEATED: Final = 5
LARGER_TIME: Final = 4.4
LARGER_MEMORY: Final = 1.3
HASHES: Final = 16
"""Bytes a contact that the check of the ids takes; memory is promised without them."""


class Goal(NamedTuple):
    """A promise and what was measured of it."""

    words: str
    bound: float
    found: Spread | None
    at_least: bool = False

    def row(self, found: Spread) -> list[str]:
        """Return it as a row of a table."""
        met = found.middle >= self.bound if self.at_least else found.middle <= self.bound
        bound = f"{'at least' if self.at_least else 'at most'} {round(self.bound, 2):g}"
        return [self.words, bound, f"{found:.2f}", "yes" if met else "no"]


def goals(results: dict[str, Any]) -> Table | None:
    """Show each promise that was measured, at the sizes for which it is given."""
    rows = [goal.row(goal.found) for goal in _all(results) if goal.found]
    title = f"Goals, at {CONTACTS:,} contacts unless stated otherwise"
    return Table(title, ("", "goal", "measured", "met"), rows) if rows else None


def _all(results: dict[str, Any]) -> Iterator[Goal]:
    for record in results.get("comparisons", ()):
        work = record["work"]
        if work["contacts"] == CONTACTS and work["segments"] in {FEW, MANY}:
            yield from _of_peers(record)
            yield from _of_itself(record)
    scale = results.get("scale") or {}
    for name, entries in scale.items():
        if name == AGAIN:
            times = {entry["work"]["times"]: entry["turns"] for entry in entries if _is_usual(entry)}
            yield Goal("100 segments ten times over, times 100", REPEATED, ratio(times.get(10, []), times.get(1, [])))
        elif name.startswith("contacts"):
            yield from _of_contacts(name, entries)


def _is_usual(entry: dict[str, Any]) -> bool:
    return bool(entry["work"]["contacts"] == CONTACTS)


def _of_peers(record: dict[str, Any]) -> Iterator[Goal]:
    turns, segments = record["turns"], record["work"]["segments"]
    for system, memory in MEMORY.items():
        for name, statement in ((f"{system}-tuned", "best statement"), (system, "plain statement")):
            theirs, own = turns.get(name, []), turns[FIRST]
            words = f"{segments:,} segments, against the {statement} of {system}"
            yield Goal(f"{words}: times faster", FASTER[system, segments], ratio(theirs, own), at_least=True)
            if segments == MANY:
                yield Goal(f"{words}: share of its memory", memory, ratio(own, theirs, "peak"))


def _of_itself(record: dict[str, Any]) -> Iterator[Goal]:
    turns, segments = record["turns"], record["work"]["segments"]
    yield Goal(
        f"{segments:,} segments: the next run, times the first", SECOND_NIGHT, ratio(turns[SECOND], turns[FIRST])
    )
    if segments == MANY:
        yield Goal(f"{segments:,} segments: times the floor", FLOOR, distances(record))
        for question in ASKED:
            took = spread([times[question] for times in record["questions"]])
            yield Goal(f"{segments:,} segments: {question}, seconds", QUESTION, took)


def _of_contacts(name: str, entries: list[dict[str, Any]]) -> Iterator[Goal]:
    turns = {entry["work"]["contacts"]: entry["turns"] for entry in entries}
    small, large = turns.get(CONTACTS, []), turns.get(4 * CONTACTS, [])
    yield Goal(f"8 million {name}, times 2 million", LARGER_TIME, ratio(large, small))
    less, more = of(small, "peak"), of(large, "peak")
    if less and more:
        share = (more.middle - HASHES * 4 * CONTACTS) / (less.middle - HASHES * CONTACTS)
        yield Goal(
            f"the same, memory without the hashes of the ids ({HASHES} bytes per contact)",
            LARGER_MEMORY,
            spread([share]),
        )
