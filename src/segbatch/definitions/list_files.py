"""Files of lists: `NAME.txt`, `NAME.csv` or `NAME.parquet` in one folder."""

import csv
import io
import math
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segbatch.definitions.discovery import read_failure
from segbatch.model.values import LIST_NAME
from segbatch.text import did_you_mean, printable, shown

if TYPE_CHECKING:
    import pyarrow as pa

_FORMATS = (".txt", ".csv", ".parquet")
_HEADER = re.compile(r"[^\W\d][\w .()/-]*")
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_SPACE = " \t\r\f\v"
_BYTES_PER_UUID = 16


class ListError(Exception):
    """A list that cannot be used; the text has the file and the reason."""


@dataclass(frozen=True, slots=True)
class Values:
    """The values in a file.

    Attributes:
        values: The values, as a rule could contain them.
        places: The lines of the values, or their rows in a Parquet file, counted from 1.
        column: The name of the column, if the file has one.
    """

    values: tuple[Any, ...]
    places: Sequence[int]
    column: str | None = None


def find_list_files(folder: Path) -> dict[str, list[Path]]:
    """Find the files of lists in a folder, by the name of the list; a name with several files is ambiguous.

    Raises:
        ListError: The folder cannot be read. A folder that does not exist has no lists.
    """
    found: dict[str, list[Path]] = {}
    try:
        entries = sorted(os.listdir(folder))  # noqa: PTH208 - Path.iterdir is not sorted either
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ListError(f"{printable(str(folder))}: {read_failure(error)}") from None
    for entry in entries:
        path = folder / entry
        if path.suffix.lower() in _FORMATS and not entry.startswith("."):
            found.setdefault(path.stem, []).append(path)
    return found


def ensure_can_be_named(name: str, folder: Path) -> None:
    """Check that rules can name a list.

    Raises:
        ListError: The name of its file has characters that no rule can name.
    """
    if not LIST_NAME.fullmatch(name):
        rule = "a name has letters (A-Z, a-z), digits, '-', '_' and '.', and at most 128 of them"
        raise ListError(f"{printable(str(folder))}: no rule can name the list {shown(name)}; rename its file: {rule}")


def choose_file(name: str, folder: Path) -> Path:
    """Return the file of a list.

    Raises:
        ListError: The list has no file, or several.
    """
    files = find_list_files(folder)
    match files.get(name, []):
        case [file]:
            return file
        case []:
            where = printable(str(folder))
            near = did_you_mean(name, files) or f"; create {where}/{name}.txt with one value per line"
            raise ListError(f"there is no list {shown(name)} in {where}{near}")
        case several:
            names = " and ".join(printable(file.name) for file in several)
            raise ListError(f"the list {shown(name)} has several files in {printable(str(folder))}: {names}; keep one")


def read_values(file: Path, content: bytes) -> Values:
    """Read the values of a list.

    Args:
        file: The file; its extension decides the format.

    Raises:
        ListError: The file is damaged, has several columns, or has no value.
    """
    name = printable(str(file))
    match file.suffix.lower():
        case ".parquet":
            found = _read_parquet(name, content)
        case ".csv":
            found = _read_csv(name, _decoded(name, content))
        case _:
            found = _read_lines(_decoded(name, content))
    if not found.values:
        raise ListError(f"{name}: the list has no values; add one, or remove the rules that use it")
    return found


def _decoded(name: str, content: bytes) -> str:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ListError(f"{name}:{line}: bytes that are not UTF-8; save the file as UTF-8") from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise ListError(f"{name}:{line}: a NUL character, which no text has; save the file as UTF-8")
    return text


def _read_lines(text: str) -> Values:
    pairs = [(value, line) for line, written in enumerate(text.split("\n"), 1) if (value := written.strip(_SPACE))]
    return Values(tuple(value for value, _ in pairs), [line for _, line in pairs])


