"""A Parquet file of changes, written from bitmaps of the contacts that entered and exited.

A row group has the changes of at most 65,536 contacts, ordered by segment and change. Its pages are those of a
membership file (see `coded_pages`): each change is the row number of its contact.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from io import RawIOBase
from typing import BinaryIO

import numpy as np
import pyarrow as pa

from segbatch.platform.arrow import as_series
from segbatch.platform.bitmaps import Bitmaps, to_array, to_columns
from segbatch.storage.changed_contacts import Changes
from segbatch.storage.coded_pages import CodedFile, Codes, Dictionary, RowNumbers, Runs
from segbatch.storage.membership_pages import constant_column, divide_into_pages, id_column

_CHANGES = ("entered", "exited")
_1970 = datetime(1970, 1, 1, tzinfo=UTC)


class ChangesFile:
    """A Parquet file of changes, written one row group at a time."""

    def __init__(
        self,
        file: BinaryIO | RawIOBase,
        id_type: pa.DataType,
        run_id: str,
        as_of: datetime,
        constants: Mapping[str, str],
    ) -> None:
        """Begin the file.

        Args:
            file: A file to write to from its start.
            id_type: The Arrow type of the contact ids.
            run_id: The id of the run, which every row has.
            as_of: The time of the run, which every row has.
            constants: Further columns, by their name, with the text that every row has.
        """
        types = {"run_id": pa.string(), "as_of": pa.timestamp("us"), "segment_id": pa.string(), "contact_id": id_type}
        self._file = CodedFile(file, types | dict.fromkeys(("change", *constants), pa.string()))
        moment = Dictionary.moment((as_of - _1970) // timedelta(microseconds=1))
        self._first = {"run_id": Dictionary.texts([run_id]), "as_of": moment}
        self._last = {name: Dictionary.texts([text]) for name, text in constants.items()}

    @property
    def rows(self) -> int:
        """The number of changes written."""
        return self._file.rows

    def write(self, segment_ids: Sequence[str], found: Changes) -> None:
        """Write the changes of some contacts as a row group, if there are any.

        Args:
            segment_ids: The segment of each bit.
            found: The contacts, at most 65,536.
        """
        is_changed = (found.entered | found.exited).any(axis=1)
        bits = sorted(np.flatnonzero(is_changed).tolist(), key=segment_ids.__getitem__)
        if not bits:
            return
        contacts = len(found.ids)
        both = np.stack([found.entered[bits], found.exited[bits]], axis=1).reshape(len(bits) * 2, -1)
        pages = divide_into_pages(_row_numbers(both, contacts))
        names = Dictionary.texts(segment_ids[bit] for bit in bits)
        by_segment = [[(number // 2, len(rows)) for number, rows in page.members] for page in pages]
        by_change = [[(number % 2, len(rows)) for number, rows in page.members] for page in pages]
        columns: list[Runs | Codes] = [
            *(constant_column(name, value, pages) for name, value in self._first.items()),
            Runs("segment_id", names, by_segment),
            id_column(found.ids, pages),
            Runs("change", Dictionary.texts(_CHANGES), by_change),
            *(constant_column(name, value, pages) for name, value in self._last.items()),
        ]
        self._file.write([page.rows for page in pages], columns)

    def finish(self) -> None:
        """Write the page index and the footer. The file is not closed."""
        self._file.finish()


def _row_numbers(bitmaps: Bitmaps, contacts: int) -> list[RowNumbers]:
    numbers = as_series("rows", to_array(np.arange(contacts, dtype=np.uint16)))
    return [numbers.filter(column).to_numpy() for column in to_columns(bitmaps, contacts)]
