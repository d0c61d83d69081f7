"""Hive partition columns: columns whose values are in the paths of files, as in `country=US/part.parquet`.

Types are inferred as in DuckDB: a key is a date, a timestamp or a whole number if all its values are; otherwise it is
text. The only difference is that timestamps with escaped colons are recognized. Writers have to escape colons, but
DuckDB reads such values as text.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from urllib.parse import unquote

import pyarrow as pa

from segbatch.errors import Problem, SnapshotError
from segbatch.snapshot.arrow.polars_types import to_frame
from segbatch.snapshot.parquet.files import SnapshotFile
from segbatch.snapshot.parquet.record_batches import read_batches
from segbatch.snapshot.source_words import SourceWords
from segbatch.text import clipped, counted

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


def parse_partitions(path: str) -> Partition:
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
    found = parse_partitions(path)
    return json.dumps(found, sort_keys=True) if found else ""


def infer_partition_types(partitions: Iterable[Partition]) -> dict[str, pa.DataType]:
    """Infer the type of each key from its values in all files. The keys are sorted by name."""
    values: dict[str, list[str]] = {}
    for partition in partitions:
        for key, value in partition.items():
            values.setdefault(key, []).extend([] if value is None else [value])
    return {key: _type_of(values[key]) for key in sorted(values)}


def _type_of(values: Sequence[str]) -> pa.DataType:
    for arrow_type, read in _READERS.items():
        if values and all(read(value.strip(_SPACE)) is not None for value in values):
            return arrow_type
    return pa.string()


def parse_value(value: str | None, arrow_type: pa.DataType) -> pa.Scalar:
    """Convert a value in a path to the type of its key.

    Raises:
        ValueError: The value is not of that type.
    """
    if value is None:
        return pa.scalar(None, arrow_type)
    reader = _READERS.get(arrow_type)
    if reader is None:
        return pa.scalar(unquote(value), pa.string()).cast(
            arrow_type.value_type if pa.types.is_dictionary(arrow_type) else arrow_type
        )
    found = reader(value.strip(_SPACE))
    if found is None:
        raise ValueError(value)
    return pa.scalar(found, arrow_type)


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


_BATCH = 100_000


def with_path_columns(files: Sequence[SnapshotFile]) -> tuple[SnapshotFile, ...]:
    """Add the columns in the paths of files to their schemas, except columns that a file has itself."""
    partitions = [_outside(file, parse_partitions(str(file.location))) for file in files]
    if not any(partitions):
        return tuple(files)
    arrow_types = _types(files, partitions)
    return tuple(_with(file, partition, arrow_types) for file, partition in zip(files, partitions, strict=True))


def _outside(file: SnapshotFile, partition: Partition) -> Partition:
    """Return the keys in a path that are not columns of the file."""
    return {key: value for key, value in partition.items() if key not in file.schema.names}


def _types(files: Sequence[SnapshotFile], partitions: Sequence[Partition]) -> dict[str, pa.DataType]:
    """Return the types of keys.

    If a file has a column with the name of a key, the key gets the column's type if all its values can be read as that
    type.
    """
    arrow_types = infer_partition_types(partitions)
    for key in arrow_types:
        stored = next((file.schema.field(key).type for file in files if file.schema.names.count(key) == 1), None)
        values = {partition[key] for partition in partitions if key in partition}
        if stored is not None and all(_can_be(value, stored) for value in values):
            arrow_types[key] = stored
    return arrow_types


def _can_be(value: str | None, arrow_type: pa.DataType) -> bool:
    try:
        parse_value(value, arrow_type)
    except (pa.ArrowException, ValueError, NotImplementedError):
        return False
    return True


def _with(file: SnapshotFile, partition: Partition, arrow_types: Mapping[str, pa.DataType]) -> SnapshotFile:
    constants = {key: parse_value(value, arrow_types[key]) for key, value in partition.items()}
    schema = pa.schema([*file.schema, *((key, value.type) for key, value in constants.items())])
    return replace(file, schema=schema, constants=constants)


def ensure_stored(files: Iterable[SnapshotFile], id_column: str, words: SourceWords) -> None:
    """Raise an error if the ids of contacts are not stored in the files.

    Raises:
        SnapshotError: The id column is only in the path of a file, so that all contacts of the file would have one id.
    """
    for file in files:
        if id_column in file.constants:
            column = f"{words.column} '{clipped(id_column)}'"
            reason = f"has no {column}: a partition would be the id of all its {words.row}s"
            raise SnapshotError(f"{file.location}: {reason}; name a column of the file ({words.option})")


def differing_columns(files: Sequence[SnapshotFile], names: Iterable[str], words: SourceWords) -> list[Problem]:
    """Return a warning for each column whose values in a file differ from the value in the file's path.

    Raises:
        SnapshotError: A file cannot be read, or is damaged.
    """
    found = (_difference(files, name, words.row) for name in sorted(set(names)))
    return [Problem(difference.message, severity="warning") for difference in found if difference.rows]


@dataclass(slots=True)
class _Difference:
    name: str
    row: str
    rows: int = 0
    first: SnapshotFile | None = None

    @property
    def message(self) -> str:
        have = f"{counted(self.rows, self.row)} {'has' if self.rows == 1 else 'have'} another value"
        first = self.first.location if self.first else ""
        where = f"in the column '{clipped(self.name)}' than in the path of the file, first in {first}"
        return f"{have} {where}; the value in the column is used"


def _difference(files: Sequence[SnapshotFile], name: str, row: str) -> _Difference:
    found = _Difference(name, row)
    for file in files:
        partition = parse_partitions(str(file.location))
        if name not in partition or name in file.constants or file.schema.names.count(name) != 1:
            continue
        differing = sum(_differing(file, name, partition[name]))
        if differing and not found.rows:
            found.first = file
        found.rows += differing
    return found


def _differing(file: SnapshotFile, name: str, value: str | None) -> Iterator[int]:
    arrow_type = file.schema.field(name).type
    for batch in read_batches(file, [name], _BATCH):
        column = to_frame(pa.Table.from_batches([batch.select([name])])).get_column(name)
        if value is None:
            yield len(column) - column.null_count()
        elif not _can_be(value, arrow_type):
            yield len(column)
        else:
            [wanted] = to_frame(
                pa.table({name: pa.array([parse_value(value, arrow_type).as_py()], arrow_type)})
            ).get_columns()
            yield int((~column.eq_missing(wanted.new_from_index(0, len(column)))).sum())
