"""The page of the last full run: docs/benchmarks.md and its plot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from goals import goals
from plotting import plot
from tables import Table, comparison, databases, events, floor, profile, questions, scale, start

if TYPE_CHECKING:
    from pathlib import Path

OPENING = """# Benchmarks

This page compares segbatch with other tools on the same work: evaluate every segment over every contact, and write
(segment_id, contact_id) as Parquet. `benchmarks/make_data.py` generates random contacts and segments. All tools find
the same memberships; the benchmark checks the size of each segment and a digest of its ids.

**segbatch does more than the others.** Its time is that of the whole job on the command line: it checks the ids,
counts, computes digests of the snapshot and of all files, stores bits for the next run, flushes to the disk and
publishes. The others only write their files, and do not flush them to the disk.
"""

CLOSING = """## How it was measured

- **Runs:** each run is a process of its own, measured from its start to its end. The machine should be idle otherwise;
  its load average at the start is given above. Every tool runs once per round, so disturbances affect all alike. Times
  are medians, with the minimum and maximum of the rounds in parentheses. Ratios are computed per round.
- **Memory** is the maximum that the system counted for the process (`ru_maxrss`). This includes pages of mapped files,
  which the system may reclaim at any time. The next column shows the process's own memory.
- **Plain statements** are the first that one would write: one scan with
  `unnest(list_filter([CASE WHEN ... THEN 'id' END, ...]))`, or in ClickHouse `arrayJoin(arrayFilter(...))` over texts.
- **Best statements** build arrays of small numbers or of an enum, which become texts in the file, and choose settings:
  DuckDB without compression and without the order of the contacts, ClickHouse with small blocks. All are in
  `benchmarks/statements.py`, and those for events in `benchmarks/related.py`; better ones are welcome.
- **CPU** is of all threads of a process. The system's part is mostly the first touch of memory, and writing files.
- **Plain files** have the same rows as the published membership, in the same order, as PyArrow writes any table: with
  zstd and a dictionary. Each question has three turns per round on both, and the shortest counts.
- **ClickHouse** runs inside the process (chdb), without a server and a network.
- **Polars and pandas** write one file per segment, and may find the members of one segment after another.
- **The floor** is the minimum work for any tool: read the columns that the rules need, with Polars, then write as many
  bytes as segbatch and flush them to the disk.
- **Profiles** show the time of each thread. The time of a step excludes the steps that it calls.

## Run it yourself

```
make bench
```

This takes about an hour on such a machine, up to 20 GB of memory (DuckDB's plain statement) and 20 GB of disk, and
rewrites this page. What the table of goals needs, against the best statements alone, takes a quarter of an hour with
three rounds, when the data is made:

```
make bench BENCH="--goals --rounds 3 --results benchmarks/last_run.json --page docs/benchmarks.md"
```

`--databases` measures a PostgreSQL server on the same machine, and is in neither of the two. It takes five minutes to
half an hour:

```
make bench BENCH="--databases --add --results benchmarks/last_run.json --page docs/benchmarks.md"
```

A smaller benchmark takes minutes:

```
make bench BENCH="--contacts 200000 --segments 100"
```

`make bench BENCH=--help` lists all options. The numbers of this page are in `benchmarks/last_run.json`.
"""


def tables(results: dict[str, Any]) -> list[Table]:
    """Return everything that was measured, as tables."""
    found = [goals(results)]
    for record in results.get("comparisons", ()):
        found += [comparison(record), floor(record), questions(record)]
    if "events" in results:
        found.append(events(results["events"]))
    if "databases" in results:
        found.append(databases(results["databases"]))
    if "start" in results:
        found.append(start(results["start"]))
    found += [scale(name, entries) for name, entries in (results.get("scale") or {}).items()]
    for record in results.get("profiles", ()):
        found += profile(record)
    return [table for table in found if table is not None]


def measured_on(machines: dict[str, dict[str, Any]]) -> str:
    """Say what was measured on, and when; a line for the parts that one command measured."""
    parts: dict[str, list[str]] = {}
    for part, machine in machines.items():
        parts.setdefault(_told(machine), []).append(part)
    lines = [f"{'; '.join(names)}: {machine}" for machine, names in parts.items()]
    return "\n".join(f"- {line[0].upper()}{line[1:]}" for line in lines)


def _told(machine: dict[str, Any]) -> str:
    versions = ", ".join(f"{name} {number}" for name, number in machine["versions"].items())
    kind = f"{machine['processor']}, {machine['cores']} cores, {machine['memory'] / 2**30:.0f} GB, {machine['system']}"
    load = f"load average {machine['load']:.1f} at the start"
    when = f"measured on {machine['date']}, at commit {machine['commit']}, {load}"
    return f"{when}: {kind}; Python {machine['python']}, {versions}."


def write_page(results: dict[str, Any], place: Path) -> None:
    """Write the page, and its plot beside it.

    Args:
        results: What was measured.
        place: The Markdown file.
    """
    picture = place.with_suffix(".svg")
    parts = [OPENING.strip(), measured_on(results["machines"]), f"![The medians of the tables below]({picture.name})"]
    parts += [table.markdown() for table in tables(results)]
    picture.write_text(plot(results), encoding="utf-8")
    place.write_text("\n\n".join([*parts, CLOSING.strip()]) + "\n", encoding="utf-8")
