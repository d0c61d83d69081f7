"""A SQLite file to synchronise with the runs of `workspace`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import segbatch
from workspace import Workspace

Sync = Callable[..., segbatch.SyncReport]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "audiences.db"


@pytest.fixture
def sync(workspace: Workspace, file: Path) -> Sync:
    def synced(**options: Any) -> segbatch.SyncReport:
        return segbatch.sync(f"sqlite:///{file}", **{"output": workspace.output} | options)

    return synced
