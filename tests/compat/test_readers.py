"""Programs that are not ours read the membership files of a run, for every type of ids."""

import json
import os
import subprocess
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import numpy as np
import pyarrow as pa
import pytest

import segbatch
from builders import rule, write_contacts, write_segment

PYTHONS = {
    "old": os.environ.get("SEGBATCH_OLD_DUCKDB_PYTHON", ""),
    "new": os.environ.get("SEGBATCH_READERS_PYTHON", ""),
}
"""A Python with DuckDB 1.1, and one with the other readers; `make compat` makes both."""

pytestmark = pytest.mark.skipif(not all(PYTHONS.values()), reason="`make compat` installs the readers")

DUCKDB = """
import duckdb, json, sys
sql = "SELECT segment_id, {text} FROM read_parquet(?) ORDER BY ALL"
print(json.dumps(duckdb.connect().execute(sql, [sys.argv[1]]).fetchall()))
"""
PANDAS = """
import glob, json, pandas, sys
frame = pandas.concat([pandas.read_parquet(path) for path in sorted(glob.glob(sys.argv[1]))])
pairs = zip(frame["segment_id"], frame["contact_id"])
print(json.dumps(sorted([name, value.hex() if isinstance(value, bytes) else str(value)] for name, value in pairs)))
"""
CLICKHOUSE = """
import chdb, json, sys
sql = f"SELECT segment_id, {text} AS id FROM file('{sys.argv[1]}', Parquet) ORDER BY ALL"
print(json.dumps(json.loads(chdb.query(sql, "JSONCompact").bytes())["data"]))
"""
TEXTS = {
    "DuckDB": ("contact_id::VARCHAR", "lower(hex(contact_id))"),
    "ClickHouse": ("toString(contact_id)", "lower(hex(contact_id))"),
}
READERS = {
    "DuckDB 1.1": ("old", DUCKDB),
    "DuckDB": ("new", DUCKDB),
    "pandas": ("new", PANDAS),
    "ClickHouse": ("new", CLICKHOUSE),
}
CONTACTS = 70_000
"""More than one batch."""

IDS = {
    "text": pa.array([f"contact-é{number}" for number in range(CONTACTS)]),
    "int8": pa.array(range(-128, 128), pa.int8()),
    "int64": pa.array(range(CONTACTS), pa.int64()),
    "uint64": pa.array([2**64 - 1 - number for number in range(CONTACTS)], pa.uint64()),
    "uuid": pa.ExtensionArray.from_storage(
        pa.uuid(), pa.array([UUID(int=number << 64).bytes for number in range(1, CONTACTS)], pa.binary(16))
    ),
    "binary": pa.array([b"\xff%x" % number for number in range(CONTACTS)], pa.binary()),
    "fixed": pa.array([number.to_bytes(3, "big") for number in range(CONTACTS)], pa.binary(3)),
    "decimal": pa.array([Decimal(number) for number in range(CONTACTS)], pa.decimal128(20, 0)),
    "dictionary": pa.array([f"c{number}" for number in range(CONTACTS)]).dictionary_encode(),
}


def written(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)


@pytest.mark.parametrize("kind", IDS)
@pytest.mark.parametrize("reader", READERS)
def test_memberships_are_read_by_other_programs(reader: str, kind: str, tmp_path: Path) -> None:
    ids = IDS[kind]
    numbers = np.random.default_rng(1).integers(0, 1_000, len(ids))
    write_contacts(tmp_path / "contacts.parquet", {"id": ids, "number": pa.array(numbers)})
    limits = {"every": 1_000, "few": 3, "half": 500, "none": 0}
    for name, limit in limits.items():
        write_segment(tmp_path / "segments", name, rule("number", "lt", limit))
    segbatch.run(tmp_path / "contacts.parquet", tmp_path / "segments", tmp_path / "output", run_id="r")
    python, program = READERS[reader]
    as_text, as_hex = TEXTS.get(reader.split(maxsplit=1)[0], ("", ""))
    text = as_hex if kind in {"binary", "fixed"} else as_text
    code = program.replace("{text}", text)
    command = [PYTHONS[python], "-c", code, str(tmp_path / "output" / "runs" / "r" / "membership" / "*.parquet")]
    found = json.loads(subprocess.check_output(command, text=True, cwd=tmp_path))
    values = [written(value) for value in ids.to_pylist()]
    members = zip(values, numbers, strict=True)
    expected = [[name, value] for value, number in members for name, limit in limits.items() if number < limit]
    assert len(found) == len(expected)
    assert sorted(found) == sorted(expected)
