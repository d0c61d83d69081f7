"""Writing the files of a run: membership and changes as Parquet, and the state.

Text dominates the cost of writing. Each contact id is passed to the Parquet writer as an index into the ids of the
batch, and is stored once per file.
"""

import base64
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, cast

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from segbatch.model.manifest import PublishedFile
from segbatch.storage.bitmap import SegmentBitmap
from segbatch.storage.checksum_file import DigestingFile
from segbatch.storage.id_types import TEXTS, IdTypes, stored_type, take_ids, written_type
from segbatch.storage.layout import CHANGES, MEMBERSHIP
from segbatch.storage.state import StateWriter

_CONTACT = "contact id"
"""A column name that cannot be a segment id."""

_PLAIN = pa.schema([("segment_id", pa.string()), ("contact_id", pa.string())])
_PLAIN_TEXTS = {"ARROW:schema": base64.b64encode(_PLAIN.serialize().to_pybytes()).decode()}
"""Metadata for readers that use Arrow: the columns are strings, not Polars categories, which differ between files."""

_ONE_ROW_GROUP = 1 << 30
_MOST_NARROW = 1 << 16
_CONTACTLE_DICTIONARY = 1 << 30
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

    def write(self, part: int, ids: pa.Array, members: pl.DataFrame) -> None:
        """Write the members of a batch. Thread-safe.

        Args:
            part: The number of the batch, which is also that of its file.
            ids: The ids of all contacts of the batch, in the stored type.
            members: One boolean column per segment, one row per contact.
        """
        numbers = pl.int_range(len(ids), dtype=pl.UInt32, eager=True)
        is_text = self._id_type == pa.string()
        if is_text:
            texts = pl.Series(ids)
            if texts.null_count() or texts.n_unique() < len(texts):
                return  # the id check refuses the run once all ids are read
            numbers = numbers.cat.to(pl.Enum(texts))
        chosen = members.with_columns(numbers.alias(_CONTACT)).select(
            pl.col(_CONTACT).filter(pl.col(name)).implode().alias(name) for name in members.columns
        )
        rows = [column.item() for column in chosen.iter_columns()]
        counts = [len(found) for found in rows]
        if any(counts):
            codes, contacts = _codes(counts), pl.concat(rows, rechunk=True)
            if is_text:
                segments = codes.cat.to(pl.Enum(members.columns))
                self._write_texts(part, pl.DataFrame({"segment_id": segments, "contact_id": contacts}))
            else:
                named = pa.DictionaryArray.from_arrays(codes.cast(pl.Int32).to_arrow(), pa.array(members.columns))
                self._write_others(part, pa.table([named, ids.take(contacts.to_arrow())], schema=self._schema))

    def finish(self) -> tuple[PublishedFile, ...]:
        """Return the records of the files. There is at least one file, which gives readers the id type."""
        if not self._parts:
            self._write_others(0, self._schema.empty_table())
        return tuple(sorted(self._parts, key=lambda part: part.path))

    @property
    def _schema(self) -> pa.Schema:
        return pa.schema([("segment_id", TEXTS), ("contact_id", self._id_type)])

    def _write_texts(self, part: int, frame: pl.DataFrame) -> None:
        """Write with Polars, which writes indexes as strings several times faster than PyArrow."""
        with self._part(part, len(frame)) as file:
            frame.write_parquet(
                cast("IO[bytes]", file),
                compression="zstd",
                compression_level=1,
                statistics=False,  # statistics of contact_id cost as much as all the rest, and no reader needs them
                row_group_size=_ONE_ROW_GROUP,
                metadata=_PLAIN_TEXTS,
            )

    def _write_others(self, part: int, table: pa.Table) -> None:
        """Write with PyArrow, which supports UUIDs and the other id types."""
        with self._part(part, len(table)) as file:
            pq.write_table(
                table,
                file,
                row_group_size=_ONE_ROW_GROUP,
                compression="zstd",
                compression_level=1,
                write_statistics=False,
                dictionary_pagesize_limit=_CONTACTLE_DICTIONARY,
                store_schema=False,
            )

    @contextmanager
    def _part(self, number: int, rows: int) -> Iterator[DigestingFile]:
        """Create a file, and record it once it is complete."""
        name = f"{MEMBERSHIP}/part-{number:05}.parquet"
        with DigestingFile(self._folder / name) as file, file.translate_errors():
            yield file
        self._parts.append(PublishedFile(path=name, rows=rows, size=file.size, sha256=file.sha256))


def _codes(counts: Sequence[int]) -> pl.Series:
    """Return the index of each segment, repeated once per member."""
    nonempty = [number for number, count in enumerate(counts) if count]
    ends = pl.Series([counts[number] for number in nonempty]).cum_sum()
    index_type = pa.uint16() if len(counts) <= _MOST_NARROW else pa.uint32()
    runs = pa.RunEndEncodedArray.from_arrays(ends.cast(pl.Int32).to_arrow(), pa.array(nonempty, index_type))
    return pl.Series(pc.run_end_decode(runs))


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
