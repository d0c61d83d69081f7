"""Search for files that may contain definitions, and reasons why a file cannot be read."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from segbatch.definitions.source import Source, is_never_read
from segbatch.errors import UsageError
from segbatch.text import did_you_mean

_DEAD_LINK = "is a broken link; fix it or remove it"


def find_files(source: Path | Source) -> list[Path]:
    """Find the files of definitions.

    Args:
        source: A file or a folder. In a folder and its subfolders, all `*.json` files are found, except excluded ones.

    Returns:
        The files, sorted by name; at least one. For a folder, they include broken links, and subfolders that cannot be
        listed, so that reading them reports the error.

    Raises:
        UsageError: The path does not exist, or the folder has no such file.
    """
    source = Source.of(source)
    path = source.path
    try:
        return _files_below(source) if stat.S_ISDIR(path.stat().st_mode) else [path]
    except (FileNotFoundError, NotADirectoryError):
        near = _near(path) or "; check the path of the definitions (--segments)"
        raise UsageError(f"{path}: {_DEAD_LINK if path.is_symlink() else 'no such file or folder' + near}") from None
    except OSError as error:
        raise UsageError(f"{path}: {read_failure(error)}") from None


def read_failure(error: OSError) -> str:
    """Return the reason why a file cannot be read."""
    is_dead_link = error.errno == errno.ELOOP or (error.errno == errno.ENOENT and Path(error.filename).is_symlink())
    return _DEAD_LINK if is_dead_link else f"cannot be read: {error.strerror}"


def stem(file: Path) -> str:
    """Return a file's name without `.json`; a folder's name ends in a slash, so that no file has the same."""
    is_folder = os.path.isdir(file)  # noqa: PTH112 - Path.is_dir raises without permission
    return f"{file.name}/" if is_folder else file.stem


def _near(path: Path) -> str:
    with suppress(OSError):
        return did_you_mean(path.name, [entry.name for entry in path.parent.iterdir()])
    return ""


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder and its definition files.

    Attributes:
        path: The path of the folder.
        changed: When a file was last added to it or removed, in nanoseconds.
        files: Its `.json` files.
        error: The error if it cannot be listed.
    """

    path: str
    changed: int = 0
    files: tuple["os.DirEntry[str]", ...] = ()
    error: OSError | None = None


def walk(source: Source) -> Iterator[Folder]:
    """Yield a folder and its subfolders.

    Links to folders, hidden or excluded folders and files, and folders that never contain definitions are skipped.
    """
    root = str(source.path)
    waiting = [root]
    while waiting:
        path = waiting.pop()
        try:
            changed = os.stat(path).st_mtime_ns  # noqa: PTH116 - faster than Path for ten thousand files
            with os.scandir(path) as listed:
                entries = [entry for entry in listed if not entry.name.startswith(".")]
        except OSError as error:
            yield Folder(path, error=error)
        else:
            folders = [entry for entry in entries if entry.is_dir(follow_symlinks=False)]
            files = [entry for entry in entries if entry.name.lower().endswith(".json") and _is_to_read(entry)]
            if source.exclude:
                above = f"{os.path.relpath(path, root)}/".replace(os.sep, "/").removeprefix("./")
                folders = [entry for entry in folders if not source.excludes(above + entry.name)]
                files = [entry for entry in files if not source.excludes(above + entry.name)]
            names = {entry.name for entry in entries} if folders else ()
            waiting += [entry.path for entry in folders if not is_never_read(entry.name, names, entry.path)]
            yield Folder(path, changed, tuple(files))


def _files_below(source: Source) -> list[Path]:
    folder, found = source.path, list[Path]()
    for below in walk(source):
        if below.error and Path(below.path) == folder:
            raise below.error
        found += [Path(below.path)] if below.error else [Path(entry.path) for entry in below.files]
    if not found:
        left = " that is not excluded (--exclude)" if source.exclude else ""
        raise UsageError(f"{folder}: the folder has no .json file{left}; each segment is a JSON file")
    return sorted(found)


def _is_to_read(entry: "os.DirEntry[str]") -> bool:
    """Return whether reading an entry ends, with data or with an error; reading a pipe would wait for its writer."""
    if not entry.is_symlink():
        return entry.is_file(follow_symlinks=False)
    try:
        return stat.S_ISREG(entry.stat().st_mode)
    except OSError:
        return True
