"""What no program can do without: read the columns that some rule needs, and bring as many bytes to the disk.

    python benchmarks/floor.py contacts.parquet segments/ 800000000 out/

Leaves the seconds of both in out/times.json; how long Python and Polars take to start is in neither.
"""

from __future__ import annotations

import json
import os
import random
import sys
import time
from functools import reduce
from pathlib import Path
from typing import Final

import polars as pl
from conditions import fields_of, read_segments

BLOCK: Final = 1 << 24


def read(contacts: Path, fields: list[str]) -> int:
    """Read the fields and the ids, and return how many contacts there are."""
    leaves = []
    for number, field in enumerate(fields):
        first, *path = field.split(".")
        leaf = reduce(lambda outer, name: outer.struct.field(name), path, pl.col(first))
        leaves.append(leaf.alias(str(number)))
    return pl.scan_parquet(contacts).select("id", *leaves).collect().height


def write(out: Path, block: memoryview, size: int) -> None:
    """Write so many bytes, and wait until the disk has them."""
    with out.open("wb", buffering=0) as file:
        while size > 0:
            size -= file.write(block[:size])
        os.fsync(file.fileno())


def main() -> None:
    """Do both, and tell how long each took."""
    contacts, definitions, out = map(Path, (sys.argv[1], sys.argv[2], sys.argv[4]))
    out.mkdir(parents=True)
    fields = fields_of(read_segments(definitions))
    block = memoryview(random.randbytes(BLOCK))
    start = time.perf_counter()
    read(contacts, fields)
    middle = time.perf_counter()
    write(out / "bytes", block, int(sys.argv[3]))
    times = {"read": middle - start, "write": time.perf_counter() - middle}
    (out / "times.json").write_text(json.dumps(times), encoding="utf-8")


if __name__ == "__main__":
    main()
