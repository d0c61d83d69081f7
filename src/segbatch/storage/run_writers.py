"""Writing the files of a run: membership and changes as Parquet, and the state.

Text dominates the cost of writing. Each contact id is passed to the Parquet writer as an index into the ids of the
batch, and is stored once per batch.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from segbatch.model.manifest import PublishedFile
from segbatch.storage.bit_rows import Differences
from segbatch.storage.bitmap import SegmentBitmap
from segbatch.storage.checksum_file import DigestingFile
from segbatch.storage.id_types import TEXTS, IdTypes, stored_type, take_ids, written_type
from segbatch.storage.layout import CHANGES, MEMBERSHIP
from segbatch.storage.membership_pages import MembershipFile
from segbatch.storage.state import StateWriter

_CHANGES = pl.Series(["exited", "entered"]).to_arrow()  # pa.array would import pandas, if it is installed


class Writers:
    """The writers for the files of a run."""

    def __init__(self, folder: Path, run_id: str, as_of: datetime, id_types: IdTypes) -> None:
        """Open the writers for membership and changes.

        Args:
            run_id: The run id that is written to the changes.
        """
        self._folder = folder
        self._id_type = id_types.kept
        self.membership = MembershipWriter(folder, id_types.own)
        self.changes = ChangesWriter(folder, run_id, as_of, id_types.kept)

    def state(self, bitmap: SegmentBitmap) -> StateWriter:
        """Open the writer for the state, once the assignment of bits is known."""
        return StateWriter(self._folder, bitmap, self._id_type)


class MembershipWriter:
    """A writer for the members of each batch of contacts: one file per batch, ordered by segment."""

    def __init__(self, run_folder: Path, id_type: pa.DataType) -> None:
        """Create the membership folder."""
        self._folder = run_folder
        self._id_type = stored_type(id_type)
        self._parts: list[PublishedFile] = []
        (run_folder / MEMBERSHIP).mkdir()

    def write(self, part: int, ids: pa.Array, members: pl.DataFrame, is_in_any: npt.NDArray[np.bool_]) -> None:
        """Write the members of a batch. Thread-safe.

        Args:
            part: The number of the batch, which is also that of its file.
            ids: The ids of all contacts of the batch, at most 65,536, in the stored type.
            members: One boolean column per segment, one row per contact. The columns are sorted by name.
            is_in_any: Whether each contact is in a segment. The ids of other contacts are not written.
        """
        if ids.null_count or not is_in_any.any():
            return  # for an id that is null, the id check refuses the run once all ids are read
        numbers = pl.Series((np.cumsum(is_in_any) - 1).astype(np.uint16))
        rows = [numbers.filter(column).to_numpy() for column in members.iter_columns()]
        with self._part(part) as file:
            file.write(members.columns, ids.filter(pl.Series(is_in_any).to_arrow()), rows)

    def finish(self) -> tuple[PublishedFile, ...]:
        """Return the records of the files. There is at least one file, which gives readers the id type."""
        if not self._parts:
            with self._part(0):
                pass
        return tuple(sorted(self._parts, key=lambda part: part.path))

    @contextmanager
    def _part(self, number: int) -> Iterator[MembershipFile]:
        """Create a file, and record it once it is complete."""
        name = f"{MEMBERSHIP}/part-{number:05}.parquet"
        with DigestingFile(self._folder / name) as file, file.translate_errors():
            members = MembershipFile(file, self._id_type)
            yield members
            members.finish()
        self._parts.append(PublishedFile(path=name, rows=members.rows, size=file.size, sha256=file.sha256))


class ChangesWriter:
    """A writer for the changes of a run: one row group per batch of contacts, ordered by segment."""

    def __init__(self, run_folder: Path, run_id: str, as_of: datetime, id_type: pa.DataType) -> None:
        """Open the file.

        Args:
            run_id: The id of the run, which is repeated in each row.
        """
        self._run_id = pa.array([run_id])
        self._as_of = pa.scalar(as_of.astimezone(UTC).replace(tzinfo=None), pa.timestamp("us"))
        self._schema = pa.schema(
            [
                ("run_id", TEXTS),
                ("as_of", pa.timestamp("us")),
                ("segment_id", TEXTS),
                ("contact_id", written_type(id_type)),
                ("change", TEXTS),
            ]
        )
        self._file = DigestingFile(run_folder / CHANGES)
        with self._file.translate_errors():
            self._writer = pq.ParquetWriter(self._file, self._schema, compression="zstd", store_schema=False)
        self._rows = 0

    def write(self, ids: pa.Array, segment_ids: Sequence[str | None], found: Differences) -> None:
        """Write the changes of one batch of contacts.

        Args:
            ids: The ids of all contacts of the batch, in the stored type.
            segment_ids: The segment of each bit.
            found: The changed bits of the batch.
        """
        number = len(found.bits)
        if not number:
            return
        contacts, rows = np.unique(found.contacts, return_inverse=True)
        columns = [
            _dictionary(np.zeros(number), self._run_id),
            pa.repeat(self._as_of, number),
            _dictionary(found.bits, pa.array(segment_ids, pa.string())),
            take_ids(ids.take(_to_arrow(contacts)), _to_arrow(rows)),
            _dictionary(found.entered, _CHANGES),
        ]
        with self._file.translate_errors():
            self._writer.write_table(pa.table(columns, schema=self._schema))
        self._rows += number

    def finish(self) -> PublishedFile:
        """Close the file and return its record for the manifest."""
        with self._file.translate_errors():
            self._writer.close()
            self._file.close()
        return PublishedFile(path=CHANGES, rows=self._rows, size=self._file.size, sha256=self._file.sha256)


def _dictionary(numbers: npt.NDArray[np.generic], words: pa.Array) -> pa.Array:
    return pa.DictionaryArray.from_arrays(_to_arrow(numbers), words, safe=False)


def _to_arrow(numbers: npt.NDArray[np.generic]) -> pa.Array:
    """Convert numbers to 32 bits. `pa.array` would import pandas, if it is installed."""
    return pl.Series(numbers.astype(np.int32)).to_arrow()
