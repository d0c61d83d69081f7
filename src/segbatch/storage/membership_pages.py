"""A Parquet file of memberships, written from the row numbers of the members.

A row group has the members of one batch of at most 65,536 contacts, ordered by segment. Its dictionary page of
`contact_id` has the ids of the contacts that are in any segment, so a member is a row number of 16 bits (see
`coded_pages`). `segment_id` is one run-length pair per segment. The codes are not compressed: zstd makes them 0.3 %
smaller. The ids are, if they shrink well (see `plain_pages`). A constant column has a dictionary of one text, and one
pair per page.

The page index leads to the pages of one segment. Readers that do not use it skip row groups by the statistics of
`segment_id`.
"""

from collections.abc import Mapping, Sequence
from io import RawIOBase
from typing import BinaryIO, NamedTuple

import pyarrow as pa

from segbatch.storage.coded_pages import CodedFile, Codes, Dictionary, RowNumbers, Runs

_PAGE_ROWS = 1 << 18
"""Minimum number of rows in a page, except for the last one. DuckDB spends about 15 microseconds on a page."""


class MemberPage(NamedTuple):
    """The rows of a page: the numbers of consecutive segments, each with its members."""

    members: Sequence[tuple[int, RowNumbers]]
    rows: int


class MembershipFile:
    """A Parquet file of memberships, written one row group at a time."""

    def __init__(self, file: BinaryIO | RawIOBase, id_type: pa.DataType, constants: Mapping[str, str]) -> None:
        """Begin the file.

        Args:
            file: A file to write to from its start.
            id_type: The Arrow type of the contact ids.
            constants: Further columns, by their name, with the text that every row has.
        """
        types = {"segment_id": pa.string(), "contact_id": id_type} | dict.fromkeys(constants, pa.string())
        self._file, self._constants = CodedFile(file, types), constants

    @property
    def rows(self) -> int:
        """The number of memberships written."""
        return self._file.rows

    def write(self, segment_ids: Sequence[str], ids: pa.Array, members: Sequence[RowNumbers]) -> None:
        """Write the members of a batch as a row group, if there are any.

        Args:
            segment_ids: The segments in ascending order.
            ids: The ids of the contacts, at most 65,536.
            members: For each segment the row numbers of its members in `ids`, ascending.

        Raises:
            ValueError: There are too many contacts for row numbers of 16 bits.
        """
        pages = divide_into_pages(members)
        if not pages:
            return
        runs = [[(number, len(found)) for number, found in page.members] for page in pages]
        constants = (constant_column(name, Dictionary.texts([text]), pages) for name, text in self._constants.items())
        columns: list[Runs | Codes] = [Runs("segment_id", Dictionary.texts(segment_ids), runs), id_column(ids, pages)]
        columns += constants
        self._file.write([page.rows for page in pages], columns)

    def finish(self) -> None:
        """Write the page index and the footer. The file is not closed."""
        self._file.finish()


def divide_into_pages(members: Sequence[RowNumbers]) -> list[MemberPage]:
    """Divide the segments of a row group that have members among pages."""
    pages: list[MemberPage] = []
    pending: list[tuple[int, RowNumbers]] = []
    rows = 0
    for number, found in enumerate(members):
        if len(found):
            pending.append((number, found))
            rows += len(found)
        if pending and (rows >= _PAGE_ROWS or number == len(members) - 1):
            pages.append(MemberPage(pending, rows))
            pending, rows = [], 0
    return pages


def id_column(ids: pa.Array, pages: Sequence[MemberPage]) -> Codes:
    """Return the column of the contacts."""
    return Codes("contact_id", ids, [[found for _, found in page.members] for page in pages])


def constant_column(name: str, value: Dictionary, pages: Sequence[MemberPage]) -> Runs:
    """Return a column with one value in all rows."""
    return Runs(name, value, [[(0, page.rows)] for page in pages])
