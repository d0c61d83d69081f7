"""The benchmark of a cluster refuses options that leave it without tasks to measure."""

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parents[2] / "benchmarks" / "cluster.py"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ["--contacts", "999999", "--total", "1000000000"],
            "--contacts: 999,999 are too few for 2 buckets of 500,000; use 1,000,000 or more, or --sampled-buckets",
        ),
        (
            ["--contacts", "1000000", "--total", "1000000"],
            "--total: the larger run needs more contacts than the sample, which has 1,000,000",
        ),
        (
            ["--total", "5000000", "--sampled-buckets", "0"],
            "--sampled-buckets: the sample needs at least one bucket",
        ),
    ],
)
def test_a_sample_without_tasks_is_refused(options: list[str], message: str, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    command = [sys.executable, str(PROGRAM), "--data", str(folder), *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[-1] == f"cluster.py: error: {message}"
    assert not folder.exists()
