"""Writing the files of a run: membership and changes as Parquet, and the state."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from segbatch.model.manifest import PublishedFile
from segbatch.platform.arrow import as_series
from segbatch.platform.bitmaps import Bitmaps, to_array, to_columns
from segbatch.platform.checksum_file import DigestingFile
from segbatch.platform.files import sync_file
from segbatch.storage.changed_contacts import Changes
from segbatch.storage.changes_pages import ChangesFile
from segbatch.storage.id_types import IdTypes, select_ids, stored_type
from segbatch.storage.layout import CHANGES, MEMBERSHIP
from segbatch.storage.membership_pages import MembershipFile
from segbatch.storage.segment_bits import SegmentBits
from segbatch.storage.state import StateWriter

PUBLICATION = "publication"
"""Column with the name of the run's folder, which is unique, in the files of tables."""

_LARGE = 1 << 22
"""Size in bytes of a file that is flushed at once. The disk then writes it while the next batches are evaluated."""


class Writers:
    """The writers for the files of a run."""

    def __init__(
        self, folder: Path, run_id: str, as_of: datetime, id_types: IdTypes, publication: str | None = None
    ) -> None:
        """Open the writers for membership and changes.

        Args:
            run_id: The run id that is written to each row.
            publication: The name of the run's folder, for each row of the files of tables; None for no such column.
        """
        self._folder = folder
        self._id_type = id_types.kept
        constants = {} if publication is None else {PUBLICATION: publication}
        self.membership = MembershipWriter(folder, id_types.own, {"run_id": run_id} | constants)
        self.changes = ChangesWriter(folder, run_id, as_of, id_types.kept, constants)

    def state(self, bitmap: SegmentBits) -> StateWriter:
        """Open the writer for the state, once the assignment of bits is known."""
        return StateWriter(self._folder, bitmap, self._id_type)


class MembershipWriter:
    """A writer for the members of each batch of contacts: one file per batch, ordered by segment."""

    def __init__(self, run_folder: Path, id_type: pa.DataType, constants: Mapping[str, str]) -> None:
        """Create the membership folder.

        Args:
            constants: Further columns, by their name, with the text that every row has.
        """
        self._folder, self._constants = run_folder, constants
        self._id_type = stored_type(id_type)
        self._parts: list[PublishedFile] = []
        (run_folder / MEMBERSHIP).mkdir()

    def write(
        self,
        part: int,
        ids: pa.Array,
        segment_ids: Sequence[str],
        members: Bitmaps,
        is_in_any: npt.NDArray[np.bool_],
    ) -> None:
        """Write the members of a batch. Thread-safe.

        Args:
            part: The number of the batch, which is also that of its file.
            ids: The ids of all contacts of the batch, at most 65,536, in the stored type.
            segment_ids: The segments, sorted.
            members: The bitmap of each segment.
            is_in_any: Whether each contact is in a segment. The ids of other contacts are not written.
        """
        if ids.null_count or not is_in_any.any():
            return  # for an id that is null, the id check refuses the run once all ids are read
        numbers = as_series("rows", to_array((np.cumsum(is_in_any) - 1).astype(np.uint16)))
        rows = [numbers.filter(column).to_numpy() for column in to_columns(members, len(ids))]
        with self._part(part) as file:
            file.write(segment_ids, select_ids(ids, is_in_any), rows)

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
            members = MembershipFile(file, self._id_type, self._constants)
            yield members
            members.finish()
        if file.size >= _LARGE:
            sync_file(self._folder / name)
        self._parts.append(PublishedFile(path=name, rows=members.rows, size=file.size, sha256=file.sha256))


class ChangesWriter:
    """A writer for the changes of a run."""

    def __init__(
        self, run_folder: Path, run_id: str, as_of: datetime, id_type: pa.DataType, constants: Mapping[str, str]
    ) -> None:
        """Open the file.

        Args:
            run_id: The id of the run, which is repeated in each row.
            constants: Further columns, by their name, with the text that every row has.
        """
        self._file = DigestingFile(run_folder / CHANGES)
        with self._file.translate_errors():
            self._changes = ChangesFile(self._file, stored_type(id_type), run_id, as_of, constants)

    def write(self, segment_ids: Sequence[str], found: Changes) -> None:
        """Write the changes of some contacts.

        Args:
            segment_ids: The segment of each bit.
            found: The contacts, at most 65,536.
        """
        with self._file.translate_errors():
            self._changes.write(segment_ids, found)

    def finish(self) -> PublishedFile:
        """Close the file and return its record for the manifest."""
        with self._file.translate_errors():
            self._changes.finish()
            self._file.close()
        return PublishedFile(path=CHANGES, rows=self._changes.rows, size=self._file.size, sha256=self._file.sha256)
