"""A peer, in a process of its own: evaluates the segments of a folder over contacts, and writes the membership.

python benchmarks/run_peer.py duckdb-tuned contacts.parquet segments/ out/
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import Final

import frames
import statements

WAYS: Final = {
    "duckdb": partial(statements.duckdb, tuned=False),
    "duckdb-tuned": partial(statements.duckdb, tuned=True),
    "clickhouse": partial(statements.clickhouse, tuned=False),
    "clickhouse-tuned": partial(statements.clickhouse, tuned=True),
    "polars-loop": frames.polars_loop,
    "polars-wide": frames.polars_wide,
    "pandas": frames.pandas,
}


def main() -> None:
    """Do what the command line says."""
    name, contacts, definitions, out = sys.argv[1:]
    Path(out).mkdir(parents=True)
    WAYS[name](Path(contacts), Path(definitions), Path(out))


if __name__ == "__main__":
    main()
