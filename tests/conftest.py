"""What all tests share: how many examples a property test tries, and a folder to make runs in."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings

from random_cases import CASES
from workspace import Workspace

# Coverage measures the processes that run tests. The thousand programs that they start would take twice as long.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.pop("COVERAGE_PROCESS_CONFIG", None)

settings.register_profile(
    "segbatch",
    max_examples=CASES,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
settings.register_profile("explore", settings.get_profile("segbatch"), phases=[Phase.generate])
settings.load_profile(os.environ.get("SEGBATCH_PROFILE", "segbatch"))


@pytest.fixture(autouse=True)
def as_people_see_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let runs say on stderr what a terminal shows, where the tests of logs do not ask for something else."""
    monkeypatch.setenv("SEGBATCH_LOG_FORMAT", "plain")
    monkeypatch.setenv("SEGBATCH_LOG_IDS", "1")


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Start each test in a new folder, so that none finds the `output` of `make demo` or leaves one behind."""
    monkeypatch.chdir(tmp_path_factory.mktemp("here"))


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """Three contacts, of whom ann and bob are pro and cem is free, and a segment for each plan."""
    made = Workspace(tmp_path / "here")
    made.contacts(ann="pro", bob="pro", cem="free")
    made.segment("pro")
    made.segment("free")
    return made


@pytest.fixture
def two(workspace: Workspace) -> Workspace:
    """Two runs, the second with changes: ann leaves pro; and a snapshot with more of them."""
    workspace.run(0)
    workspace.contacts(ann="free", bob="pro", cem="free")
    workspace.run(1)
    workspace.contacts(ann="pro", bob="pro", cem="pro")
    return workspace


@pytest.fixture
def four(workspace: Workspace) -> Workspace:
    """Four workspace: ann leaves pro and comes back, bob leaves, dan comes, and leaves with the snapshot."""
    workspace.run(0)
    workspace.contacts(ann="free", bob="pro", cem="free", dan="pro")
    workspace.run(1)
    workspace.contacts(ann="pro", bob="free", cem="free", dan="pro")
    workspace.run(2)
    workspace.contacts(ann="pro", bob="free", cem="free")
    workspace.run(3)
    return workspace
