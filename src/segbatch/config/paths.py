"""Paths in the file: they are meant from its folder, wherever the program runs."""

import glob
from pathlib import Path

from segbatch.platform.urls import is_address

__all__ = ["beside", "pattern_beside"]


def beside(folder: Path, written: str) -> str:
    """Return a path as the program can use it.

    Args:
        folder: Where the file is that says it.
        written: What the file says: a path, also from `~`, or an address such as `s3://bucket/key`, which stays.
    """
    return written if is_address(written) else str(folder / _expanded(written))


def pattern_beside(folder: Path, written: str) -> str:
    """Do the same for what may be a glob; nothing in the folder's own name is taken for a part of it."""
    if glob.has_magic(written) and not is_address(written):
        return str(Path(glob.escape(str(folder))) / _expanded(written))
    return beside(folder, written)


def _expanded(written: str) -> Path:
    try:
        return Path(written).expanduser()
    except RuntimeError:  # there is no such home
        return Path(written)
