"""Columns of a snapshot whose values are in the paths of its files."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa

from segbatch.errors import Problem, SnapshotError
from segbatch.snapshot.arrow.polars_types import to_frame
from segbatch.snapshot.hive_partitions import Partition, partition_types, partitions_of, typed_value
from segbatch.snapshot.parquet.files import SnapshotFile, read_batches
from segbatch.text import clipped, counted

_BATCH = 100_000


def with_path_columns(files: Sequence[SnapshotFile]) -> tuple[SnapshotFile, ...]:
    """Add the columns in the paths of files to their schemas, except columns that a file has itself."""
    partitions = [_outside(file, partitions_of(str(file.place))) for file in files]
    if not any(partitions):
        return tuple(files)
    kinds = _types(files, partitions)
    return tuple(_with(file, partition, kinds) for file, partition in zip(files, partitions, strict=True))


def _outside(file: SnapshotFile, partition: Partition) -> Partition:
    """Return the keys in a path that are not columns of the file."""
    return {key: value for key, value in partition.items() if key not in file.schema.names}


def _types(files: Sequence[SnapshotFile], partitions: Sequence[Partition]) -> dict[str, pa.DataType]:
    """Return the types of keys.

    If a file has a column with the name of a key, the key gets the column's type if all its values can be read as that
    type.
    """
    kinds = partition_types(partitions)
    for key in kinds:
        stored = next((file.schema.field(key).type for file in files if file.schema.names.count(key) == 1), None)
        values = {partition[key] for partition in partitions if key in partition}
        if stored is not None and all(_can_be(value, stored) for value in values):
            kinds[key] = stored
    return kinds


def _can_be(value: str | None, kind: pa.DataType) -> bool:
    try:
        typed_value(value, kind)
    except (pa.ArrowException, ValueError, NotImplementedError):
        return False
    return True


def _with(file: SnapshotFile, partition: Partition, kinds: Mapping[str, pa.DataType]) -> SnapshotFile:
    constants = {key: typed_value(value, kinds[key]) for key, value in partition.items()}
    schema = pa.schema([*file.schema, *((key, value.type) for key, value in constants.items())])
    return replace(file, schema=schema, constants=constants)


def ensure_stored(files: Iterable[SnapshotFile], id_column: str) -> None:
    """Raise an error if the ids of contacts are not stored in the files.

    Raises:
        SnapshotError: The id column is only in the path of a file, so that all contacts of the file would have one id.
    """
    for file in files:
        if id_column in file.constants:
            reason = (
                f"has no id column '{clipped(id_column)}': that key in its path would be the id of all its contacts"
            )
            raise SnapshotError(f"{file.place}: {reason}; name a column of the file (--id-column NAME)")


def differing_columns(files: Sequence[SnapshotFile], names: Iterable[str]) -> list[Problem]:
    """Return a warning for each column whose values in a file differ from the value in the file's path.

    Args:
        files: The files of the snapshot.
        names: The columns that rules read.

    Raises:
        SnapshotError: A file cannot be read, or is damaged.
    """
    found = (_difference(files, name) for name in sorted(set(names)))
    return [Problem(difference.message, severity="warning") for difference in found if difference.contacts]


@dataclass(slots=True)
class _Difference:
    name: str
    contacts: int = 0
    first: SnapshotFile | None = None

    @property
    def message(self) -> str:
        have = f"{counted(self.contacts, 'contact')} {'has' if self.contacts == 1 else 'have'} another value"
        first = self.first.place if self.first else ""
        where = f"in the column '{clipped(self.name)}' than in the path of the file, first in {first}"
        return f"{have} {where}; the column counts"


def _difference(files: Sequence[SnapshotFile], name: str) -> _Difference:
    found = _Difference(name)
    for file in files:
        partition = partitions_of(str(file.place))
        if name not in partition or name in file.constants or file.schema.names.count(name) != 1:
            continue
        differing = sum(_differing(file, name, partition[name]))
        if differing and not found.contacts:
            found.first = file
        found.contacts += differing
    return found


def _differing(file: SnapshotFile, name: str, value: str | None) -> Iterator[int]:
    kind = file.schema.field(name).type
    for batch in read_batches(file, [name], _BATCH):
        column = to_frame(pa.Table.from_batches([batch.select([name])])).get_column(name)
        if value is None:
            yield len(column) - column.null_count()
        elif not _can_be(value, kind):
            yield len(column)
        else:
            [wanted] = to_frame(pa.table({name: pa.array([typed_value(value, kind).as_py()], kind)})).get_columns()
            yield int((~column.eq_missing(wanted.new_from_index(0, len(column)))).sum())
