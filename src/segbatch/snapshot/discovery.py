"""Discovery of the Parquet files of a snapshot."""

import glob
import itertools
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from segbatch.errors import Problem, SnapshotError, UsageError
from segbatch.platform.database_url import is_database_url
from segbatch.platform.urls import is_url
from segbatch.snapshot.file_names import HEAD_SIZE, FileClassifier, is_hidden, is_in_progress, is_parquet_name
from segbatch.snapshot.hive_partitions import is_partition
from segbatch.snapshot.lakehouse.address import TableAddress, is_table_address, read_table_address
from segbatch.snapshot.locations import LocalFile, Location, translate_errors
from segbatch.snapshot.source_words import OF_CONTACTS, SourceWords
from segbatch.snapshot.table_formats import TableFolders

if TYPE_CHECKING:
    from segbatch.snapshot.lakehouse.table import TableVersion

_LOOKED_AT = 1_000
"""Maximum number of files and folders to examine for a hint."""

_FOLDERS_SEARCHED = 20
"""Maximum number of subfolders of a folder to search for Parquet files that are not read."""

_OUTPUT = "segbatch.duckdb"
"""A file that exists only in the output folder of runs."""

_NO_FILE = "is a pipe or a device, not a regular file; export to a file"


@dataclass(frozen=True, slots=True)
class Found:
    """The files of a snapshot.

    Attributes:
        locations: The files, sorted by name; at least one. A dangling link counts as a file: opening it is the error.
        problems: A warning that names files and folders that look like data but are not read.
        table: The version of a Delta or Iceberg table that the snapshot is. It replaces the locations.
    """

    locations: tuple[Location, ...]
    problems: tuple[Problem, ...] = ()
    table: "TableVersion | None" = None


def find_files(path: str) -> list[Location]:
    """Return the files of a snapshot, as `find_snapshot` finds them."""
    return list(find_snapshot(path).locations)


def find_snapshot(path: str, words: SourceWords = OF_CONTACTS) -> Found:
    """Find the files of a snapshot.

    If the path is a folder, its Parquet files and those in its `key=value` subfolders are read. Hidden names and names
    with a leading `_` are skipped.

    Args:
        path: A Parquet file, a folder, a glob such as `export/**/*.parquet`, the address of one of these in object
            storage, or the address of a Delta or Iceberg table.
        words: The words for the snapshot in messages.

    Raises:
        SnapshotError: No file was found, or the files belong to a Delta, Iceberg or Hudi table.
        UsageError: The path is empty, or is an address that cannot be used.
    """
    if not path:
        raise UsageError(f"the path of {words.owner} is empty; is a variable not set? ({words.path})")
    if is_table_address(path):
        return Found((), table=_find_table(read_table_address(path)))
    if is_url(path):
        from segbatch.snapshot.object_store.discovery import find_objects  # noqa: PLC0415 - imported only if needed

        objects, sorted_names = find_objects(path, words)
        return Found(tuple(objects), tuple(sorted_names.warnings(path)))
    others = FileClassifier()
    files = _find_local(path, others, words)
    return Found(tuple(map(LocalFile, files)), tuple(others.warnings(path)))


def locations_of(names: Iterable[str]) -> list[Location]:
    """Return the locations of files by their names, as listed in a manifest.

    Raises:
        UsageError: A name is an address that cannot be used.
    """
    names = list(names)
    if of_database := [name for name in names if is_database_url(name)]:
        message = "the rows of a database are not kept; write them to a file with segbatch snapshot, and pass that"
        raise SnapshotError(f"{of_database[0]}: {message}")
    if any(map(is_url, names)):
        from segbatch.snapshot.object_store.remote_file import objects_at  # noqa: PLC0415 - imported only if needed

        return [*objects_at(names)]
    return [LocalFile(Path(name)) for name in names]


def _find_table(address: TableAddress) -> "TableVersion":
    """Find the files of a version of a table. The library that reads its metadata is optional.

    Raises:
        SnapshotError: The table or the version does not exist, or has features that are not understood.
        UsageError: The library is not installed, or a setting is missing.
    """
    if address.format == "iceberg":
        from segbatch.snapshot.lakehouse.iceberg import open_iceberg_table  # noqa: PLC0415 - imported only if needed

        return open_iceberg_table(address)
    from segbatch.snapshot.lakehouse.delta import open_delta_table  # noqa: PLC0415 - imported only if needed

    return open_delta_table(address)


