"""The threads of NumPy's library for linear algebra, which take time to start and are not used."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from segbatch.platform.blas import THREADS, no_blas_threads

_COUNT = """
import os
from segbatch.platform.blas import no_blas_threads
with no_blas_threads():
    import numpy
print(len(os.listdir("/proc/self/task")))
"""


def test_environment_is_restored(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands that hooks run do not inherit the number of threads."""
    monkeypatch.delenv(THREADS, raising=False)
    with no_blas_threads():
        assert os.environ[THREADS] == "1"
    assert THREADS not in os.environ


def test_number_of_the_user_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """A number of threads that the user has set stays as it is."""
    monkeypatch.setenv(THREADS, "3")
    with no_blas_threads():
        assert os.environ[THREADS] == "3"
    assert os.environ[THREADS] == "3"


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="the system does not list threads")
def test_no_thread_is_started() -> None:
    """The import of NumPy starts no thread."""
    done = subprocess.run([sys.executable, "-c", _COUNT], capture_output=True, text=True, check=True)
    assert done.stdout == "1\n"
