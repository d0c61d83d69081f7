"""A peer, in a process of its own: evaluates the segments of a folder over contacts, and writes the membership.

python benchmarks/run_peer.py duckdb-tuned contacts.parquet segments/ out/
python benchmarks/run_peer.py duckdb-events contacts.parquet segments/ out/ events.parquet
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import Final

import frames
import statements

import related

WAYS: Final = {
    "duckdb": partial(statements.duckdb, tuned=False),
    "duckdb-tuned": partial(statements.duckdb, tuned=True),
    "clickhouse": partial(statements.clickhouse, tuned=False),
    "clickhouse-tuned": partial(statements.clickhouse, tuned=True),
    "polars-loop": frames.polars_loop,
    "polars-wide": frames.polars_wide,
    "pandas": frames.pandas,
    "duckdb-events": related.write_membership,
    "duckdb-aggregates": related.write_aggregates,
}


def main() -> None:
    """Do what the command line says."""
    name, *words = sys.argv[1:]
    contacts, definitions, out, *more = map(Path, words)
    out.mkdir(parents=True)
    WAYS[name](contacts, definitions, out, *more)


if __name__ == "__main__":
    main()
