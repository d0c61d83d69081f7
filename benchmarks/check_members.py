"""Print what a membership holds, as JSON: for each segment its size and the sum of the hashes of its ids.

python benchmarks/check_members.py 'out/*.parquet'
"""

from __future__ import annotations

import json
import sys

import duckdb


def main() -> None:
    """Look at the files of the command line."""
    digest = "CAST(sum(hash(contact_id)) AS VARCHAR)"
    question = f"SELECT segment_id, count(*), {digest} FROM read_parquet(?) GROUP BY 1 ORDER BY 1"  # noqa: S608
    found = duckdb.execute(question, [sys.argv[1]]).fetchall()
    print(json.dumps(found))


if __name__ == "__main__":
    main()
