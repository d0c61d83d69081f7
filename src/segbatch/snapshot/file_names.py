"""Which files of a folder are Parquet, and which look like data of another format: by their names and first bytes."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from segbatch.errors import Problem
from segbatch.text import clipped, counted

__all__ = ["HEAD_SIZE", "Sorted", "is_hidden", "is_in_progress", "is_parquet_name"]

HEAD_SIZE = 4
"""How many bytes from the beginning of a file show its format."""

_PARQUET = re.compile(r".*\.(parquet|parq|pq)", re.IGNORECASE | re.DOTALL)
_COMPRESSED = re.compile(
    r".*\.(parquet|parq|pq)\.(snappy|snz|gz|gzip|zst|zstd|lz4|br|brotli|lzo)", re.IGNORECASE | re.DOTALL
)
_DATA = re.compile(
    r".*\.(csv|tsv|psv|json|jsonl|ndjson|avro|orc|arrow|feather|ipc|xml|xlsx?|gz|bz2|xz|zst|zip|7z|snappy|lz4"
    r"|tmp|temp|part|partial|crdownload|filepart|bak|dat|db|sqlite|duckdb|vortex|lance)",
    re.IGNORECASE | re.DOTALL,
)
_MAGIC = (
    b"PAR1",
    b"PARE",
    b"ORC",
    b"Obj\x01",
    b"ARRO",
    b"\x1f\x8b",
    b"\x28\xb5\x2f\xfd",
    b"BZh",
    b"PK\x03\x04",
    b"{",
    b"[",
)
_SHOWN = 3
_LOOKED_INTO = 1_000

Format = Literal["parquet", "data", "other"]


def is_in_progress(name: str) -> bool:
    """Check whether a name is that of a file, or of a folder of files, that a program is still writing."""
    return ".inprogress" in name.lower() or name == "_temporary" or name.startswith(".spark-staging")


def is_hidden(name: str) -> bool:
    """Check whether a name is that of a hidden file or of bookkeeping, such as `_SUCCESS` and `.part-0.crc`."""
    return name.startswith(("_", "."))


def is_parquet_name(name: str) -> bool:
    """Check whether the extension of a name is that of Parquet, in upper or lower case."""
    return _PARQUET.fullmatch(name) is not None


@dataclass(slots=True)
class Sorted:
    """The names of a folder, sorted by whether they are read.

    Attributes:
        unread: The names that look like data and are not read.
    """

    unread: list[str] = field(default_factory=list)
    _opened: int = 0

    def takes(self, name: str, shown: str, head: Callable[[], bytes | None]) -> bool:
        """Return whether a file is read; if it is not and looks like data, keep its name.

        Args:
            name: The name of the file.
            shown: The name as messages show it.
            head: Reads the first bytes of the file; None if they cannot be read.
        """
        found = self._format(name, head)
        if found == "data":
            self.unread.append(shown)
        return found == "parquet"

    def _format(self, name: str, head: Callable[[], bytes | None]) -> Format:
        if is_in_progress(name):
            return "data"
        if is_hidden(name):
            return "other"
        if is_parquet_name(name):
            return "parquet"
        if "." not in name or _COMPRESSED.fullmatch(name):
            return self._by_content(name, head())
        if _DATA.fullmatch(name):
            return "data"
        self._opened += 1
        is_data = self._opened <= _LOOKED_INTO and (head() or b"").startswith(_MAGIC)
        return "data" if is_data else "other"

    def _by_content(self, name: str, head: bytes | None) -> Format:
        if head is not None and head.startswith(b"PAR1"):
            return "parquet"
        return "data" if head is None or "." in name or head.startswith(_MAGIC) else "other"

    def warnings(self, place: object) -> list[Problem]:
        """Return a warning that names what looks like data and is not read, if anything does.

        Args:
            place: The folder or the pattern that was searched.
        """
        if not self.unread:
            return []
        number, looks = (
            len(self.unread),
            "looks like data and is" if len(self.unread) == 1 else "look like data and are",
        )
        message = f"{counted(number, 'other file or folder', 'other files or folders')} in {place} {looks} not read"
        advice = "export it as Parquet into the same folder, or move it elsewhere"
        return [Problem(f"{message} ({self.names}); {advice}", severity="warning")]

    @property
    def names(self) -> str:
        """The first names that are not read."""
        more = ", …" if len(self.unread) > _SHOWN else ""
        return ", ".join(map(clipped, sorted(self.unread)[:_SHOWN])) + more
