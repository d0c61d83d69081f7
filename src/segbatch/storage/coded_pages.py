"""Parquet files whose columns are dictionaries and codes, written without an encoder.

A code is the number of a value in the dictionary page of its row group. A column has equal values in a row, written by
run length, or 16-bit codes. "Bit-packed" codes of 16 bits are the little-endian bytes of a NumPy array
(https://parquet.apache.org/docs/file-format/data-pages/encodings/), so a data page is a copy of such arrays.

Columns of runs have statistics and a page index, so readers find the pages of a value.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from io import RawIOBase
from struct import Struct as Layout
from typing import BinaryIO, NamedTuple, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from segbatch.platform.thrift import Struct, array, binary, boolean, encode_struct, encode_varint, i32, i64, struct
from segbatch.platform.version import __version__
from segbatch.storage.plain_pages import encode_values, schema_element

MOST_CONTACTS = 1 << 16
"""Maximum number of contacts in a row group, so that a row number has 16 bits."""

RowNumbers = npt.NDArray[np.uint16]

_MAGIC = b"PAR1"
_LENGTH, _MICROSECONDS = Layout("<I"), Layout("<q")
_INT64, _BYTE_ARRAY = 2, 6
_PLAIN, _RLE_DICTIONARY = 0, 8
_DICTIONARY_PAGE, _DATA_PAGE_V2 = 2, 3
_UNCOMPRESSED, _ZSTD = 0, 6
_UNORDERED, _ASCENDING = 0, 1
_WIDTH = b"\x10"
"""The width of a row number in bits, as the first byte of a page."""
_GROUP = 8
"""Bit-packed codes are written in groups of eight."""


class Dictionary(NamedTuple):
    """The values of a column of runs, ascending.

    Attributes:
        physical_type: The number of their type in Parquet.
        values: The values in plain encoding, for texts without their length.
    """

    physical_type: int
    values: Sequence[bytes]

    @classmethod
    def texts(cls, words: Iterable[str]) -> Self:
        """Return a dictionary of texts, given in ascending order."""
        return cls(_BYTE_ARRAY, [word.encode() for word in words])

    @classmethod
    def moment(cls, microseconds: int) -> Self:
        """Return a dictionary of one timestamp in microseconds since 1970."""
        return cls(_INT64, [_MICROSECONDS.pack(microseconds)])

    def page(self) -> bytes:
        """Return the content of the dictionary page."""
        if self.physical_type == _BYTE_ARRAY:
            return b"".join(_LENGTH.pack(len(value)) + value for value in self.values)
        return b"".join(self.values)


class Runs(NamedTuple):
    """A column with equal values in a row: for each page the code of each run, and the number of rows in it."""

    name: str
    dictionary: Dictionary
    pages: Sequence[Sequence[tuple[int, int]]]


class Codes(NamedTuple):
    """A column of ids: for each page the row numbers of its ids in `ids`, which are at most 65,536."""

    name: str
    ids: pa.Array
    pages: Sequence[Sequence[RowNumbers]]


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
        rows: The number of rows written so far.
        plain_length: The length of the pages before compression, with headers.
        bounds: The smallest and the largest value of each page; empty for a column of ids.
        index: The positions and lengths of the column index and the offset index; filled in at the end of the file.
    """

    name: bytes
    physical_type: int
    codec: int
    dictionary_at: int
    rows: int = 0
    plain_length: int = 0
    pages: list[_Page] = field(default_factory=list)
    bounds: list[tuple[bytes, bytes]] = field(default_factory=list)
    index: Struct = field(default_factory=dict)

    @property
    def length(self) -> int:
        last = self.pages[-1]
        return last.at + last.length - self.dictionary_at

    @property
    def extremes(self) -> tuple[bytes, bytes]:
        """The smallest and the largest value. Texts compare as bytes; a timestamp is alone."""
        return min(low for low, _ in self.bounds), max(high for _, high in self.bounds)

    @property
    def order(self) -> int:
        """The order of the pages by their bounds, in the numbers of Parquet."""
        is_ascending = all(sorted(values) == [*values] for values in zip(*self.bounds, strict=True))
        return _ASCENDING if is_ascending else _UNORDERED


@dataclass(frozen=True, slots=True)
class _RowGroup:
    chunks: Sequence[_Chunk]
    rows: int


