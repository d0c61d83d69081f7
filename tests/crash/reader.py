"""Read published tables continuously, as an analyst does, and record each result.

The arguments are the way to read, the output folder, and the file to write: a line of JSON for each new result, and one
with `error` for a query that failed. The program ends when its standard input is closed.
"""

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import duckdb
import pyarrow.parquet as pq

from sights import FINGERPRINT

PAUSE = 0.1
HELD = 5.0


def held_all_along(output: Path) -> Iterator[Any]:
    with duckdb.connect(str(output / "segbatch.duckdb"), read_only=True, config={"threads": 1}) as connection:
        while True:
            yield connection.execute(FINGERPRINT).fetchall()[0]


def held_for_a_while(output: Path) -> Iterator[Any]:
    while True:
        with duckdb.connect(str(output / "segbatch.duckdb"), read_only=True, config={"threads": 1}) as connection:
            until = time.monotonic() + HELD
            while time.monotonic() < until:
                yield connection.execute(FINGERPRINT).fetchall()[0]


def anew_each_time(output: Path) -> Iterator[Any]:
    while True:
        with duckdb.connect(str(output / "segbatch.duckdb"), read_only=True, config={"threads": 1}) as connection:
            row = connection.execute(FINGERPRINT).fetchall()[0]
        yield row


def parquet_alone(output: Path) -> Iterator[Any]:
    while True:
        folder = output / "runs" / (output / "current").read_text().strip()
        manifest = json.loads((folder / "manifest.json").read_text())
        rows = pq.read_table(folder / "membership").num_rows
        yield [manifest["run"]["run_id"], rows, manifest["run"]["memberships"]]


WAYS = {way.__name__: way for way in (held_all_along, held_for_a_while, anew_each_time, parquet_alone)}


def main() -> None:
    way, output, log = WAYS[sys.argv[1]], Path(sys.argv[2]), Path(sys.argv[3])
    ended = Thread(target=sys.stdin.read, daemon=True)
    ended.start()
    seen, reads = None, 0
    with log.open("w") as file:
        try:
            for row in way(output):
                reads += 1
                if row != seen:
                    seen = row
                    file.write(json.dumps({"row": row}) + "\n")
                if not ended.is_alive():
                    break
                time.sleep(PAUSE)
        except Exception as error:  # noqa: BLE001 - the test reports any error
            file.write(json.dumps({"error": repr(error)}) + "\n")
        file.write(json.dumps({"reads": reads}) + "\n")


main()
