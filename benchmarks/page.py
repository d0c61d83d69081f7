"""The page of the last full run: docs/benchmarks.md and its plot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from goals import goals
from plotting import plot
from tables import Table, comparison, floor, profile, questions, scale

if TYPE_CHECKING:
    from pathlib import Path

OPENING = """# Benchmarks

How long segbatch takes, and how long others take for the same work: evaluate every segment over every contact, and
write (segment_id, contact_id) as Parquet. The contacts and segments are random, made by `benchmarks/make_data.py`. All
find the same memberships, which the same run checks by the size of each segment and a digest of its ids.

**segbatch does more than that.** Its time is that of the whole job, through the command line: it checks the ids,
counts, digests the snapshot and all files, keeps bits for the next night, waits for the disk and publishes. The others
leave their files and end; they do not wait for the disk.
"""

CLOSING = """## How it was measured

- Each run is a process of its own, from its start to its end, and nothing else should run: how many processes did when
  it began stands above. Everybody has a turn in each round, so that what disturbs hits all alike. Times are medians,
  with the least and the most of the rounds in parentheses; ratios are taken round by round.
- Memory is the most that the system counted for the process (`ru_maxrss`). Pages of files that are mapped into memory
  count there, though the system may take them back at any time; what the process had to itself stands beside it.
- The plain statements are what is written first: one scan, `unnest(list_filter([CASE WHEN ... THEN 'id' END, ...]))`
  and, in ClickHouse, `arrayJoin(arrayFilter(...))` over texts. The best found make arrays of small numbers, which
  become texts at the end, and choose settings. All are in `benchmarks/statements.py`; a better one is welcome.
- ClickHouse runs inside the process (chdb), and has no server to ask over a network.
- Polars and pandas write a file a segment, and may find members of one segment after the other.
- The floor is what nobody can do without: read the columns that some rule needs, with Polars, then write as many bytes
  as segbatch leaves and wait until the disk has them.
- A profile tells the time of each thread. What a step calls that is a step itself is not in its time.

## Again

```
make bench
```

takes about an hour on such a machine, up to 20 GB of memory (DuckDB's plain statement) and 20 GB of disk, and writes
this page anew. Something smaller takes minutes:

```
make bench BENCH="--contacts 200000 --segments 100"
```

`make bench BENCH=--help` has the rest. The numbers behind this page are in `benchmarks/last_run.json`.
"""


def tables(results: dict[str, Any]) -> list[Table]:
    """Return everything that was measured, as tables."""
    found = [goals(results)]
    for record in results.get("comparisons", ()):
        found += [comparison(record), floor(record), questions(record)]
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
    load = f"{machine['load']:.1f} processes at work beside it when it began"
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
