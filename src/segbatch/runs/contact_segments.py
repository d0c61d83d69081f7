"""The segments that a contact is in, and since when."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from segbatch.errors import PublishError
from segbatch.model.manifest import PastRun
from segbatch.platform.bitmaps import to_mask
from segbatch.snapshot.id_checks import ids_as_series
from segbatch.snapshot.id_format import UnreadableIdError, matches_id, write_id
from segbatch.storage.bit_matrix import Memory
from segbatch.storage.layout import RUNS
from segbatch.storage.run_files import changes_source
from segbatch.storage.state import State

_COLUMNS = ["segment_id", "contact_id", "change"]


@dataclass(frozen=True, slots=True)
class FoundContact:
    """A contact of a run.

    Attributes:
        contact_id: Its id in readable form.
        segment_ids: The segments that it is in, by their ids in the run.
    """

    contact_id: str | int
    segment_ids: frozenset[str]


def find_contact(state: State, contact_id: str) -> FoundContact | None:
    """Find a contact of a run by its id; None if the run has no such contact.

    Raises:
        PublishError: The state is damaged.
    """
    for batch, ids in enumerate(state.id_batches()):
        try:
            rows = matches_id(ids, state.id_type, contact_id).arg_true()
        except UnreadableIdError:
            return None
        if len(rows):
            row = rows[0]
            words = state.words(batch, Memory())[:, row]
            bits = np.unpackbits(words.view(np.uint8), bitorder="little")
            names = frozenset(name for name, bit in state.bitmap.bits.items() if bits[bit])
            return FoundContact(write_id(ids[row], state.id_type), names)
    return None


def find_entries(
    output: Path, runs: Sequence[tuple[PastRun, Mapping[str, str]]], contact: str | int, segment_ids: frozenset[str]
) -> Mapping[str, datetime]:
    """Return when a contact entered the segments that it is in, as `membership_history` has it.

    Args:
        runs: The runs up to the one that the contact is in these segments in, oldest first, each with the present ids
            of segments that had other ids then.
        contact: The id of the contact in readable form.
        segment_ids: The present ids of the segments.

    Returns:
        For each segment, the `as_of` of the run that the contact entered with. Without a recorded change, that is the
        first run. If changes of a run are lost, segments that the contact entered before that run are left out.
    """
    found = dict[str, datetime]()
    for past, names in reversed(runs):
        wanted = segment_ids - found.keys()
        if not wanted:
            return found
        try:
            entered = {names.get(segment_id, segment_id) for segment_id in _entered(output, past, contact)}
        except (PublishError, OSError, pa.ArrowException):
            return found
        found |= dict.fromkeys(entered & wanted, past.run.as_of)
    return found | dict.fromkeys(segment_ids - found.keys(), runs[0][0].run.as_of)


def _entered(output: Path, past: PastRun, contact: str | int) -> Iterator[str]:
    """Yield the segments that a contact entered with a run, by their ids in that run."""
    if not past.changes:
        return
    source = output / RUNS / past.folder / changes_source(past)
    files = [source] if past.buckets is None else sorted(source.glob("*.parquet"))
    if len(files) != (past.buckets or 1):
        raise FileNotFoundError
    for path in files:
        with pq.ParquetFile(path, read_dictionary=["segment_id", "change"]) as file:
            for group in range(file.num_row_groups):
                yield from _entered_in(file.read_row_group(group, _COLUMNS), contact)


def _entered_in(changes: pa.Table, contact: str | int) -> Iterator[str]:
    ids = changes.column("contact_id").combine_chunks()
    is_own = matches_id(ids_as_series(ids), ids.type, contact)
    for row in changes.filter(to_mask(is_own.to_numpy())).to_pylist():
        if row["change"] == "entered":
            yield row["segment_id"]
