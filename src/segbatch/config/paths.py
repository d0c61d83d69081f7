"""Paths in the settings file, which are relative to its folder and not to the working directory."""

import glob
from pathlib import Path

from segbatch.platform.urls import is_url


def beside(folder: Path, written: str) -> str:
    """Return a path of the settings file, resolved from the folder of the file.

    Args:
        folder: The folder of the settings file.
        written: The value in the file: a path, which may start with `~`, or an address such as `s3://bucket/key`. An
            address is returned unchanged.
    """
    return written if is_url(written) else str(folder / _expanded(written))


def pattern_beside(folder: Path, written: str) -> str:
    """Resolve a value that may be a glob in the same way. Glob characters in the folder's own name are escaped."""
    if glob.has_magic(written) and not is_url(written):
        return str(Path(glob.escape(str(folder))) / _expanded(written))
    return beside(folder, written)


def _expanded(written: str) -> Path:
    try:
        return Path(written).expanduser()
    except RuntimeError:  # the home directory is not known
        return Path(written)
