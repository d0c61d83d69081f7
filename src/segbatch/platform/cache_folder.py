"""The folder for files that can be made again at any time: copies of outputs that are stored elsewhere."""

import os
import sys
from pathlib import Path

from segbatch.errors import UsageError

VARIABLE = "SEGBATCH_CACHE_DIR"


def cache_folder() -> Path:
    """Return the folder of this user for cached files: `SEGBATCH_CACHE_DIR`, or the usual folder of the system.

    Raises:
        UsageError: The user has no home folder.
    """
    given = os.environ.get(VARIABLE)
    return Path(given).absolute() if given else _of_system(sys.platform) / "segbatch"


def _of_system(platform: str) -> Path:
    match platform:
        case "win32":
            return _absolute("LOCALAPPDATA") or _home() / "AppData" / "Local"
        case "darwin":
            return _home() / "Library" / "Caches"
        case _:
            return _absolute("XDG_CACHE_HOME") or _home() / ".cache"


def _absolute(variable: str) -> Path | None:
    """Return the folder that a variable names; relative paths are to be ignored, by the XDG specification."""
    path = Path(os.environ.get(variable, ""))
    return path if path.is_absolute() else None


def _home() -> Path:
    try:
        return Path.home()
    except RuntimeError:
        raise UsageError(f"this user has no home folder for copies of outputs; set {VARIABLE} to a folder") from None
