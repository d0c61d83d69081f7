"""Detection of Delta, Iceberg and Hudi tables, whose folders are refused: the data files alone are not the table."""

import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Literal, assert_never

from segbatch.errors import SnapshotError
from segbatch.snapshot.lakehouse.address import TableAddress
from segbatch.snapshot.source_words import OF_CONTACTS, SourceWords
from segbatch.text import printable

LakeFormat = Literal["Delta", "Iceberg", "Hudi"]

_METADATA = re.compile(r"version-hint\.text|v?[0-9].*\.metadata\.json(\.gz)?")

_ICEBERG = "pass it by its name in a catalog: iceberg://CATALOG/NAMESPACE.TABLE"
_HUDI = "write a plain Parquet copy and pass that, for example with Spark"


def is_iceberg_metadata(name: str) -> bool:
    """Return whether a file name in a folder `metadata` is that of an Iceberg table's metadata."""
    return _METADATA.fullmatch(name) is not None


def table_error(
    lake_format: LakeFormat, folder: str, address: str | None = None, *, copy: str = OF_CONTACTS.copy
) -> SnapshotError:
    """Return the error for the folder of a table.

    Args:
        folder: The folder as shown in messages.
        address: The folder as other programs find it. The default is `folder`.
        copy: The name of the plain copy.
    """
    article = "an" if lake_format == "Iceberg" else "a"
    reason = f"is {article} {lake_format} table, whose folder also has files with rows that were deleted or replaced"
    return SnapshotError(f"{folder}: {reason}; {_remedy(lake_format, folder, address or folder, copy)}")


def _remedy(lake_format: LakeFormat, folder: str, address: str, copy: str) -> str:
    match lake_format:
        case "Delta":
            return f"pass it as {TableAddress('delta', folder)}"
        case "Iceberg":
            return _ICEBERG
        case "Hudi":
            return f"{_HUDI}: spark.read.format('hudi').load({printable(address)!r}).write.parquet('{copy}')"
        case _:
            assert_never(lake_format)


class TableFolders:
    """A search for tables in the folders above files. Each folder is examined once."""

    def __init__(
        self, words: SourceWords = OF_CONTACTS, format_of: Callable[[str], LakeFormat | None] | None = None
    ) -> None:
        """Start with an empty cache of folders.

        Args:
            words: The words for the snapshot in messages.
            format_of: Returns the format of a table by the path of its folder, or None. The default examines folders on
                disk.
        """
        self._words = words
        self._format_of = format_of or _format_of
        self._known: dict[str, tuple[LakeFormat, str] | None] = {}

    def reject_tables(self, paths: Iterable[Path]) -> None:
        """Raise an error if a path is in the folder of a table, also after links are resolved.

        Raises:
            SnapshotError: A path is the folder of a table or below one.
        """
        for path in paths:
            for absolute in (os.path.abspath(path), os.path.realpath(path)):  # noqa: PTH100 - both link and target
                found = self._table_above(absolute if path.is_dir() else os.path.dirname(absolute))  # noqa: PTH120
                if found:
                    raise table_error(found[0], _shown(found[1], path), found[1], copy=self._words.copy)

    def _table_above(self, folder: str) -> tuple[LakeFormat, str] | None:
        if folder not in self._known:
            lake_format, parent = self._format_of(folder), os.path.dirname(folder)  # noqa: PTH120 - all these paths are strings
            above = self._table_above(parent) if lake_format is None and parent != folder else None
            self._known[folder] = above if lake_format is None else (lake_format, folder)
        return self._known[folder]


def _format_of(folder: str) -> LakeFormat | None:
    if os.path.isdir(os.path.join(folder, "_delta_log")):  # noqa: PTH112, PTH118
        return "Delta"
    if os.path.isdir(os.path.join(folder, ".hoodie")):  # noqa: PTH112, PTH118
        return "Hudi"
    return "Iceberg" if any(map(is_iceberg_metadata, _names(os.path.join(folder, "metadata")))) else None  # noqa: PTH118


def _names(folder: str) -> Iterator[str]:
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            yield entry.name


def _shown(table: str, given: Path) -> str:
    """Return the folder of a table, relative to the working directory if it is inside and `given` is relative."""
    inside = Path(table).is_relative_to(Path.cwd())
    return printable(os.path.relpath(table) if inside and not given.is_absolute() else table)
