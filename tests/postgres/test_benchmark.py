"""The benchmark of databases runs without errors, at a size too small for meaningful numbers."""

import json
import subprocess
import sys
from pathlib import Path

BENCH = Path(__file__).parents[2] / "benchmarks" / "bench.py"


def test_synchronisations_and_a_snapshot_are_measured(tmp_path: Path) -> None:
    results, page = tmp_path / "results.json", tmp_path / "page.md"
    work = ["--databases", "--contacts", "500", "--segments", "12", "--rounds", "1"]
    where = ["--data", str(tmp_path / "data"), "--results", str(results), "--page", str(page)]
    done = subprocess.run([sys.executable, str(BENCH), *work, *where], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(results.read_text())["databases"]
    assert {*found["turns"]} == {
        "first synchronisation",
        "synchronisation of 1 % of changes",
        "segbatch snapshot",
        "COPY TO a file",
    }
    assert [turn["error"] for turns in found["turns"].values() for turn in turns if turn["error"]] == []
    assert found["memberships"] > 0
    assert "PostgreSQL, a table as a snapshot: times COPY" in page.read_text()