class CodedFile:
    """A Parquet file of columns of runs and of ids, written one row group at a time.

    Attributes:
        rows: The number of rows written.
    """

    def __init__(self, file: BinaryIO | RawIOBase, types: Mapping[str, pa.DataType]) -> None:
        """Begin the file.

        Args:
            file: A file to write to from its start.
            types: The Arrow type of each column. All are required.
        """
        self._file, self._types, self._at = file, types, 0
        self._groups: list[_RowGroup] = []
        self.rows = 0
        self._write(_MAGIC)

    def write(self, page_rows: Sequence[int], columns: Sequence[Runs | Codes]) -> None:
        """Write a row group.

        Args:
            page_rows: The number of rows of each page, the same in all columns. At least one page.
            columns: All columns in their order.

        Raises:
            ValueError: There are too many contacts for row numbers of 16 bits.
        """
        for column in columns:
            if isinstance(column, Codes) and len(column.ids) > MOST_CONTACTS:
                number = f"{len(column.ids):,} contacts in a batch"
                raise ValueError(f"{number}, at most {MOST_CONTACTS:,} can be written")
        chunks = [self._write_column(column, page_rows) for column in columns]
        self._groups.append(_RowGroup(chunks, sum(page_rows)))
        self.rows += sum(page_rows)

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

    def _write_column(self, column: Runs | Codes, page_rows: Sequence[int]) -> _Chunk:
        return self._write_runs(column, page_rows) if isinstance(column, Runs) else self._write_ids(column, page_rows)

    def _write_runs(self, column: Runs, page_rows: Sequence[int]) -> _Chunk:
        kind, values = column.dictionary
        chunk, plain = _Chunk(column.name.encode(), kind, _UNCOMPRESSED, self._at), column.dictionary.page()
        self._write_dictionary(chunk, plain, len(plain), len(values))
        width = max(1, (len(values) - 1).bit_length())
        code_length = -(-width // 8)
        for rows, runs in zip(page_rows, column.pages, strict=True):
            codes = [code for code, _ in runs]
            chunk.bounds.append((values[min(codes)], values[max(codes)]))
            pairs = [encode_varint(length << 1) + code.to_bytes(code_length, "little") for code, length in runs]
            self._write_page(chunk, rows, bytes([width]), *pairs)
        return chunk

    def _write_ids(self, column: Codes, page_rows: Sequence[int]) -> _Chunk:
        encoded = encode_values(column.ids)
        codec = _ZSTD if encoded.is_compressed else _UNCOMPRESSED
        chunk = _Chunk(column.name.encode(), encoded.physical_type, codec, self._at)
        self._write_dictionary(chunk, encoded.content, encoded.plain_length, len(column.ids))
        for rows, numbers in zip(page_rows, column.pages, strict=True):
            groups = -(-rows // _GROUP)
            codes = [np.ascontiguousarray(part, dtype="<u2").data.cast("B") for part in numbers]
            padding = bytes(2 * (groups * _GROUP - rows))
            self._write_page(chunk, rows, _WIDTH, encode_varint(groups << 1 | 1), *codes, padding)
        return chunk

    def _write_dictionary(self, chunk: _Chunk, content: bytes | memoryview, plain_length: int, values: int) -> None:
        details = struct({1: i32(values), 2: i32(_PLAIN)})
        header = _page_header(_DICTIONARY_PAGE, plain_length, len(content), {7: details})
        self._write(header, content)
        chunk.plain_length += len(header) + plain_length

    def _write_page(self, chunk: _Chunk, rows: int, *content: bytes | memoryview) -> None:
        """Write a data page. The column is required, so the page has no levels."""
        length = sum(map(len, content))
        encoding = {4: i32(_RLE_DICTIONARY), 5: i32(0), 6: i32(0), 7: boolean(value=False)}
        details = struct({1: i32(rows), 2: i32(0), 3: i32(rows), **encoding})
        header = _page_header(_DATA_PAGE_V2, length, length, {8: details})
        chunk.pages.append(_Page(self._at, len(header) + length, chunk.rows))
        chunk.rows += rows
        chunk.plain_length += len(header) + length
        self._write(header, *content)

    def _write_index(self, chunk: _Chunk) -> None:
        """Write where the pages of a column are, and for runs which values each has."""
        if chunk.bounds:
            lows, highs = ([*values] for values in zip(*chunk.bounds, strict=True))
            nulls, order = array([False for _ in chunk.pages]), i32(chunk.order)
            self._write_index_part(chunk, 6, {1: nulls, 2: array(lows), 3: array(highs), 4: order})
        pages = [{1: i64(page.at), 2: i32(page.length), 3: i64(page.first_row)} for page in chunk.pages]
        self._write_index_part(chunk, 4, {1: array([*pages])})

    def _write_index_part(self, chunk: _Chunk, number: int, fields: Struct) -> None:
        encoded = encode_struct(fields)
        chunk.index |= {number: i64(self._at), number + 1: i32(len(encoded))}
        self._write(encoded)

    def _footer(self) -> bytes:
        columns = [schema_element(kind, name) for name, kind in self._types.items()]
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
        lowest, highest = chunk.extremes
        metadata[12] = struct({3: i64(0), 5: binary(highest), 6: binary(lowest)})
    return {2: i64(0), 3: struct(metadata), **chunk.index}
