"""The parts of the input of a run, one per task of the first stage."""

import os
import pickle
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from operator import itemgetter
from pathlib import Path
from typing import Any, Protocol, TypeVar, cast

import pyarrow as pa
import pyarrow.compute as pc

from segbatch.platform.iterators import gather
from segbatch.snapshot.locations import LocalFile, translate_errors
from segbatch.snapshot.parquet.files import SnapshotFile, open_parquet
from segbatch.snapshot.snapshot import Snapshot

SPLIT_ROWS = 1_000_000
"""The number of rows from which a split gets no more row groups."""

_FOOTERS_AT_ONCE = 16


_WorkT_contra = TypeVar("_WorkT_contra", contravariant=True)


class Item(Protocol[_WorkT_contra]):
    """A part of the input of some work, such as a `Job`, that one task reads. Items are pickled."""

    def payloads(self, work: _WorkT_contra, /) -> Iterator[tuple[int, bytes]]:
        """Yield payloads with the bucket of each, in the same order in every attempt.

        Raises:
            SegbatchError: The input cannot be read.
        """


def encode_item(number: int, item: Item[_WorkT_contra]) -> bytes:
    """Return an item for the workers.

    Args:
        number: Its number. The payloads of an item come before those of items with higher numbers.
    """
    return pickle.dumps((number, item))


def decode_item(encoded: bytes) -> tuple[int, Item[Any]]:
    """Return the number of an item and the item."""
    return cast("tuple[int, Item[Any]]", pickle.loads(encoded))  # noqa: S301 - the driver of this run has written it


def split_files(snapshot: Snapshot, rows: int = SPLIT_ROWS) -> list[SnapshotFile]:
    """Cut the files of a snapshot at their row groups, in reading order.

    Args:
        rows: The number of rows from which a part gets no more row groups.

    Raises:
        SnapshotError: A file cannot be read.
    """
    files = [with_absolute_path(file) for file in snapshot.files if file.rows]
    with ThreadPoolExecutor(_FOOTERS_AT_ONCE, "footer") as pool:
        return [part for parts in pool.map(lambda file: _split(file, rows), files) for part in parts]


def with_absolute_path(file: SnapshotFile) -> SnapshotFile:
    """Return a file that is found from any working directory."""
    if not isinstance(file.location, LocalFile):
        return file
    path = os.path.abspath(file.location.path)  # noqa: PTH100 - `resolve` follows links, which may differ on workers
    return replace(file, location=LocalFile(Path(path)))


def _split(file: SnapshotFile, rows: int) -> list[SnapshotFile]:
    deleted = 0 if file.deleted is None else len(file.deleted)
    if file.rows + deleted <= rows:
        return [file]
    parts, start = list[SnapshotFile](), 0
    for groups in gather(enumerate(_group_rows(file)), rows, itemgetter(1)):
        length = sum(rows_of_group for _, rows_of_group in groups)
        part = _part(file, tuple(number for number, _ in groups), start, length)
        parts += [part] if part.rows else []
        start += length
    return parts


def _group_rows(file: SnapshotFile) -> list[int]:
    """Return the number of rows of each row group."""
    with (
        translate_errors(file.location),
        file.location.open_footer() as source,
        open_parquet(file.location, source, file.names) as (parquet, _),
    ):
        metadata = parquet.metadata
        return [metadata.row_group(number).num_rows for number in range(metadata.num_row_groups)]


def _part(file: SnapshotFile, groups: tuple[int, ...], start: int, length: int) -> SnapshotFile:
    """Return some row groups of a file, whose first row is at a position of the file."""
    if file.deleted is None:
        return replace(file, rows=length, row_groups=groups)
    is_in_part = pc.and_(pc.greater_equal(file.deleted, start), pc.less(file.deleted, start + length))
    deleted = pc.subtract(file.deleted.filter(is_in_part), pa.scalar(start, pa.int64()))
    return replace(file, rows=length - len(deleted), row_groups=groups, deleted=deleted)
