"""Write a published membership again, the same rows in the same order, as PyArrow writes any table: for comparison.

python benchmarks/plain_tables.py 'output/runs/RUN/membership/*.parquet' plain/
"""

from __future__ import annotations

import glob
import sys
from pathlib import Path

import pyarrow.parquet as pq


def main() -> None:
    """Write each file of the command line into the folder, with a row group a file as in the original."""
    pattern, out = sys.argv[1], Path(sys.argv[2])
    out.mkdir(parents=True)
    for path in map(Path, sorted(glob.glob(pattern))):  # noqa: PTH207 - the pattern may be absolute
        table = pq.read_table(path, read_dictionary=["segment_id", "contact_id"])
        pq.write_table(
            table,
            out / path.name,
            row_group_size=max(len(table), 1),
            compression="zstd",
            write_statistics=["segment_id"],
            store_schema=False,
        )


if __name__ == "__main__":
    main()