def _find_local(path: str, others: FileClassifier, words: SourceWords) -> list[Path]:
    given, tables = Path(path), TableFolders(words)
    with translate_errors(LocalFile(given)):
        if glob.has_magic(path) and _is_absent(given):
            tables.reject_tables([_fixed_part(path)])
            files = _files_of_glob(path, others)
            tables.reject_tables(files)
            return files
        mode = given.stat().st_mode
        tables.reject_tables([given])
        if stat.S_ISDIR(mode):
            files = _files_in(given, others, words)
            tables.reject_tables(files)
            return files
    if not stat.S_ISREG(mode):
        raise SnapshotError(f"{path}: {_NO_FILE}")
    return [given]


def _fixed_part(pattern: str) -> Path:
    """Return the folder that a glob searches from."""
    return Path(*itertools.takewhile(lambda part: not glob.has_magic(part), Path(pattern).parts))


def _is_absent(path: Path) -> bool:
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    return False


def _files_in(folder: Path, others: FileClassifier, words: SourceWords) -> list[Path]:
    """Return the Parquet files of a folder and its `key=value` subfolders."""
    files = sorted(_read_in(folder, folder, others, ()))
    if files:
        return files
    hint = f"export {words.rows}"
    if others.unread:
        hint = f"it has {others.names}; export {words.rows} as Parquet"
    if _has_files_below(folder):
        hint = f"for those in folders below it write '{glob.escape(str(folder))}/**/*.parquet'"
    raise SnapshotError(f"{folder}: the folder has no .parquet file; {hint}")


def _read_in(root: Path, folder: Path, others: FileClassifier, above: tuple[str, ...]) -> Iterator[Path]:
    """Yield the files to read, and add other files and folders that look like data to `others`."""
    above = (*above, os.path.realpath(folder))
    searched = 0
    for entry in sorted(folder.iterdir()):
        shown = str(entry.relative_to(root))
        if not entry.is_dir():
            if _is_to_read(entry) and others.accepts(entry.name, shown, partial(_head, entry)):
                yield entry
        elif is_in_progress(entry.name):
            others.unread += [f"{shown}/"] if any(True for _ in _below(entry)) else []
        elif is_hidden(entry.name):
            continue
        elif is_partition(entry.name):
            if os.path.realpath(entry) not in above:
                yield from _read_in(root, entry, others, above)
        elif is_parquet_name(entry.name):
            hint = f"for those in folders below it write '{glob.escape(str(root))}/**/*.parquet'"
            raise SnapshotError(f"{entry}: is a folder, not a file; {hint}")
        elif (searched := searched + 1) <= _FOLDERS_SEARCHED and _has_contacts_below(entry):
            others.unread.append(f"{shown}/")


def _head(file: Path) -> bytes | None:
    with suppress(OSError), file.open("rb") as opened:
        return opened.read(HEAD_SIZE)
    return None


def _has_contacts_below(folder: Path) -> bool:
    """Return whether a folder contains Parquet files and is not the output folder of runs."""
    return not (folder / _OUTPUT).exists() and _has_files_below(folder)


def _has_files_below(folder: Path) -> bool:
    """Return whether Parquet files are among the first entries below a folder.

    The search is limited because a hint is not worth walking a whole tree.
    """
    return any(is_parquet_name(entry.name) and entry.is_file() for entry in islice(_below(folder), _LOOKED_AT))


def _below(folder: Path) -> Iterator[os.DirEntry[str]]:
    """Yield the entries below a folder, breadth-first, without hidden ones."""
    waiting = [str(folder)]
    for parent in waiting:
        with suppress(OSError), os.scandir(parent) as entries:
            for entry in entries:
                if not is_hidden(entry.name):
                    yield entry
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)


def _files_of_glob(pattern: str, others: FileClassifier) -> list[Path]:
    """Return the files that match a glob, without hidden files, such as unfinished output of a program."""
    named = sum(not glob.has_magic(part) for part in Path(pattern).parts)
    found = (Path(match) for match in glob.glob(pattern, recursive=True))  # noqa: PTH207 - Path.glob needs a root
    shown = [path for path in found if not any(map(is_hidden, path.parts[named:]))]
    files = sorted({file for file in shown if _is_to_read(file)})
    if not files:
        raise SnapshotError(f"{pattern}: matches no file; check the path of the export")
    read_in = {parent for file in files for parent in file.parents}
    folders = sorted(path for path in shown if path not in read_in and path.is_dir() and _has_contacts_below(path))
    others.unread += [f"{folder}/" for folder in folders]
    return files


def _is_to_read(path: Path) -> bool:
    """Return whether opening a path returns or fails at once. Opening a pipe waits for its writer."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except OSError:
        return True
