"""Disks that fail at a step of a change: before it is made, or once it is made."""

import os
from pathlib import Path
from typing import Any

import pytest


def refuse_flushes_of_folders(patch: pytest.MonkeyPatch) -> None:
    """Let each flush of a folder fail, which comes after a file was put in its place."""

    def fail(_: Path) -> None:
        raise OSError(5, "Input/output error")

    patch.setattr("segbatch.platform.files.sync_folder", fail)


def refuse_removal(patch: pytest.MonkeyPatch, ending: str) -> None:
    """Let the removal of files fail whose names end so, if they are there."""
    unlink = Path.unlink

    def fail(path: Path, *, missing_ok: bool = False) -> None:
        if path.name.endswith(ending) and path.exists():
            raise OSError(5, "Input/output error", str(path))
        unlink(path, missing_ok=missing_ok)

    patch.setattr(Path, "unlink", fail)


def report_failure(patch: pytest.MonkeyPatch, owner: Any, name: str, *, is_done: bool, is_blind: bool) -> None:
    """Let a step report an error.

    Args:
        patch: What changes it.
        owner: What has the function that does the step: `Path` or `os`.
        name: The function.
        is_done: Whether the step is done in spite of the error, as a file system of a network may report.
        is_blind: Whether nothing can be looked at from then on.
    """
    step: Any = getattr(owner, name)

    def blind(path: Path) -> os.stat_result:
        raise OSError(5, "Input/output error", str(path))

    def fail(*arguments: Any, **options: Any) -> None:
        if is_done:
            step(*arguments, **options)
        if is_blind:
            patch.setattr(Path, "lstat", blind)
        raise OSError(5, "Input/output error", str(arguments[-1]))

    patch.setattr(owner, name, fail)
