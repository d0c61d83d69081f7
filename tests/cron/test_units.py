"""The units for systemd are valid according to systemd itself."""

import shutil
import subprocess
from pathlib import Path

import pytest

JOBS = Path(__file__).parents[2] / "jobs"
HERE = {"/opt/segbatch/jobs": str(JOBS), "/opt/segbatch/.venv/bin/segbatch": "/bin/true"}


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze")
def test_systemd_accepts_the_units(tmp_path: Path) -> None:
    for name in ("segbatch.service", "segbatch.timer"):
        text = (JOBS / name).read_text()
        for there, here in HERE.items():
            text = text.replace(there, here)
        (tmp_path / name).write_text(text)
    units = sorted(map(str, tmp_path.iterdir()))
    done = subprocess.run(["systemd-analyze", "verify", *units], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
