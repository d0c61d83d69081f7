"""Writing the contacts that entered and left segments in a run, as Parquet."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from segbatch.model.manifest import PublishedFile
from segbatch.storage.checksum_file import DigestingFile
from segbatch.storage.id_types import TEXTS, take_ids, written_type
from segbatch.storage.layout import CHANGES

_CHANGES = pl.Series(["exited", "entered"]).to_arrow()  # pa.array would import pandas, if it is installed


class ChangesWriter:
    """A writer for the changes of a run: one row group per batch of contacts, ordered by segment."""

    def __init__(self, run_folder: Path, run_id: str, as_of: datetime, id_type: pa.DataType) -> None:
        """Open the file.

        Args:
            run_folder: The folder of the run.
            run_id: The id of the run, which is repeated in each row.
            as_of: The evaluation time of the run.
            id_type: The Arrow type of the contact ids.
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

    def write(self, ids: pa.Array, segment_ids: Sequence[str | None], found: pl.DataFrame) -> None:
        """Write the changes of one batch of contacts.

        Args:
            ids: The ids of all contacts of the batch, in the stored type.
            segment_ids: The segment of each bit.
            found: The changed bits of the batch, from `diff_bits`.
        """
        if not len(found):
            return
        number = len(found)
        contacts = found.get_column("contact").unique().sort()
        rows = contacts.search_sorted(found.get_column("contact"))
        columns = [
            _dictionary(pl.repeat(0, number, dtype=pl.Int32, eager=True), self._run_id),
            pa.repeat(self._as_of, number),
            _dictionary(found.get_column("bit"), pa.array(segment_ids, pa.string())),
            take_ids(ids.take(contacts.to_arrow()), rows.cast(pl.Int32).to_arrow()),
            _dictionary(found.get_column("entered"), _CHANGES),
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


def _dictionary(numbers: pl.Series, words: pa.Array) -> pa.Array:
    return pa.DictionaryArray.from_arrays(numbers.cast(pl.Int32).to_arrow(), words, safe=False)
