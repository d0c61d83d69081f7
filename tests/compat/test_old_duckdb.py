"""The oldest DuckDB that the documentation names reads what a run publishes."""

import os
import subprocess
from pathlib import Path

import pyarrow as pa
import pytest

import segbatch
from builders import rule, write_contacts, write_segment

OLD_PYTHON = os.environ.get("SEGBATCH_OLD_DUCKDB_PYTHON", "")
"""A Python with DuckDB 1.1; `make compat` makes one."""

READ = """
import sys, duckdb
assert duckdb.__version__.startswith("1.1."), duckdb.__version__
connection = duckdb.connect(sys.argv[1], read_only=True)
print(connection.execute("FROM membership").fetchall())
print(connection.execute("SELECT definition->>'name', status, member_count FROM segments").fetchall())
print(connection.execute("SELECT contacts, memberships, as_of FROM runs").fetchall())
"""

READ_HISTORY = """
import sys, duckdb
connection = duckdb.connect(sys.argv[1], read_only=True)
print(connection.execute("SELECT contact_id, change FROM membership_changes ORDER BY ALL").fetchall())
print(connection.execute("SELECT contact_id, exited_at IS NULL FROM membership_history ORDER BY ALL").fetchall())
"""

READ_FILES = """
import sys, duckdb
print(duckdb.execute("FROM read_parquet(?) ORDER BY ALL", [sys.argv[1]]).fetchall())
"""


pytestmark = pytest.mark.skipif(not OLD_PYTHON, reason="needs an old DuckDB; `make compat` installs one")


def read(program: str, catalogue: Path) -> list[str]:
    """Run a program on a catalogue with the old DuckDB, and return the lines that it prints."""
    done = subprocess.run(
        [OLD_PYTHON, "-c", program, str(catalogue)], capture_output=True, text=True, check=False, cwd="/"
    )
    assert done.stderr == ""
    return done.stdout.splitlines()


def test_the_oldest_duckdb_reads_the_tables(tmp_path: Path) -> None:
    write_contacts(tmp_path / "contacts.parquet", {"status": ["active", None]})
    write_segment(tmp_path / "segments", "active", rule("status", "eq", "active"))
    segbatch.run(
        tmp_path / "contacts.parquet", tmp_path / "segments", tmp_path / "output", as_of="2026-01-02T03:04:05Z"
    )
    assert read(READ, tmp_path / "output" / "segbatch.duckdb") == [
        "[('active', 'a')]",
        "[('Active', 'ok', 1)]",
        "[(2, 1, datetime.datetime(2026, 1, 2, 3, 4, 5))]",
    ]


def test_the_oldest_duckdb_reads_changes_of_ids_that_got_wider(tmp_path: Path) -> None:
    write_segment(tmp_path / "segments", "active", rule("status", "eq", "active"))
    for night, (kind, ids) in enumerate([(pa.int32(), [1, 2]), (pa.int32(), [2, 3]), (pa.int64(), [2, 2**40])]):
        write_contacts(tmp_path / "contacts.parquet", {"id": pa.array(ids, kind), "status": ["active", "active"]})
        segbatch.run(
            tmp_path / "contacts.parquet", tmp_path / "segments", tmp_path / "output", as_of=f"2026-01-0{night + 1}"
        )
    assert read(READ_HISTORY, tmp_path / "output" / "segbatch.duckdb") == [
        "[(1, 'exited'), (3, 'entered'), (3, 'exited'), (1099511627776, 'entered')]",
        "[(1, False), (2, True), (3, False), (1099511627776, True)]",
    ]


def test_the_oldest_duckdb_reads_the_files_of_the_membership(tmp_path: Path) -> None:
    write_contacts(tmp_path / "contacts.parquet", {"status": ["active", None, "active"]})
    write_segment(tmp_path / "segments", "active", rule("status", "eq", "active"))
    report = segbatch.run(tmp_path / "contacts.parquet", tmp_path / "segments", tmp_path / "output", run_id="night")
    files = Path(report.membership) / "*.parquet"
    assert read(READ_FILES, files) == ["[('active', 'a', 'night'), ('active', 'c', 'night')]"]
