"""Who is compared: segbatch's whole job, and others at the same work."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final

from measuring import ask

if TYPE_CHECKING:
    from collections.abc import Collection

FIRST: Final = "segbatch"
SECOND: Final = "segbatch-second-night"
FLOOR: Final = "floor"
LABELS: Final = {
    FIRST: "segbatch, the whole job",
    SECOND: "segbatch, the next run, 1 % changed",
    FLOOR: "the floor: read the columns, write the bytes",
}


@dataclass(frozen=True)
class Peer:
    """Another way to the same membership.

    Attributes:
        name: What it is called on the command line.
        label: And in a table.
        needs: The packages that it is made of.
        most_segments: It is left out where there are more; None is no limit.
    """

    name: str
    label: str
    needs: tuple[str, ...]
    most_segments: int | None = None


PEERS: Final = (
    Peer("clickhouse-tuned", "ClickHouse, the best statement found", ("chdb",)),
    Peer("clickhouse", "ClickHouse, the plain statement", ("chdb",)),
    Peer("duckdb-tuned", "DuckDB, the best statement found", ("duckdb",)),
    Peer("duckdb", "DuckDB, the plain statement", ("duckdb",)),
    Peer("polars-wide", "Polars, one wide frame", ("polars",)),
    Peer("polars-loop", "Polars, a scan per segment", ("polars",), most_segments=100),
    Peer("pandas", "pandas, each rule once", ("pandas",), most_segments=100),
)
EVENTS: Final = "duckdb-events"
AGGREGATES: Final = "duckdb-aggregates"
EVENT_LABELS: Final = {
    EVENTS: "DuckDB, one statement for the membership",
    AGGREGATES: "DuckDB, one statement for the aggregates and nothing else",
}
ALL_LABELS: Final = LABELS | {peer.name: peer.label for peer in PEERS} | EVENT_LABELS


PACKAGES: Final = ("segbatch", "polars", "pyarrow", "duckdb", "chdb", "pandas")


@cache
def versions(python: str) -> dict[str, str]:
    """Return the versions of the packages that a Python has."""
    return json.loads(ask("show_versions.py", *PACKAGES, python=python))


def chosen(names: Collection[str] | None, segments: int, python: str) -> tuple[list[str], dict[str, str]]:
    """Choose the peers that have turns.

    Args:
        names: Only these, however long they take; None is all that do not take too long.
        segments: How many segments there are.
        python: The Python that runs them.

    Returns:
        Their names, and why the others have no turn.
    """
    peers, left_out = [], {}
    for peer in PEERS:
        if names is not None and peer.name not in names:
            continue
        lacks = [package for package in peer.needs if package not in versions(python)]
        if lacks:
            left_out[peer.name] = f"not installed: {', '.join(lacks)}"
        elif names is None and peer.most_segments is not None and segments > peer.most_segments:
            left_out[peer.name] = f"takes too long for more than {peer.most_segments} segments"
        else:
            peers.append(peer.name)
    return peers, left_out
