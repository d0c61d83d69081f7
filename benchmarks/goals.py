"""What segbatch aims at in speed, and what was measured of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from databases import CHANGED_SYNC, COPY, FIRST_SYNC, SNAPSHOT
from figures import Spread, of, ratio, spread
from peers import AGGREGATES, FIRST, SECOND
from scaling import AGAIN
from starting import RUN
from tables import Table, distances, to_plain

if TYPE_CHECKING:
    from collections.abc import Iterator

MILLION: Final = 1_000_000
CONTACTS: Final = 2 * MILLION
FEWER: Final = MILLION // 2
FEW: Final = 100
MANY: Final = 1_000
FASTER: Final = {
    (CONTACTS, FEW): {"clickhouse-tuned": 2, "duckdb-tuned": 4.5},
    (CONTACTS, MANY): {"clickhouse-tuned": 5, "duckdb-tuned": 10},
    (FEWER, FEW): {"clickhouse-tuned": 1.6, "duckdb-tuned": 1.2},
    (FEWER, MANY): {"clickhouse-tuned": 3, "duckdb-tuned": 5.5},
}
PEER_WORDS: Final = {"clickhouse-tuned": "ClickHouse's best statement", "duckdb-tuned": "DuckDB's best statement"}
MEMORY: Final = 0.2
SECOND_RUN: Final = 1.15
FLOOR: Final = {FEW: 3, MANY: 2}
BYTES: Final = 2.9
ASKED: Final = ("the ids of a segment", "the sizes of all segments", "the segments of a contact")
QUESTION: Final = 1
FORMS: Final = {"json": 1.7, "map": 1.3}
REPEATED: Final = 5
LARGER_TIME: Final = 4.4
LARGER_MEMORY: Final = 1.2
HASHES: Final = 16
"""Bytes a contact that the check of the ids takes; memory is promised without them."""
START: Final = 0.5
EVENTS_TIME: Final = 1.5
EVENTS_MEMORY: Final = 3
CHANGED_SHARE: Final = 0.05
COPY_TIME: Final = 1.5
GIGA: Final = 1e9


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
        size = record["work"]["contacts"], record["work"]["segments"]
        if size in FASTER:
            yield from _of_peers(record, size)
        if size[0] == CONTACTS and size[1] in FLOOR:
            yield from _of_itself(record, size[1])
    scale = results.get("scale") or {}
    for name, entries in scale.items():
        if name == AGAIN:
            times = {entry["work"]["times"]: entry["turns"] for entry in entries if _is_usual(entry)}
            yield Goal("100 segments ten times over, times 100", REPEATED, ratio(times.get(10, []), times.get(1, [])))
        elif name.startswith("contacts"):
            yield from _of_contacts(name, entries)
        elif name.startswith("form"):
            yield from _of_forms(entries)
    if start := results.get("start"):
        yield Goal("segbatch run on the sample data, seconds", START, of(start["turns"][RUN], "seconds"))
    yield from _of_tables(results)


def _of_tables(results: dict[str, Any]) -> Iterator[Goal]:
    if events := results.get("events"):
        yield from _of_events(events)
    if stored := results.get("databases"):
        turns = stored["turns"]
        words = "PostgreSQL, 1 % of changes: share of the first synchronisation"
        yield Goal(words, CHANGED_SHARE, ratio(turns[CHANGED_SYNC], turns[FIRST_SYNC]))
        yield Goal("PostgreSQL, a table as a snapshot: times COPY", COPY_TIME, ratio(turns[SNAPSHOT], turns[COPY]))


def _is_usual(entry: dict[str, Any]) -> bool:
    return bool(entry["work"]["contacts"] == CONTACTS)


def _of_peers(record: dict[str, Any], size: tuple[int, int]) -> Iterator[Goal]:
    turns, (contacts, segments) = record["turns"], size
    where = f"{segments:,} segments" if contacts == CONTACTS else f"{contacts:,} contacts, {segments:,} segments"
    for name, bound in FASTER[size].items():
        words = f"{where}, against {PEER_WORDS[name]}: times faster"
        yield Goal(words, bound, ratio(turns.get(name, []), turns[FIRST]), at_least=True)
    if size == (CONTACTS, MANY):
        theirs = turns.get("clickhouse-tuned", [])
        yield Goal(f"{where}: share of ClickHouse's memory", MEMORY, ratio(turns[FIRST], theirs, "peak"))


def _of_itself(record: dict[str, Any], segments: int) -> Iterator[Goal]:
    turns = record["turns"]
    second = ratio(turns[SECOND], turns[FIRST])
    yield Goal(f"{segments:,} segments: the next run with 1 % changed, times the first", SECOND_RUN, second)
    yield Goal(f"{segments:,} segments: times the floor", FLOOR[segments], distances(record))
    if segments == MANY:
        written, number = of(turns[FIRST], "written"), record["memberships"]
        each = spread([written.middle / number]) if written else None
        yield Goal(f"{segments:,} segments: bytes written per membership", BYTES, each)
    for question in ASKED:
        words = f"{segments:,} segments: {question} in DuckDB, times plain files"
        yield Goal(words, QUESTION, to_plain(record, question))


def _of_contacts(name: str, entries: list[dict[str, Any]]) -> Iterator[Goal]:
    turns = {entry["work"]["contacts"]: entry["turns"] for entry in entries}
    small, large = turns.get(CONTACTS, []), turns.get(4 * CONTACTS, [])
    yield Goal(f"8 million {name}, times 2 million", LARGER_TIME, ratio(large, small))
    less, more = of(small, "peak"), of(large, "peak")
    if less and more:
        share = (more.middle - HASHES * 4 * CONTACTS) / (less.middle - HASHES * CONTACTS)
        words = f"the same, memory without the hashes of the ids ({HASHES} bytes per contact)"
        yield Goal(words, LARGER_MEMORY, spread([share]))


def _of_forms(entries: list[dict[str, Any]]) -> Iterator[Goal]:
    turns = {entry["work"]["form"]: entry["turns"] for entry in entries if _is_usual(entry)}
    for form, bound in FORMS.items():
        words = f"custom_fields as {form}, times the struct"
        yield Goal(words, bound, ratio(turns.get(form, []), turns.get("struct", [])))


def _of_events(record: dict[str, Any]) -> Iterator[Goal]:
    turns, peak = record["turns"], of(record["turns"][FIRST], "peak")
    words = f"{record['work']}: times DuckDB's statement for the aggregates alone"
    yield Goal(words, EVENTS_TIME, ratio(turns[FIRST], turns[AGGREGATES]))
    yield Goal("the same, memory in GB", EVENTS_MEMORY, spread([peak.middle / GIGA]) if peak else None)
