"""The membership as open Parquet: a row a contact in a segment, with both ids really in the file."""

from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from segbatch.publishing.digesting import DigestingFile
from segbatch.publishing.places import MEMBERSHIP
from segbatch.publishing.records import PublishedFile
from segbatch.publishing.stored_ids import TEXTS, picked, written_type

__all__ = ["MembershipWriter"]

_WHOLE_DICTIONARY = 1 << 30
_ROW_GROUP = 20_000_000


class MembershipWriter:
    """Writes the members of one batch of contacts after another.

    No contact id is copied per membership: what goes to the Parquet writer is a dictionary of the batch's ids and
    row numbers into it. The rows of a batch make a row group, ordered by segment.
    """

    def __init__(self, run_folder: Path, id_type: pa.DataType) -> None:
        """Begin the file.

        Args:
            run_folder: The folder of the run.
            id_type: The Arrow type of the contacts' ids.
        """
        self._name = f"{MEMBERSHIP}/part-00000.parquet"
        path = run_folder / self._name
        path.parent.mkdir()
        self._file = DigestingFile(path)
        self._schema = pa.schema([("segment_id", TEXTS), ("contact_id", written_type(id_type))])
        self._writer = pq.ParquetWriter(
            self._file,
            self._schema,
            compression="zstd",
            compression_level=1,
            write_statistics=["segment_id"],  # those of contact_id cost more than all the rest and serve nobody
            dictionary_pagesize_limit=_WHOLE_DICTIONARY,
            store_schema=False,
        )
        self._rows = 0

    def write(self, ids: pa.Array, members: pl.DataFrame) -> None:
        """Write the members of a batch.

        Args:
            ids: The ids of the batch's contacts, as they are kept.
            members: A column of booleans a segment, a row a contact.
        """
        found = members.select(pl.all().arg_true().implode())
        numbers = [column.item() for column in found.iter_columns()]
        counts = [len(rows) for rows in numbers]
        if not any(counts):
            return
        self._rows += sum(counts)
        segments = pa.DictionaryArray.from_arrays(_repeated(counts), pa.array(members.columns, pa.string()), safe=False)
        contacts = picked(ids, pl.concat(numbers).cast(pl.Int32).to_arrow())
        table = pa.table([segments, contacts], schema=self._schema)
        self._writer.write_table(table, row_group_size=_ROW_GROUP)

    def finish(self) -> PublishedFile:
        """Complete the file and tell what it is."""
        self._writer.close()
        self._file.close()
        return PublishedFile(path=self._name, rows=self._rows, size=self._file.size, sha256=self._file.sha256)


def _repeated(counts: list[int]) -> pa.Array:
    """Return each segment's number as often as it has members."""
    numbers = pl.DataFrame({"segment": range(len(counts)), "count": counts})
    return numbers.select(pl.col("segment").cast(pl.Int32).repeat_by("count").explode()).to_series().to_arrow()
