"""A Parquet file of memberships, written from the row numbers of the members.

A row group has the members of one batch of at most 65,536 contacts, ordered by segment. Its dictionary page of
`contact_id` has the ids of the contacts that are in any segment, so a member is a row number of 16 bits. "Bit-packed"
codes of 16 bits are the little-endian bytes of a NumPy array
(https://parquet.apache.org/docs/file-format/data-pages/encodings/). So a data page is a copy of such arrays, one after
the other for the segments in the page. `segment_id` is one run-length pair per segment. The codes are not compressed:
zstd makes them 0.3 % smaller. The ids are, if they shrink well (see `plain_pages`). A constant column has a dictionary
of one text, and one pair per page.

The page index leads to the pages of one segment. Readers that do not use it skip row groups by the statistics of
`segment_id`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from io import RawIOBase
from struct import Struct as Layout
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from segbatch.platform.thrift import (
    Struct,
    array,
    binary,
    boolean,
    encode_struct,
    encode_varint,
    i32,
    i64,
    struct,
)
from segbatch.platform.version import __version__
from segbatch.storage.plain_pages import encode_values, schema_element

MOST_CONTACTS = 1 << 16
"""Maximum number of contacts in a row group, so that a row number has 16 bits."""

RowNumbers = npt.NDArray[np.uint16]

_MAGIC = b"PAR1"
_LENGTH = Layout("<I")
_BYTE_ARRAY = 6
_PLAIN, _RLE_DICTIONARY = 0, 8
_DICTIONARY_PAGE, _DATA_PAGE_V2 = 2, 3
_UNCOMPRESSED, _ZSTD = 0, 6
_ASCENDING = 1
_WIDTH = b"\x10"
"""The width of a row number in bits, as the first byte of a page."""
_PAGE_ROWS = 1 << 18
"""Minimum number of rows in a page, except for the last one. DuckDB spends about 15 microseconds on a page."""
_GROUP = 8
"""Bit-packed codes are written in groups of eight."""


@dataclass(frozen=True, slots=True)
class _Part:
    """The rows of a page in all columns: consecutive segments, by their number, with their members."""

    members: Sequence[tuple[int, RowNumbers]]
    first_row: int
    rows: int

    @property
    def end(self) -> int:
        return self.first_row + self.rows


@dataclass(frozen=True, slots=True)
class _Page:
    """A data page: the position of its header in the file, its length with header, and the first row in it."""

    at: int
    length: int
    first_row: int


@dataclass(slots=True)
class _Chunk:
    """A column of a row group.

    Attributes:
        dictionary_at: The position of the dictionary page.
        plain_length: The length of the pages before compression, with headers.
        bounds: The first and the last text of each page; empty for `contact_id`.
        index: The positions and lengths of the column index and the offset index; filled in at the end of the file.
    """

    name: bytes
    physical_type: int
    codec: int
    dictionary_at: int
    plain_length: int = 0
    pages: list[_Page] = field(default_factory=list)
    bounds: list[tuple[bytes, bytes]] = field(default_factory=list)
    index: Struct = field(default_factory=dict)

    @property
    def length(self) -> int:
        last = self.pages[-1]
        return last.at + last.length - self.dictionary_at


@dataclass(frozen=True, slots=True)
class _RowGroup:
    chunks: Sequence[_Chunk]
    rows: int


class MembershipFile:
    """A Parquet file of memberships, written one row group at a time.

    Attributes:
        rows: The number of memberships written.
    """

    def __init__(self, file: BinaryIO | RawIOBase, id_type: pa.DataType, constants: Mapping[str, str]) -> None:
        """Begin the file.

        Args:
            file: A file to write to from its start.
            id_type: The Arrow type of the contact ids.
            constants: Further columns, by their name, with the text that every row has.
        """
        self._file, self._id_type, self._constants, self._at = file, id_type, constants, 0
        self._groups: list[_RowGroup] = []
        self.rows = 0
        self._write(_MAGIC)

    def write(self, segment_ids: Sequence[str], ids: pa.Array, members: Sequence[RowNumbers]) -> None:
        """Write the members of a batch as a row group, if there are any.

        Args:
            segment_ids: The segments in ascending order.
            ids: The ids of the contacts, at most 65,536.
            members: For each segment the row numbers of its members in `ids`, ascending.

        Raises:
            ValueError: There are too many contacts for row numbers of 16 bits.
        """
        if len(ids) > MOST_CONTACTS:
            raise ValueError(f"{len(ids):,} contacts in a batch, at most {MOST_CONTACTS:,} can be written")
        pages = _split(members)
        if not pages:
            return
        rows = pages[-1].end
        runs = [[(number, len(found)) for number, found in page.members] for page in pages]
        chunks = [self._write_texts("segment_id", segment_ids, pages, runs), self._write_contacts(ids, pages)]
        constant = [[(0, page.rows)] for page in pages]
        chunks += (self._write_texts(name, [text], pages, constant) for name, text in self._constants.items())
        self._groups.append(_RowGroup(chunks, rows))
        self.rows += rows

    def finish(self) -> None:
        """Write the page index and the footer. The file is not closed."""
        for group in self._groups:
            for chunk in group.chunks:
                self._write_index(chunk)
        footer = self._footer()
        self._write(footer, _LENGTH.pack(len(footer)), _MAGIC)

    def _write(self, *parts: bytes | memoryview) -> None:
        for part in parts:
            self._file.write(part)
            self._at += len(part)

    def _write_texts(
        self, name: str, words: Sequence[str], pages: Sequence[_Part], runs: Iterable[Sequence[tuple[int, int]]]
    ) -> _Chunk:
        """Write a column of text.

        Args:
            words: The dictionary, in ascending order.
            runs: For each page the runs of equal values: the number of the word, and the number of rows.
        """
        texts = [word.encode() for word in words]
        chunk = _Chunk(name.encode(), _BYTE_ARRAY, _UNCOMPRESSED, self._at)
        plain = b"".join(_LENGTH.pack(len(text)) + text for text in texts)
        self._write_dictionary(chunk, plain, len(plain), len(texts))
        width = max(1, (len(texts) - 1).bit_length())
        code_length = -(-width // 8)
        for page, equal in zip(pages, runs, strict=True):
            pairs = [encode_varint(rows << 1) + code.to_bytes(code_length, "little") for code, rows in equal]
            self._write_page(chunk, page, (texts[equal[0][0]], texts[equal[-1][0]]), bytes([width]), *pairs)
        return chunk

    def _write_contacts(self, ids: pa.Array, pages: Sequence[_Part]) -> _Chunk:
        """Write the column `contact_id`: a dictionary of ids, and pages of row numbers."""
        encoded = encode_values(ids)
        codec = _ZSTD if encoded.is_compressed else _UNCOMPRESSED
        chunk = _Chunk(b"contact_id", encoded.physical_type, codec, self._at)
        self._write_dictionary(chunk, encoded.content, encoded.plain_length, len(ids))
        for page in pages:
            groups = -(-page.rows // _GROUP)
            codes = [np.ascontiguousarray(rows, dtype="<u2").data.cast("B") for _, rows in page.members]
            padding = bytes(2 * (groups * _GROUP - page.rows))
            self._write_page(chunk, page, None, _WIDTH, encode_varint(groups << 1 | 1), *codes, padding)
        return chunk

    def _write_dictionary(self, chunk: _Chunk, content: bytes | memoryview, plain_length: int, values: int) -> None:
        details = struct({1: i32(values), 2: i32(_PLAIN)})
        header = _page_header(_DICTIONARY_PAGE, plain_length, len(content), {7: details})
        self._write(header, content)
        chunk.plain_length += len(header) + plain_length

    def _write_page(
        self, chunk: _Chunk, page: _Part, bounds: tuple[bytes, bytes] | None, *content: bytes | memoryview
    ) -> None:
        """Write a data page. The column is required, so the page has no levels."""
        length, count = sum(map(len, content)), page.rows
        encoding = {4: i32(_RLE_DICTIONARY), 5: i32(0), 6: i32(0), 7: boolean(value=False)}
        details = struct({1: i32(count), 2: i32(0), 3: i32(count), **encoding})
        header = _page_header(_DATA_PAGE_V2, length, length, {8: details})
        chunk.pages.append(_Page(self._at, len(header) + length, page.first_row))
        if bounds:
            chunk.bounds.append(bounds)
        chunk.plain_length += len(header) + length
        self._write(header, *content)

    def _write_index(self, chunk: _Chunk) -> None:
        """Write where the pages of a column are, and for texts which ones each has."""
        if chunk.bounds:
            first, last = (array([*texts]) for texts in zip(*chunk.bounds, strict=True))
            nulls = array([False for _ in chunk.pages])
            self._write_index_part(chunk, 6, {1: nulls, 2: first, 3: last, 4: i32(_ASCENDING)})
        pages = [{1: i64(page.at), 2: i32(page.length), 3: i64(page.first_row)} for page in chunk.pages]
        self._write_index_part(chunk, 4, {1: array([*pages])})

    def _write_index_part(self, chunk: _Chunk, number: int, fields: Struct) -> None:
        encoded = encode_struct(fields)
        chunk.index |= {number: i64(self._at), number + 1: i32(len(encoded))}
        self._write(encoded)

    def _footer(self) -> bytes:
        types = {"segment_id": pa.string(), "contact_id": self._id_type} | dict.fromkeys(self._constants, pa.string())
        columns = [schema_element(kind, name) for name, kind in types.items()]
        root: Struct = {4: binary(b"schema"), 5: i32(len(columns))}
        as_the_types_define: Struct = {1: struct({})}
        return encode_struct(
            {
                1: i32(2),
                2: array([root, *columns]),
                3: i64(self.rows),
                4: array([_row_group(group) for group in self._groups]),
                6: binary(f"segbatch version {__version__}".encode()),
                7: array([as_the_types_define for _ in columns]),
            }
        )


def _split(members: Sequence[RowNumbers]) -> list[_Part]:
    """Divide the segments of a row group that have members among pages."""
    parts: list[_Part] = []
    pending: list[tuple[int, RowNumbers]] = []
    first, end = 0, 0
    for number, rows in enumerate(members):
        if len(rows):
            pending.append((number, rows))
            end += len(rows)
        if pending and (end - first >= _PAGE_ROWS or number == len(members) - 1):
            parts.append(_Part(pending, first, end - first))
            pending, first = [], end
    return parts


def _page_header(kind: int, plain_length: int, length: int, details: Struct) -> bytes:
    return encode_struct({1: i32(kind), 2: i32(plain_length), 3: i32(length), **details})


def _row_group(group: _RowGroup) -> Struct:
    return {
        1: array([_column(chunk, group.rows) for chunk in group.chunks]),
        2: i64(sum(chunk.plain_length for chunk in group.chunks)),
        3: i64(group.rows),
        5: i64(group.chunks[0].dictionary_at),
        6: i64(sum(chunk.length for chunk in group.chunks)),
    }


def _column(chunk: _Chunk, rows: int) -> Struct:
    metadata: Struct = {
        1: i32(chunk.physical_type),
        2: array([_PLAIN, _RLE_DICTIONARY]),
        3: array([chunk.name]),
        4: i32(chunk.codec),
        5: i64(rows),
        6: i64(chunk.plain_length),
        7: i64(chunk.length),
        9: i64(chunk.pages[0].at),
        11: i64(chunk.dictionary_at),
    }
    if chunk.bounds:
        metadata[12] = struct({3: i64(0), 5: binary(chunk.bounds[-1][1]), 6: binary(chunk.bounds[0][0])})
    return {2: i64(0), 3: struct(metadata), **chunk.index}
