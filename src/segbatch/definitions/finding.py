"""The files that may hold definitions, and why one of them cannot be read."""

import errno
import os
import stat
from contextlib import suppress
from pathlib import Path

from segbatch.errors import UsageError, did_you_mean

__all__ = ["find_files", "reason", "stem"]

_DEAD_LINK = "is a link that leads nowhere; mend it or remove it"


def find_files(path: Path) -> list[Path]:
    """Find the files of definitions.

    Args:
        path: A file, or a folder; of a folder all `*.json` files are found, those in folders below it too.

    Returns:
        The files, sorted by name; at least one. Of a folder, what cannot be read is among them, so that reading it
        tells why: links that lead nowhere, and folders below that cannot be listed.

    Raises:
        UsageError: There is no such path, or no such file in it.
    """
    try:
        return _files_below(path) if stat.S_ISDIR(path.stat().st_mode) else [path]
    except (FileNotFoundError, NotADirectoryError):
        near = _near(path) or "; check the path of the definitions (--segments)"
        raise UsageError(f"{path}: {_DEAD_LINK if path.is_symlink() else 'no such file or folder' + near}") from None
    except OSError as error:
        raise UsageError(f"{path}: {reason(error)}") from None


def reason(error: OSError) -> str:
    """Tell why a file cannot be read."""
    is_dead_link = error.errno == errno.ELOOP or (error.errno == errno.ENOENT and Path(error.filename).is_symlink())
    return _DEAD_LINK if is_dead_link else f"cannot be read: {error.strerror}"


def stem(file: Path) -> str:
    """Return a file's name without `.json`; that of a folder ends in a slash, so that no file has the same."""
    is_folder = os.path.isdir(file)  # noqa: PTH112 - Path.is_dir raises where it may not look
    return f"{file.name}/" if is_folder else file.stem


def _near(path: Path) -> str:
    with suppress(OSError):
        return did_you_mean(path.name, [entry.name for entry in path.parent.iterdir()])
    return ""


def _files_below(folder: Path) -> list[Path]:
    """Look through a folder and those below it; hidden ones and links to folders are passed over."""
    unlisted: list[OSError] = []
    found: list[Path] = []
    for place, folders, names in os.walk(folder, onerror=unlisted.append):
        folders[:] = [name for name in folders if not name.startswith(".")]
        files = (Path(place, name) for name in names if not name.startswith("."))
        found += [file for file in files if file.suffix.lower() == ".json" and _is_to_read(file)]
    locked = [Path(error.filename) for error in unlisted]
    if folder in locked:
        raise unlisted[0]
    if not found and not locked:
        raise UsageError(f"{folder}: the folder has no .json file; each segment is a JSON file")
    return sorted(found + locked)


def _is_to_read(file: Path) -> bool:
    """Tell whether reading ends, with data or with an error: reading a pipe waits for its writer."""
    try:
        return stat.S_ISREG(file.stat().st_mode)
    except OSError:
        return True
