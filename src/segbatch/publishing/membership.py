"""The membership as open Parquet: a row a contact in a segment, with both ids really in the file."""

import hashlib
import io
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from segbatch.contacts.columns import is_text
from segbatch.publishing.records import PublishedFile

__all__ = ["MEMBERSHIP", "MembershipWriter"]

MEMBERSHIP = "membership"
"""The folder of a run that holds the membership's files."""

_TEXTS = pa.dictionary(pa.int32(), pa.string())
"""Texts that repeat; in the file they are texts, coded by a dictionary."""

_WHOLE_DICTIONARY = 1 << 30
_ROW_GROUP = 20_000_000


class _DigestingFile(io.RawIOBase):
    """A file that knows the digest of what was written to it, so that nobody has to read it again."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")
        self._digest = hashlib.sha256()
        self.size = 0

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        view = memoryview(data)
        self._digest.update(view)
        self.size += view.nbytes
        return self._file.write(view)

    def flush(self) -> None:
        if not self._file.closed:
            self._file.flush()

    def close(self) -> None:
        self._file.close()
        super().close()

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()


class MembershipWriter:
    """Writes the members of one batch after another, in a thread beside the evaluation.

    No contact id is copied per membership: what goes to the Parquet writer is a dictionary of the batch's ids and
    row numbers into it. The rows of a batch make a row group, ordered by segment.
    """

    def __init__(self, run_folder: Path, segment_ids: Sequence[str], id_type: pa.DataType) -> None:
        """Begin the file.

        Args:
            run_folder: The folder of the run.
            segment_ids: The ids of the segments, in the order in which `write` gets their members.
            id_type: The Arrow type of the contacts' ids.
        """
        self._name = f"{MEMBERSHIP}/part-00000.parquet"
        path = run_folder / self._name
        path.parent.mkdir()
        self._segment_ids = pa.array(segment_ids, pa.string())
        self._file = _DigestingFile(path)
        self._contact_type = _written_type(id_type)
        self._schema = pa.schema([("segment_id", _TEXTS), ("contact_id", self._contact_type)])
        self._writer = pq.ParquetWriter(
            self._file,
            self._schema,
            compression="zstd",
            compression_level=1,
            write_statistics=["segment_id"],  # those of contact_id cost more than all the rest and serve nobody
            dictionary_pagesize_limit=_WHOLE_DICTIONARY,
            store_schema=False,
        )
        self._pool = ThreadPoolExecutor(1, "write")
        self._pending: Future[None] | None = None
        self._rows = 0

    def __enter__(self) -> Self:
        """Begin to write."""
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: TracebackType | None) -> None:
        """Finish the file, or let go of it after an error."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def write(self, ids: pa.Array, counts: Sequence[int], rows: pl.Series) -> None:
        """Write the members of a batch; returns as soon as the batch before is written.

        Args:
            ids: The ids of the batch's contacts.
            counts: For each segment, how many contacts it holds.
            rows: The row numbers of those contacts in the batch, of all segments in turn.
        """
        self._wait()
        self._rows += len(rows)
        self._pending = self._pool.submit(self._write, ids, counts, rows)

    def finish(self) -> PublishedFile:
        """Complete the file and tell what it is."""
        self._wait()
        self._writer.close()
        self._file.close()
        return PublishedFile(path=self._name, rows=self._rows, size=self._file.size, sha256=self._file.sha256)

    def _wait(self) -> None:
        if self._pending is not None:
            self._pending.result()
            self._pending = None

    def _write(self, ids: pa.Array, counts: Sequence[int], rows: pl.Series) -> None:
        if not len(rows):
            return
        numbers = pl.DataFrame({"segment": range(len(counts)), "count": counts})
        numbers = numbers.select(pl.col("segment").cast(pl.Int32).repeat_by("count").explode())
        segments = pa.DictionaryArray.from_arrays(numbers.to_series().to_arrow(), self._segment_ids, safe=False)
        contacts = _pick(ids, rows.cast(pl.Int32).to_arrow(), self._contact_type)
        table = pa.table([segments, contacts], schema=self._schema)
        self._writer.write_table(table, row_group_size=_ROW_GROUP)


def _written_type(id_type: pa.DataType) -> pa.DataType:
    """Return the type in which ids go to the writer: texts by dictionary, all others as the snapshot has them."""
    kind = id_type.value_type if pa.types.is_dictionary(id_type) else id_type
    return _TEXTS if is_text(kind) else kind


def _pick(ids: pa.Array, rows: pa.Array, kind: pa.DataType) -> pa.Array:
    """Return the ids of rows, in the type in which they go to the writer."""
    if pa.types.is_dictionary(ids.type):
        ids = ids.dictionary_decode()
    if kind == _TEXTS:
        return pa.DictionaryArray.from_arrays(rows, ids.cast(pa.string()), safe=False)
    return ids.take(rows)
