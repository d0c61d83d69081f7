"""The oldest DuckDB that the documentation names reads what a run publishes."""

import os
import subprocess
from pathlib import Path

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


@pytest.mark.skipif(not OLD_PYTHON, reason="needs an old DuckDB; `make compat` installs one")
def test_the_oldest_duckdb_reads_the_tables(tmp_path: Path) -> None:
    write_contacts(tmp_path / "contacts.parquet", {"status": ["active", None]})
    write_segment(tmp_path / "segments", "active", rule("status", "eq", "active"))
    report = segbatch.run(
        tmp_path / "contacts.parquet", tmp_path / "segments", tmp_path / "output", as_of="2026-01-02T03:04:05Z"
    )
    done = subprocess.run(
        [OLD_PYTHON, "-c", READ, str(report.catalogue)], capture_output=True, text=True, check=False, cwd="/"
    )
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "[('active', 'a')]",
        "[('Active', 'ok', 1)]",
        "[(2, 1, datetime.datetime(2026, 1, 2, 3, 4, 5))]",
    ]
