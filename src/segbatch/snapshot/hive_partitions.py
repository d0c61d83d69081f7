"""Hive partition columns: columns whose values are in the paths of files, as in `country=US/part.parquet`.

Types are inferred as in DuckDB: a key is a date, a timestamp or a whole number if all its values are; otherwise it is
text. The only difference is that timestamps with escaped colons are recognized. Writers have to escape colons, but
DuckDB reads such values as text.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from urllib.parse import unquote

import pyarrow as pa

_NULL = "__HIVE_DEFAULT_PARTITION__"
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:/+[^/]*/?")
_SPACE = " \t\n\v\f\r"
_WHOLE = re.compile(r"0|[1-9][0-9]*|-[0-9]+|0[xX][0-9A-Fa-f]+|0[bB][01]+")
_DATE = re.compile(r"([0-9]{1,4})([-/ \\])([0-9]{1,2})\2([0-9]{1,2})")
_TIMESTAMP = re.compile(r"([0-9/ \\-]+?)(?: +|T)([0-9]{1,2}):([0-9]{1,2})(?::(?:([0-9]{1,2})(?:\.([0-9]*))?)?)?")
_SMALLEST, _LARGEST = -(1 << 63), (1 << 63) - 1
_SIXTY = 60
_DAY = timedelta(days=1)

Partition = Mapping[str, str | None]
"""Keys and values in a path, as written in the path. None is Hive's marker for null."""


def is_partition(name: str) -> bool:
    """Return whether the name of a folder is a `key=value` pair."""
    return name.find("=") > 0


def partitions_of(path: str) -> Partition:
    """Return the keys and values in the folder names of a path. If a key occurs twice, the first value is used.

    Args:
        path: The path or address of a file. The file's own name is not a partition.
    """
    text = path.encode(errors="surrogateescape").decode(errors="replace")  # replace bytes that are not UTF-8
    folders = _SCHEME.sub("", text, count=1) if "://" in text else text
    found: dict[str, str | None] = {}
    for folder in folders.split("/")[:-1]:
        if is_partition(folder):
            key, _, value = folder.partition("=")
            found.setdefault(key, None if value == _NULL else value)
    return found


def partition_text(path: str) -> str:
    """Return the keys and values in a path as a JSON object, or an empty text if the path has no partitions."""
    found = partitions_of(path)
    return json.dumps(found, sort_keys=True) if found else ""


def partition_types(partitions: Iterable[Partition]) -> dict[str, pa.DataType]:
    """Infer the type of each key from its values in all files. The keys are sorted by name."""
    values: dict[str, list[str]] = {}
    for partition in partitions:
        for key, value in partition.items():
            values.setdefault(key, []).extend([] if value is None else [value])
    return {key: _type_of(values[key]) for key in sorted(values)}


def _type_of(values: Sequence[str]) -> pa.DataType:
    for kind, read in _READERS.items():
        if values and all(read(value.strip(_SPACE)) is not None for value in values):
            return kind
    return pa.string()


def typed_value(value: str | None, kind: pa.DataType) -> pa.Scalar:
    """Convert a value in a path to the type of its key.

    Raises:
        ValueError: The value is not of that type.
    """
    if value is None:
        return pa.scalar(None, kind)
    reader = _READERS.get(kind)
    if reader is None:
        return pa.scalar(unquote(value), pa.string()).cast(kind.value_type if pa.types.is_dictionary(kind) else kind)
    found = reader(value.strip(_SPACE))
    if found is None:
        raise ValueError(value)
    return pa.scalar(found, kind)


def _whole(text: str) -> int | None:
    if _WHOLE.fullmatch(text) is None:
        return None
    number = int(text, {"0x": 16, "0b": 2}.get(text[:2].lower(), 10))
    return number if _SMALLEST <= number <= _LARGEST else None


def _date(text: str) -> date | None:
    parts = _DATE.fullmatch(text)
    if parts is None:
        return None
    try:
        return date(int(parts[1]), int(parts[3]), int(parts[4]))
    except ValueError:
        return None


def _timestamp(text: str) -> datetime | None:
    """Parse a date and time without a UTC offset. Values with an offset stay text, which keeps the offset."""
    parts = _TIMESTAMP.fullmatch(unquote(text).strip(_SPACE))
    day = _date(parts[1]) if parts else None
    if parts is None or day is None:
        return None
    hours, minutes, seconds = (int(parts[number] or 0) for number in (2, 3, 4))
    microseconds = int((parts[5] or "0").ljust(6, "0")[:6])
    since_midnight = timedelta(hours=hours, minutes=minutes, seconds=seconds, microseconds=microseconds)
    if minutes >= _SIXTY or seconds >= _SIXTY or since_midnight > _DAY:
        return None
    try:
        return datetime.combine(day, time()) + since_midnight
    except OverflowError:
        return None


_READERS: dict[pa.DataType, Callable[[str], object]] = {
    pa.date32(): _date,
    pa.timestamp("us"): _timestamp,
    pa.int64(): _whole,
}
"""Parsers of the types of keys other than text, in the order of trying them."""