def _read_csv(name: str, text: str) -> Values:
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    values, places, header, line = list[str](), list[int](), None, 1
    try:
        for row in rows:
            if len(row) > 1:
                raise ListError(f"{name}:{line}: {len(row)} columns; a list has one")
            if row and header is None:
                header = _checked_header(f"{name}:{line}", row[0])
            elif row:
                values.append(row[0])
                places.append(line)
            line = rows.line_num + 1  # a quoted value may have several lines, and begins in the first
    except csv.Error as error:
        raise ListError(f"{name}:{line}: not valid CSV: {error}") from None
    return Values(tuple(values), places, header)


def _checked_header(place: str, header: str) -> str:
    """Return the name of the column. Without a header, the first value would be lost silently."""
    if not _HEADER.fullmatch(header) or _UUID.fullmatch(header):
        raise ListError(f"{place}: the first line of a .csv list is the name of its column; add one, or use .txt")
    return header


def _read_parquet(name: str, content: bytes) -> Values:
    import pyarrow as pa  # noqa: PLC0415 - heavy, and only for lists in Parquet
    import pyarrow.parquet as pq  # noqa: PLC0415 - as above

    try:
        table = pq.read_table(pa.BufferReader(content))
    except (pa.ArrowException, OSError):
        raise ListError(f"{name}: not a valid Parquet file; write it again") from None
    if table.num_columns != 1:
        raise ListError(f"{name}: {table.num_columns} columns; a list has one")
    pairs = [(value, row) for row, value in enumerate(_scalars(name, table.column(0)), 1) if value is not None]
    return Values(tuple(value for value, _ in pairs), [row for _, row in pairs], table.column_names[0])


def _scalars(name: str, column: "pa.ChunkedArray") -> Iterator[Any]:
    """Yield the values of a column as a rule would contain them: dates as ISO texts, UUIDs in canonical form."""
    import pyarrow as pa  # noqa: PLC0415 - heavy, and only for lists in Parquet

    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    is_uuid = str(kind) == "extension<arrow.uuid>"
    if is_uuid or (pa.types.is_fixed_size_binary(kind) and kind.byte_width == _BYTES_PER_UUID):
        return _uuids(column)
    if pa.types.is_date(kind) or pa.types.is_timestamp(kind):
        return _times(column, kind)
    if pa.types.is_null(kind):
        return iter(())
    texts = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view, pa.types.is_boolean)
    numbers = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal)
    if not any(test(kind) for test in (*texts, *numbers)):
        usable = "texts, numbers, dates, UUIDs or booleans"
        raise ListError(f"{name}: the column has {_in_words(kind)}; a list has {usable}")
    return map(_scalar, column.to_pylist())


def _in_words(kind: "pa.DataType") -> str:
    import pyarrow as pa  # noqa: PLC0415 - heavy, and only for lists in Parquet

    names = {
        "lists": (pa.types.is_list, pa.types.is_large_list, pa.types.is_list_view, pa.types.is_fixed_size_list),
        "objects": (pa.types.is_struct, pa.types.is_map),
        "bytes": (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_binary_view, pa.types.is_fixed_size_binary),
        "times of day": (pa.types.is_time,),
        "durations": (pa.types.is_duration,),
    }
    return next((name for name, tests in names.items() if any(test(kind) for test in tests)), "values of another type")


def _scalar(value: Any) -> Any:
    """Return a value as a rule would contain it: NaN is missing, and a decimal is a whole number or a text."""
    match value:
        case float() if math.isnan(value):
            return None
        case Decimal():
            return int(value) if value == value.to_integral_value() else str(value)
        case _:
            return value


def _uuids(column: "pa.ChunkedArray") -> Iterator[str | None]:
    from uuid import UUID  # noqa: PLC0415 - only here

    for value in column.to_pylist():
        yield None if value is None else str(value if isinstance(value, UUID) else UUID(bytes=value))


def _times(column: "pa.ChunkedArray", kind: "pa.DataType") -> Iterator[str | None]:
    """Yield dates and date-times as ISO texts; a date-time without a zone is in UTC, as it is in contacts."""
    import pyarrow as pa  # noqa: PLC0415 - heavy, and only for lists in Parquet

    is_time = pa.types.is_timestamp(kind)
    times = column.cast(pa.timestamp("us", "UTC"), safe=False) if is_time else column
    for value in times.to_pylist():
        yield None if value is None else value.isoformat()
