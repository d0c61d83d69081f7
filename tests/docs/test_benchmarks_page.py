"""The page of benchmarks keeps what is written by hand about the numbers of a database when it is written again."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SECTION = "import json, tables; print(tables.databases(json.load(open('last_run.json'))['databases']).markdown())"


def test_the_section_of_the_database_is_that_of_the_recorded_numbers_and_notes() -> None:
    command = [sys.executable, "-c", SECTION]
    section = subprocess.run(command, cwd=ROOT / "benchmarks", capture_output=True, text=True, check=True).stdout
    assert section in (ROOT / "docs/benchmarks.md").read_text(encoding="utf-8")
