"""The folder for copies of snapshots that are not on a disk of this machine."""

import os
import tempfile
from pathlib import Path

_FOLDERS = ("/var/tmp",)  # noqa: S108 - the file has no name there; /tmp is in memory on many systems


def temporary_folder() -> Path:
    """Return the folder for a copy: TMPDIR if it is set, else the folder for large temporary files."""
    if os.environ.get("TMPDIR"):
        return Path(tempfile.gettempdir())
    return next((Path(folder) for folder in _FOLDERS if os.access(folder, os.W_OK)), Path(tempfile.gettempdir()))
