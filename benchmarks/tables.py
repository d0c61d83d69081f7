"""What was measured, as tables that a terminal and a page can show."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from figures import good, of, ratio, slope, slope_of_all, spread
from peers import ALL_LABELS, FIRST, FLOOR
from works import Work

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

GIGA = 1e9
MEGA = 1e6
SHOWN = 0.005
"""Steps of a profile that take less than this share of it are left out."""


@dataclass
class Table:
    """A table with a title and what is to be said of it.

    Attributes:
        title: Its title.
        head: The names of its columns.
        rows: Its rows.
        notes: Sentences below it.
    """

    title: str
    head: Sequence[str]
    rows: list[list[str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def text(self) -> str:
        """Write it for a terminal."""
        lines = [list(self.head), *self.rows]
        widths = [max(len(line[place]) for line in lines) for place in range(len(self.head))]
        first, *others = widths
        drawn = [
            "  ".join([line[0].ljust(first), *(cell.rjust(w) for cell, w in zip(line[1:], others, strict=True))])
            for line in lines
        ]
        return "\n".join([self.title, *drawn, *self.notes])

    def markdown(self) -> str:
        """Write it for a page."""
        marks = ["---", *["---:"] * (len(self.head) - 1)]
        rows = [f"| {' | '.join(line)} |" for line in (self.head, marks, *self.rows)]
        return "\n\n".join([f"### {self.title}", "\n".join(rows), *self.notes])


def comparison(record: dict[str, Any]) -> Table:
    """Show who took what for one work."""
    turns, out = record["turns"], []
    for name, own in turns.items():
        time, times, anonymous = of(own, "seconds"), ratio(own, turns[FIRST]), of(own, "own")
        user, system, peak, written = (of(own, what) for what in ("user", "system", "peak", "written"))
        if not (time and times and user and system and peak and written):
            continue
        memory = f"{peak.middle / GIGA:.2f}"
        mine = f"{anonymous.middle / GIGA:.2f}" if anonymous else "-"
        bytes_each = f"{written.middle / record['memberships']:.2f}" if record.get("memberships") else "-"
        row = [f"{user.middle:.1f}", f"{system.middle:.1f}", memory, mine, f"{written.middle / MEGA:,.0f}", bytes_each]
        out.append([ALL_LABELS[name], f"{time:.2f}", *row, "1" if name == FIRST else f"{times:.2f}"])
    table = Table(
        str(Work(**record["work"])),
        (
            "",
            "seconds",
            "CPU, user",
            "CPU, system",
            "memory, GB",
            "own memory, GB",
            "MB written",
            "bytes per membership",
            "times segbatch's",
        ),
        out,
    )
    table.notes = list(_notes(record))
    return table


def _notes(record: dict[str, Any]) -> Iterator[str]:
    checked = [ALL_LABELS[name] for name, own in record["turns"].items() if name in PEER_NAMES and good(own)]
    if checked:
        count = f"the same {record['memberships']:,} memberships" if "memberships" in record else "the same"
        yield f"segbatch and {len(checked)} peers found {count}: {'; '.join(checked)}."
    for name, own in record["turns"].items():
        failed = [turn["error"].splitlines()[0] for turn in own if turn["error"]]
        if failed:
            yield f"{ALL_LABELS[name]} failed: {failed[0]}"
    for name, reason in record["left_out"].items():
        yield f"{ALL_LABELS[name]} is left out: {reason}."


PEER_NAMES = ALL_LABELS.keys() - {FIRST, FLOOR, "segbatch-second-night"}


def floor(record: dict[str, Any]) -> Table | None:
    """Show how far segbatch is from what nobody can do without."""
    reads, writes = (spread([times[what] for times in record["floor"] if times]) for what in ("read", "write"))
    distance, started = distances(record), ratio(record["turns"][FIRST], record["turns"][FLOOR])
    if reads is None or writes is None or distance is None or started is None:
        return None
    rows = [
        ["read the columns that the rules need, with Polars, seconds", f"{reads:.2f}"],
        ["write as many bytes as segbatch, and flush them to the disk, seconds", f"{writes:.2f}"],
        ["segbatch's time, divided by the sum of both", f"{distance:.2f}"],
        ["the same, with the start of Python and Polars", f"{started:.2f}"],
    ]
    return Table(f"The floor: {Work(**record['work'])}", ("", ""), rows)


def distances(record: dict[str, Any]) -> Any:
    """Return how often segbatch takes what reading and writing alone take, round by round."""
    pairs = zip(record["turns"][FIRST], record["floor"], strict=False)
    return spread([turn["seconds"] / (times["read"] + times["write"]) for turn, times in pairs if times])


def questions(record: dict[str, Any]) -> Table:
    """Show how long DuckDB takes to answer from the published tables, and from plain files with the same rows."""
    rows = []
    for question in record["questions"][0]:
        own, plain = (spread([times[question] for times in record[part]]) for part in ("questions", "plain_questions"))
        rows.append([question, f"{own:.3f}", f"{plain:.3f}", f"{to_plain(record, question):.2f}"])
    title = f"Queries on the published tables: {Work(**record['work'])}"
    return Table(title, ("in DuckDB", "seconds", "plain files", "times those of plain files"), rows)


def to_plain(record: dict[str, Any], question: str) -> Any:
    """Return how often a question takes what it takes on plain files, round by round."""
    pairs = zip(record["questions"], record["plain_questions"], strict=True)
    return spread([own[question] / plain[question] for own, plain in pairs])


def start(record: dict[str, Any]) -> Table:
    """Show how long small commands take."""
    rows = []
    for name, turns in record["turns"].items():
        time, user, system, peak = (of(turns, what) for what in ("seconds", "user", "system", "peak"))
        if time and user and system and peak:
            memory = f"{peak.middle / MEGA:,.0f}"
            rows.append([name, f"{time:.2f}", f"{user.middle:.2f}", f"{system.middle:.2f}", memory])
    return Table("The start", ("", "seconds", "CPU, user", "CPU, system", "memory, MB"), rows)


def events(record: dict[str, Any]) -> Table:
    """Show how long segments of aggregated events take."""
    rows = []
    for name, turns in record["turns"].items():
        time, user, system, peak = (of(turns, what) for what in ("seconds", "user", "system", "peak"))
        times = ratio(turns, record["turns"][FIRST])
        if time and user and system and peak and times:
            cpu = [f"{user.middle:.1f}", f"{system.middle:.1f}", f"{peak.middle / GIGA:.2f}"]
            rows.append([ALL_LABELS[name], f"{time:.2f}", *cpu, "1" if name == FIRST else f"{times:.2f}"])
    table = Table(
        f"Related tables: {record['work']}",
        ("", "seconds", "CPU, user", "CPU, system", "memory, GB", "times segbatch's"),
        rows,
    )
    if "memberships" in record and len(rows) > 1:
        table.notes.append(f"Both found the same {record['memberships']:,} memberships.")
    return table


def databases(record: dict[str, Any]) -> Table:
    """Show how long a database and segbatch take together."""
    rows = []
    for name, turns in record["turns"].items():
        time, user, system, peak, written = (
            of(turns, what) for what in ("seconds", "user", "system", "peak", "written")
        )
        if time and user and system and peak and written:
            size = f"{written.middle / MEGA:,.0f}" if written.middle else ""
            cpu = [f"{user.middle:.1f}", f"{system.middle:.1f}", f"{peak.middle / GIGA:.2f}"]
            rows.append([name, f"{time:.1f}", *cpu, size])
    table = Table(
        f"PostgreSQL: {record['work']}",
        ("", "seconds", "CPU, user", "CPU, system", "memory, GB", "MB written"),
        rows,
        ["CPU and memory are those of the program, without the server, which is on the same machine."],
    )
    if "memberships" in record:
        table.notes.append(f"There are {record['memberships']:,} memberships at the end.")
    table.notes += record.get("notes", ())  # written by hand about these numbers; gone when they are measured again
    return table


def points(entries: list[dict[str, Any]], what: str) -> list[tuple[float, float]]:
    """Return the sizes of a series with their times, where something grows in it."""
    found = []
    for entry in entries:
        time = of(entry["turns"], "seconds")
        if time and isinstance(entry["work"][what], int):
            found.append((float(entry["work"][what]), time.middle))
    return found


def grows(entries: list[dict[str, Any]]) -> str:
    """Return what grows in a series."""
    names = ("contacts", "times", "distinct", "segments", "form")
    return next(name for name in names if len({str(entry["work"][name]) for entry in entries}) > 1)


def scale(name: str, entries: list[dict[str, Any]]) -> Table:
    """Show a series with the slope between its points."""
    what = grows(entries)
    sizes = points(entries, what)
    table = Table(f"Scale: {name}", (what, "seconds", "CPU seconds", "memory, GB", "MB written", "slope"))
    before: tuple[float, float] | None = None
    for entry in entries:
        time, cpu, peak, written = (of(entry["turns"], key) for key in ("seconds", "cpu", "peak", "written"))
        size = entry["work"][what]
        if not (time and cpu and peak and written):
            table.rows.append([str(size), "failed", *["-"] * 4])
            continue
        here = (float(size), time.middle) if sizes else None
        rise = f"{slope(before, here):.2f}" if before and here else ""
        row = [f"{cpu.middle:.1f}", f"{peak.middle / GIGA:.2f}", f"{written.middle / MEGA:,.0f}", rise]
        table.rows.append([f"{size:,}" if sizes else str(size), f"{time:.2f}", *row])
        before = here
    whole = slope_of_all(sizes)
    if whole is not None:
        table.notes.append(
            f"Slope of all points: {whole:.2f}. "
            "Time grows with this power of the size: with 1, twice the size takes twice as long."
        )
    return table


def profile(record: dict[str, Any]) -> list[Table]:
    """Show where the time goes, a table a night."""
    tables = []
    for night, found in zip(("first run", "next run"), record["nights"], strict=True):
        title = f"Where the time goes: {Work(**record['work'])}, {night}, {found['wall']:.2f} s"
        rows = [
            [
                f"{entry['thread']}: {entry['step']}",
                f"{entry['seconds']:.2f}",
                f"{entry['seconds'] / found['wall']:.0%}",
            ]
            for entry in found["steps"]
            if entry["seconds"] >= SHOWN * found["wall"]
        ]
        tables.append(Table(title, ("thread: step", "seconds", "of the whole"), rows))
    tables[-1].notes.append("Threads work in parallel, so the sum is more than the whole.")
    return tables
