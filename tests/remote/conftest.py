"""An output with two runs, a store that has it, and a copy of it."""

import shutil
from pathlib import Path

import pytest

from object_store.conftest import bucket, environment, moto_port, proxy  # noqa: F401 - fixtures
from remote.folder_store import FolderPublication, FolderStore
from segbatch.storage.remote.local_copy import LocalCopy
from workspace import Workspace


@pytest.fixture(scope="session")
def two_runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make two runs, once for all tests."""
    place = Workspace(tmp_path_factory.mktemp("two-runs"))
    for plan in ("pro", "free"):
        place.segment(plan)
    place.contacts(a="pro", b="free", c="free")
    place.run(0)
    place.contacts(a="pro", b="pro", c="free")
    place.run(1)
    return place.folder


@pytest.fixture
def origin(two_runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """Return a workspace whose output has two runs."""
    monkeypatch.setenv("SEGBATCH_CACHE_DIR", str(tmp_path / "cache"))
    return Workspace(Path(shutil.copytree(two_runs, tmp_path / "origin")))


@pytest.fixture
def store(origin: Workspace) -> FolderStore:
    return FolderStore(origin.output)


@pytest.fixture
def copy(store: FolderStore) -> LocalCopy:
    return LocalCopy(FolderPublication(store))
