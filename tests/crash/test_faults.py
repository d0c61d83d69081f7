"""Faults at any file operation: no inconsistent state, wrong message or traceback, and the next run recovers."""

import os
import random
import shutil
import subprocess
from pathlib import Path

import pytest

from change_faults import sweep_changes
from faults import sweep

FAULTS = int(os.environ.get("SEGBATCH_FAULTS", "60"))
SEED = int(os.environ.get("SEGBATCH_FAULT_SEED", random.randrange(10**6)))  # noqa: S311 - not a secret
SOURCE = Path(__file__).with_name("injector.c")


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiler = next((name for name in ("cc", "gcc", "clang") if shutil.which(name)), None)
    if compiler is None:
        pytest.fail("the injector needs a C compiler; install gcc, or run 'make crash' as root, which does")
    library = tmp_path_factory.mktemp("injector") / "injector.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, SOURCE, "-ldl"], check=True)
    return library


def test_faults_leave_published_runs_consistent_and_are_reported_correctly(library: Path, tmp_path: Path) -> None:
    print(f"SEGBATCH_FAULT_SEED={SEED}")  # noqa: T201 - to reproduce a failure
    found = sweep(library, tmp_path, FAULTS, SEED, lambda problem: print(problem, flush=True))  # noqa: T201 - at once
    assert sum(found.tried.values()) == FAULTS
    assert found.wrong == []


def test_faults_leave_definitions_keys_and_single_files_consistent(library: Path, tmp_path: Path) -> None:
    print(f"SEGBATCH_FAULT_SEED={SEED}")  # noqa: T201 - to reproduce a failure
    found = sweep_changes(library, tmp_path, FAULTS, SEED, lambda problem: print(problem, flush=True))  # noqa: T201 - at once
    assert sum(found.tried.values()) == FAULTS
    assert found.wrong == []
