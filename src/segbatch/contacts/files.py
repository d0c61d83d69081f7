"""The Parquet files of a snapshot: finding them, opening them, and saying clearly what is wrong with them."""

import errno
import glob
import hashlib
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from threading import Event

import pyarrow as pa
import pyarrow.parquet as pq

from segbatch.errors import SnapshotError, UsageError, clipped, did_you_mean

__all__ = ["SnapshotFile", "find_files", "open_file", "read_batches"]

_READ_SIZE = 1 << 20
_LOOKED_AT = 1_000
"""How many files and folders to look at for a hint."""

_ADDRESS = re.compile("[A-Za-z][A-Za-z0-9+.-]+:/")
"""What `s3://bucket/key` begins with, also where it became a path and lost a slash."""

_DEAD_LINK = "is a link that leads nowhere; mend it or remove it"
_NO_FILE = "is a pipe or a device, and not a file; export to a file"


@dataclass(frozen=True, slots=True)
class SnapshotFile:
    """A Parquet file of a snapshot, as it was when it was opened.

    Attributes:
        path: Where it is.
        size: Its size in bytes.
        modified: When it was last written, in nanoseconds since 1970.
        rows: How many contacts it has.
        schema: Its columns.
    """

    path: Path
    size: int
    modified: int
    rows: int
    schema: pa.Schema

    def ensure_unchanged(self) -> None:
        """Check that nobody wrote the file since it was opened.

        Raises:
            SnapshotError: Somebody did.
        """
        with reading(self.path):
            now = self.path.stat()
        if (now.st_size, now.st_mtime_ns) != (self.size, self.modified):
            raise SnapshotError(f"{self.path}: was written while it was read; run again when the export is done")

    def digest(self, stop: Event) -> str:
        """Return the SHA-256 of the file's bytes, in hexadecimal; or, once `stop` is set, of as many as were read.

        Raises:
            SnapshotError: The file cannot be read, or somebody wrote it since it was opened.
        """
        digest = hashlib.sha256()
        with reading(self.path), self.path.open("rb") as file:
            while not stop.is_set() and (block := file.read(_READ_SIZE)):
                digest.update(block)
        self.ensure_unchanged()  # or the digest may be of other bytes than those that were evaluated
        return digest.hexdigest()


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn errors of reading a file into ones that name the file and tell what to do.

    PyArrow's own texts may quote cells and are not passed on.

    Raises:
        SnapshotError: Anything went wrong with the file inside the block.
    """
    try:
        yield
    except (FileNotFoundError, NotADirectoryError):
        raise SnapshotError(f"{path}: {_no_such_file(path)}") from None
    except (pa.ArrowException, OSError) as error:
        number = getattr(error, "errno", None)
        if number == errno.ELOOP:
            raise SnapshotError(f"{path}: {_DEAD_LINK}") from None
        if number:
            raise SnapshotError(f"{path}: cannot be read: {os.strerror(number)}") from None
        raise SnapshotError(f"{path}: is not Parquet, or cut short or damaged; export it again") from None


def _no_such_file(path: Path) -> str:
    """Tell what is wrong with a path at which nothing is."""
    if path.is_symlink():
        return _DEAD_LINK
    near = ""
    with suppress(OSError):
        near = did_you_mean(path.name, [entry.name for entry in path.parent.iterdir()])
    return f"no such file{near or '; check the path of the export'}"


def find_files(path: str) -> list[Path]:
    """Find the files that make up a snapshot.

    Args:
        path: A Parquet file, a folder of them (`*.parquet`, hidden ones and those with a leading `_` left out), or a
            glob such as `export/**/*.parquet`.

    Returns:
        The files, sorted by name; at least one. A link that leads nowhere counts as one, so that opening it tells.

    Raises:
        SnapshotError: There is none.
        UsageError: The path is empty, or no path.
    """
    if not path:
        raise UsageError("the path of the snapshot is empty; is a variable not set? (--contacts)")
    if _ADDRESS.match(path):
        message = "object storage and other addresses are not supported yet; copy the files to this machine first"
        raise UsageError(f"{path}: {message} (--contacts)")
    place = Path(path)
    with reading(place):
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


def open_file(path: Path) -> SnapshotFile:
    """Open a Parquet file and read its footer.

    Raises:
        SnapshotError: It is no Parquet file, or cut short, or cannot be read.
    """
    with reading(path), _parquet(path) as parquet:
        status = path.stat()
        rows = parquet.metadata.num_rows
        return SnapshotFile(path, status.st_size, status.st_mtime_ns, rows, parquet.schema_arrow)


def read_batches(file: SnapshotFile, columns: list[str], rows: int) -> Iterator[pa.RecordBatch]:
    """Read some columns of a file in batches.

    Args:
        file: The file.
        columns: Dotted paths of what to read.
        rows: The largest number of rows in a batch.

    Raises:
        SnapshotError: The file cannot be read, or is damaged.
    """
    with reading(file.path), _parquet(file.path) as parquet:
        try:
            for batch in parquet.iter_batches(batch_size=rows, columns=columns):
                _ensure_unicode(file.path, batch)
                yield batch
        except pa.ArrowInvalid as error:
            if "UTF8" not in str(error):
                raise
            raise _not_unicode(file.path, _not_readable(parquet, columns)) from None


@contextmanager
def _parquet(path: Path) -> Iterator[pq.ParquetFile]:
    """Open a Parquet file, whatever bytes its name has."""
    with (
        pa.OSFile(os.fsencode(path)) as source,
        pq.ParquetFile(source, pre_buffer=False, buffer_size=_READ_SIZE) as parquet,
    ):
        yield parquet


def _not_readable(parquet: pq.ParquetFile, columns: list[str]) -> str:
    """Return the column that cannot be read, which Arrow does not tell."""
    for column in columns[:-1]:
        try:
            for _ in parquet.iter_batches(columns=[column]):
                pass
        except pa.ArrowInvalid:
            return column
    return columns[-1]


def _ensure_unicode(path: Path, batch: pa.RecordBatch) -> None:
    """Check that texts are texts: Parquet's readers do not, and what comes after relies on it."""
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        try:
            column.validate(full=True)
        except pa.ArrowInvalid:
            raise _not_unicode(path, name) from None


def _not_unicode(path: Path, column: str) -> SnapshotError:
    problem = "has text that is not UTF-8, or is damaged; write it as UTF-8 in the export"
    return SnapshotError(f"{path}: the column '{clipped(column)}' {problem}")
