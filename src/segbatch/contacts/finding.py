"""Finding the Parquet files of a snapshot."""

import glob
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path

from segbatch.addresses import is_address
from segbatch.contacts.places import LocalFile, Place, reading
from segbatch.errors import SnapshotError, UsageError

__all__ = ["find_files", "places_at"]

_LOOKED_AT = 1_000
"""How many files and folders to look at for a hint."""

_NO_FILE = "is a pipe or a device, and not a file; export to a file"


def find_files(path: str) -> list[Place]:
    """Find the files that make up a snapshot.

    Args:
        path: A Parquet file, a folder of them (`*.parquet`, hidden ones and those with a leading `_` left out), or a
            glob such as `export/**/*.parquet`; or the address of such in object storage.

    Returns:
        The files, sorted by name; at least one. A link that leads nowhere counts as one, so that opening it tells.

    Raises:
        SnapshotError: There is none.
        UsageError: The path is empty, or no path.
    """
    if not path:
        raise UsageError("the path of the snapshot is empty; is a variable not set? (--contacts)")
    if is_address(path):
        from segbatch.contacts.remote import finding as remote  # noqa: PLC0415 - for those alone who need it

        return [*remote.find_objects(path)]
    return [LocalFile(file) for file in _find_local(path)]


def places_at(names: Iterable[str]) -> list[Place]:
    """Return the places of files by their names, as a manifest has them.

    Raises:
        UsageError: One is an address that cannot be used.
    """
    names = list(names)
    if any(map(is_address, names)):
        from segbatch.contacts.remote import finding as remote  # noqa: PLC0415 - for those alone who need it

        return [*remote.objects_at(names)]
    return [LocalFile(Path(name)) for name in names]


def _find_local(path: str) -> list[Path]:
    place = Path(path)
    with reading(LocalFile(place)):
        if glob.has_magic(path) and _is_nowhere(place):
            return _files_of_glob(path)
        mode = place.stat().st_mode
        if stat.S_ISDIR(mode):
            return _files_in(place)
    if not stat.S_ISREG(mode):
        raise SnapshotError(f"{path}: {_NO_FILE}")
    return [place]


def _is_nowhere(path: Path) -> bool:
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    return False


def _files_in(folder: Path) -> list[Path]:
    """Return the Parquet files of a folder; a folder that is called like one has files that must not be missed."""
    named = (entry for entry in folder.iterdir() if entry.suffix == ".parquet" and not _is_passed_over(entry.name))
    files = sorted(entry for entry in named if entry.is_dir() or _is_to_read(entry))
    hint = f"for those in folders below it write '{glob.escape(str(folder))}/**/*.parquet'"
    inner = next((entry for entry in files if entry.is_dir()), None)
    if inner:
        raise SnapshotError(f"{inner}: is a folder, and not a file; {hint}")
    if not files:
        hint = hint if _has_files_below(folder) else "export the contacts"
        raise SnapshotError(f"{folder}: the folder has no .parquet file; {hint}")
    return files


def _has_files_below(folder: Path) -> bool:
    """Tell whether Parquet files are soon found below a folder; a hint is not worth walking through all of a tree."""
    return any(entry.name.endswith(".parquet") and entry.is_file() for entry in islice(_below(folder), _LOOKED_AT))


def _below(folder: Path) -> Iterator[os.DirEntry[str]]:
    """Walk through a folder and those below it, the nearest first."""
    waiting = [str(folder)]
    for place in waiting:
        with suppress(OSError), os.scandir(place) as entries:
            for entry in entries:
                if not _is_passed_over(entry.name):
                    yield entry
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)


def _files_of_glob(pattern: str) -> list[Path]:
    """Return the files that match, except what a program left that was or is still writing."""
    named = sum(not glob.has_magic(part) for part in Path(pattern).parts)
    found = (Path(match) for match in glob.glob(pattern, recursive=True))  # noqa: PTH207 - Path.glob wants a root
    files = sorted(file for file in found if _is_to_read(file) and not any(map(_is_passed_over, file.parts[named:])))
    if not files:
        raise SnapshotError(f"{pattern}: matches no file; check the path of the export")
    return files


def _is_passed_over(name: str) -> bool:
    return name.startswith(("_", "."))


def _is_to_read(path: Path) -> bool:
    """Tell whether opening ends, as a file or with an error: opening a pipe waits for its writer."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except OSError:
        return True
