"""Making sure that what was written is on the disk, and replacing a file in one step."""

import os
from pathlib import Path

__all__ = ["replace_file", "sync_file", "sync_folder", "sync_tree"]


def sync_file(path: Path) -> None:
    """Make sure that a file's content is on the disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def sync_folder(path: Path) -> None:
    """Make sure that the names in a folder are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_tree(folder: Path) -> None:
    """Make sure that a folder and all below it are on the disk."""
    for path in folder.rglob("*"):
        if path.is_dir():
            sync_folder(path)
        else:
            sync_file(path)
    sync_folder(folder)


def replace_file(new: Path, old: Path) -> None:
    """Put a complete file in the place of another, in one step; readers of the old one go on with it."""
    sync_file(new)
    new.replace(old)
    sync_folder(old.parent)
