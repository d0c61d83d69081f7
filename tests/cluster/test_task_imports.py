"""Tasks do not import pandas, which takes a second in each process where it is installed."""

import os
import subprocess
import sys
from pathlib import Path

PROGRAM = """
import sys

import segbatch
from segbatch.cluster.loop import LoopCluster


class WatchedCluster(LoopCluster):
    def exchange(self, *arguments):
        results = super().exchange(*arguments)
        assert "pandas" not in sys.modules
        return results


segbatch.run(*sys.argv[1:], engine=WatchedCluster(), buckets=3)
import pyarrow

pyarrow.array([1])
assert "pandas" in sys.modules, "PyArrow does not import pandas any more"
"""

SAMPLE = Path(__file__).parents[2] / "sample_data"


def test_tasks_do_not_import_pandas(tmp_path: Path) -> None:
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / "pandas.py").write_text('__version__ = "0.1"\n')
    paths = [str(tmp_path / "modules"), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    arguments = [str(SAMPLE / "contacts.parquet"), str(SAMPLE / "segments"), str(tmp_path / "output")]
    command = [sys.executable, "-c", PROGRAM, *arguments]
    for _ in range(2):  # the second run is compared with the first one
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
