"""Classification of files by name and first bytes: Parquet, data of another format, or other."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from segbatch.errors import Problem
from segbatch.text import clipped, counted

HEAD_SIZE = 4
"""Number of bytes at the start of a file that show its format."""

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
    """Return whether a file or folder with this name is still being written by a program."""
    return ".inprogress" in name.lower() or name == "_temporary" or name.startswith(".spark-staging")


def is_hidden(name: str) -> bool:
    """Return whether a name is that of a hidden file or of bookkeeping, such as `_SUCCESS` and `.part-0.crc`."""
    return name.startswith(("_", "."))


def is_parquet_name(name: str) -> bool:
    """Return whether a name has an extension of Parquet, in upper or lower case."""
    return _PARQUET.fullmatch(name) is not None


@dataclass(slots=True)
class FileClassifier:
    """A classifier for the names in a folder, which collects the data that is not read.

    Attributes:
        unread: Names that look like data but are not read.
    """

    unread: list[str] = field(default_factory=list)
    _opened: int = 0

    def accepts(self, name: str, shown: str, head: Callable[[], bytes | None]) -> bool:
        """Return whether a file is read. If it is not read but looks like data, add its name to `unread`.

        Args:
            name: The file's name in its folder, which determines its format.
            shown: The name as shown in messages.
            head: Reads the first bytes of the file; returns None if they cannot be read.
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

    def warnings(self, path: object) -> list[Problem]:
        """Return a warning that lists the names in `unread`, or an empty list if `unread` is empty."""
        if not self.unread:
            return []
        number, looks = (
            len(self.unread),
            "looks like data and is" if len(self.unread) == 1 else "look like data and are",
        )
        message = f"{counted(number, 'other file or folder', 'other files or folders')} in {path} {looks} not read"
        advice = "export it as Parquet into the same folder, or move it elsewhere"
        return [Problem(f"{message} ({self.names}); {advice}", severity="warning")]

    @property
    def names(self) -> str:
        """The first few names in `unread`, for a message."""
        more = ", …" if len(self.unread) > _SHOWN else ""
        return ", ".join(map(clipped, sorted(self.unread)[:_SHOWN])) + more
