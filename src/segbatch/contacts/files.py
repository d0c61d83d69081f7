"""The Parquet files of a snapshot: finding them, opening them, and saying clearly what is wrong with them."""

import glob
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from segbatch.errors import SnapshotError, did_you_mean

__all__ = ["SnapshotFile", "find_files", "open_file", "read_batches"]

_READ_SIZE = 1 << 20


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

    def digest(self) -> str:
        """Return the SHA-256 of the file's bytes, in hexadecimal."""
        digest = hashlib.sha256()
        with reading(self.path), self.path.open("rb") as file:
            while block := file.read(_READ_SIZE):
                digest.update(block)
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
    except FileNotFoundError:
        raise SnapshotError(f"{path}: no such file{_near(path)}") from None
    except (pa.ArrowException, OSError) as error:
        number = getattr(error, "errno", None)
        if number:
            raise SnapshotError(f"{path}: cannot be read: {os.strerror(number)}") from None
        raise SnapshotError(f"{path}: is not Parquet, or cut short or damaged; export it again") from None


def find_files(path: str) -> list[Path]:
    """Find the files that make up a snapshot.

    Args:
        path: A Parquet file, a folder of them (`*.parquet`, hidden ones and those with a leading `_` left out), or a
            glob such as `export/**/*.parquet`.

    Returns:
        The files, sorted by name; at least one.

    Raises:
        SnapshotError: There is none.
    """
    if not path:
        raise SnapshotError("the path of the snapshot is empty; is a variable not set? (--contacts)")
    place = Path(path)
    with reading(place):
        if place.is_dir():
            return _files_in(place)
        if place.exists():
            return [place]
        files = _files_of_glob(path)
        if not files:
            raise SnapshotError(f"{path}: no such file{_near(place)}")
        return files


def _files_in(folder: Path) -> list[Path]:
    files = sorted(file for file in folder.iterdir() if file.suffix == ".parquet" and not _is_passed_over(file.name))
    if not files:
        pattern = f"{folder}/**/*.parquet"
        hint = f"for those in folders below it write '{pattern}'" if _files_of_glob(pattern) else "export the contacts"
        raise SnapshotError(f"{folder}: the folder has no .parquet file; {hint}")
    return files


def _files_of_glob(pattern: str) -> list[Path]:
    """Return the files that match, except what a program left that was or is still writing."""
    named = sum(not glob.has_magic(part) for part in Path(pattern).parts)
    found = (Path(match) for match in glob.glob(pattern, recursive=True))  # noqa: PTH207 - Path.glob wants a root
    return sorted(file for file in found if file.is_file() and not any(map(_is_passed_over, file.parts[named:])))


def _is_passed_over(name: str) -> bool:
    return name.startswith(("_", "."))


def _near(path: Path) -> str:
    names = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
    return did_you_mean(path.name, names) or "; check the path of the export"


def open_file(path: Path) -> SnapshotFile:
    """Open a Parquet file and read its footer.

    Raises:
        SnapshotError: It is no Parquet file, or cut short, or cannot be read.
    """
    with reading(path), pq.ParquetFile(path) as parquet:
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
    with reading(file.path), pq.ParquetFile(file.path, pre_buffer=False, buffer_size=_READ_SIZE) as parquet:
        for batch in parquet.iter_batches(batch_size=rows, columns=columns):
            _ensure_unicode(file.path, batch)
            yield batch


def _ensure_unicode(path: Path, batch: pa.RecordBatch) -> None:
    """Check that texts are texts: Parquet's readers do not, and what comes after relies on it."""
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        try:
            column.validate(full=True)
        except pa.ArrowInvalid:
            message = f"the column '{name}' has text that is not UTF-8, or is damaged; write it as UTF-8 in the export"
            raise SnapshotError(f"{path}: {message}") from None
