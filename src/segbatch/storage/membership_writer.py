"""Writing the membership as Parquet: one row per member, with both ids in the files.

Each batch of contacts becomes one part file with one row group, ordered by segment. No contact id is copied per
membership: a text id is passed to the Parquet writer as an index into the ids of the batch, and is stored once per
file.
"""

import base64
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from segbatch.model.manifest import PublishedFile
from segbatch.storage.checksum_file import DigestingFile
from segbatch.storage.id_types import TEXTS, stored_type
from segbatch.storage.layout import MEMBERSHIP

_CONTACT = "contact id"
"""A column name that cannot be a segment id."""

_PLAIN = pa.schema([("segment_id", pa.string()), ("contact_id", pa.string())])
_PLAIN_TEXTS = {"ARROW:schema": base64.b64encode(_PLAIN.serialize().to_pybytes()).decode()}
"""Metadata for readers that use Arrow: the columns are strings, not Polars categories, which differ between files."""

_ONE_ROW_GROUP = 1 << 30
_MOST_NARROW = 1 << 16
_CONTACTLE_DICTIONARY = 1 << 30


class MembershipWriter:
    """A writer for the members of each batch of contacts, one file per batch."""

    def __init__(self, run_folder: Path, id_type: pa.DataType) -> None:
        """Create the membership folder.

        Args:
            run_folder: The folder of the run.
            id_type: The Arrow type of the contact ids.
        """
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
