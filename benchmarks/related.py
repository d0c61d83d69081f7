"""Segments of aggregated events: segbatch and one statement of DuckDB, with the same memberships.

The statement is what somebody writes by hand who knows the rules: every aggregate once, in one pass over the events.
Another computes the aggregates and nothing else.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from comparing import tell
from conditions import SIGNS, literal, read_segments
from measuring import measure, script, size_of
from peers import EVENT_LABELS, EVENTS, FIRST
from two_nights import AS_OF, Members, cleared, ensure_same, members_in, published, summary
from works import made, warm

if TYPE_CHECKING:
    from pathlib import Path

    from comparing import Settings
    from measuring import Measured

FUNCTIONS: Final = {"count": "count(*)", "count_distinct": "bit_or({}_bit)"}
NEVER_MISSING: Final = ("count", "count_distinct", "sum")


@dataclass(frozen=True)
class EventWork:
    """Segments of aggregates to evaluate over contacts and their events."""

    events: int = 20_000_000
    contacts: int = 2_000_000
    segments: int = 100
    seed: int = 1

    def __str__(self) -> str:
        """Say it in words."""
        return f"{self.events:,} events of {self.contacts:,} contacts, {self.segments:,} segments"


def aggregate_of(rule: dict[str, Any]) -> str:
    """Write the aggregate of a rule for DuckDB.

    Distinct values are counted as bits, which takes a quarter of the time of `count(DISTINCT ...)`.
    """
    function = FUNCTIONS.get(rule["aggregate"], rule["aggregate"] + "({})").format(rule.get("field"))
    tests = " AND ".join(_test(test) for test in rule["where"])
    found = f"{function} FILTER (WHERE {tests})"
    if rule["aggregate"] == "count_distinct":
        found = f"bit_count({found})"
    return f"coalesce({found}, 0)" if rule["aggregate"] in NEVER_MISSING else found


def _test(rule: dict[str, Any]) -> str:
    if rule["operator"] == "eq":
        return f"{rule['field']} = {literal(rule['value'])}"
    return f"\"{rule['field']}\" {SIGNS[rule['operator']]} TIMESTAMPTZ '{rule['value']} 00:00:00+00'"


def aggregates(events: Path, segments: list[dict[str, Any]]) -> tuple[str, dict[str, str]]:
    """Write all aggregates of the segments for DuckDB, a row for each contact that has events.

    Returns:
        The statement, and for each aggregate the name of its column.
    """
    distinct = dict.fromkeys(aggregate_of(rule) for segment in segments for rule in segment["rules"])
    names = {text: f"a{number}" for number, text in enumerate(distinct)}
    columns = ", ".join(f"{text} AS {name}" for text, name in names.items())
    bits = "".join(f", 1 << enum_code({field}::{field}_values) AS {field}_bit" for field in _counted(segments))
    in_time = f"\"at\" <= TIMESTAMPTZ '{AS_OF[0]}'"
    rows = f"SELECT *{bits} FROM {literal(str(events))} WHERE {in_time}"  # noqa: S608
    return f"SELECT contact_id, {columns} FROM ({rows}) GROUP BY 1", names  # noqa: S608


def _counted(segments: list[dict[str, Any]]) -> list[str]:
    """Return the fields whose distinct values are counted."""
    rules = (rule for segment in segments for rule in segment["rules"])
    return sorted({rule["field"] for rule in rules if rule["aggregate"] == "count_distinct"})


def _values(field: str, events: Path) -> str:
    return f"SELECT DISTINCT {field} FROM {literal(str(events))} WHERE {field} IS NOT NULL"  # noqa: S608


def _enums(events: Path, segments: list[dict[str, Any]]) -> list[str]:
    """Write the statements that number the values of these fields."""
    return [f"CREATE TYPE {field}_values AS ENUM (FROM ({_values(field, events)}))" for field in _counted(segments)]


def membership(contacts: Path, events: Path, segments: list[dict[str, Any]]) -> str:
    """Write the memberships of all segments for DuckDB, which has an enum `segment` of their ids."""
    aggregated, names = aggregates(events, segments)
    zeros = (name for text, name in names.items() if text.startswith("coalesce"))
    filled = ", ".join(f"coalesce({name}, 0) AS {name}" for name in zeros)
    joined = f"SELECT c.id, a.* REPLACE ({filled}) FROM {literal(str(contacts))} c LEFT JOIN a ON a.contact_id = c.id"  # noqa: S608
    cases = ", ".join(
        f"CASE WHEN {_joined(segment, names)} THEN {literal(segment['id'])}::segment END" for segment in segments
    )
    chosen = f"unnest(list_filter([{cases}], lambda one: one IS NOT NULL))"
    return f"WITH a AS ({aggregated}) SELECT {chosen} AS segment_id, id AS contact_id FROM ({joined})"  # noqa: S608


def _joined(segment: dict[str, Any], names: dict[str, str]) -> str:
    joint = " OR " if segment.get("match") == "any" else " AND "
    tests = (f"{names[aggregate_of(rule)]} {SIGNS[rule['operator']]} {rule['value']}" for rule in segment["rules"])
    return joint.join(tests)


def write_membership(contacts: Path, definitions: Path, out: Path, events: Path) -> None:
    """Let DuckDB write the membership."""
    segments = read_segments(definitions)
    create = f"CREATE TYPE segment AS ENUM ({', '.join(literal(one['id']) for one in segments)})"
    _copy(membership(contacts, events, segments), out, create, *_enums(events, segments))


def write_aggregates(_contacts: Path, definitions: Path, out: Path, events: Path) -> None:
    """Let DuckDB write the aggregates."""
    segments = read_segments(definitions)
    _copy(aggregates(events, segments)[0], out, *_enums(events, segments))


def _copy(rows: str, out: Path, *before: str) -> None:
    import duckdb  # noqa: PLC0415 - each peer loads what is its own

    connection = duckdb.connect()
    for one in ("SET enable_progress_bar = false", "SET preserve_insertion_order = false", *before):
        connection.execute(one)
    target = literal(str(out / "rows.parquet"))
    connection.execute(f"COPY ({rows}) TO {target} (FORMAT parquet, COMPRESSION uncompressed)")


def compare_events(work: EventWork, settings: Settings) -> dict[str, Any]:
    """Measure all in turns, and check that they find the same memberships.

    Raises:
        Disagreement: They do not.
    """
    print(work, flush=True)
    folder, out = settings.folder, settings.folder / "out"
    contacts = made(
        folder / f"contacts-{work.contacts}-struct-{work.seed}.parquet",
        *("contacts", "--rows", work.contacts, "--custom-fields", "struct", "--seed", work.seed),
    )
    events = made(
        folder / f"events-{work.events}-{work.contacts}-{work.seed}.parquet",
        *("events", "--rows", work.events, "--contacts", work.contacts, "--seed", work.seed),
    )
    definitions = made(folder / f"event-segments-{work.segments}", "event-segments", "--count", work.segments)
    for path in (contacts, events):
        warm(path)
    own = [sys.executable, "-m", "segbatch", "run", "--contacts", str(contacts), "--segments", str(definitions)]
    own += ["--table", f"events={events}", "--table-time", "events=at", "--as-of", AS_OF[0], "--output", str(out)]
    words = (contacts, definitions, out, events)
    theirs = {name: script("run_peer.py", name, *words, python=settings.python) for name in EVENT_LABELS}
    record: dict[str, Any] = {"work": str(work), "turns": {name: [] for name in (FIRST, *theirs)}}
    members: Members = {}
    for _ in range(settings.rounds):
        for name, words_of_it in {FIRST: own, **theirs}.items():
            found = _turn(name, words_of_it, out, settings, record)
            if name == FIRST and not members and not found.error:
                members = members_in(published(out))
                record |= summary(members)
            elif name == EVENTS and members and not found.error:
                ensure_same(name, members, members_in(f"{out}/*.parquet"))
    cleared(out)
    return record


def _turn(name: str, command: list[str], out: Path, settings: Settings, record: dict[str, Any]) -> Measured:
    cleared(out)
    found = replace(measure(command, settings.timeout), written=size_of(out))
    record["turns"][name].append(found.record())
    tell(name, found)
    return found
