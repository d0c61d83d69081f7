"""The state of the previous run, for one bucket of contacts.

If that run had the same buckets, the file of the bucket is read where it is. Otherwise, the files of the state are cut
into payloads, and each bucket has those that it gets in memory.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from segbatch.cluster.contacts_split import cut_by_bucket
from segbatch.cluster.job import Job, PreviousState
from segbatch.cluster.payloads import Payload, encode_payload, with_words
from segbatch.storage.bit_matrix import Memory
from segbatch.storage.coded_pages import MOST_CONTACTS
from segbatch.storage.contact_bits import RowColumn
from segbatch.storage.state import State, open_files
from segbatch.storage.state_file import StateFile

_REMEDY = "restore it from a copy, and publish on a disk that all workers see under the same path"
_BATCHES = 16
"""The number of batches of a state that one task reads."""
_PRESENT, _YES, _NO = "present", "yes", "no"


@dataclass(frozen=True, slots=True)
class StatePart:
    """Some batches of a file of a state.

    Attributes:
        file: The path of the file.
        contacts: The number of contacts of the file that were in the snapshot. The others were gone already.
        batches: The numbers of the batches.
    """

    file: str
    contacts: int
    batches: range

    def payloads(self, job: Job) -> Iterator[tuple[int, bytes]]:
        """Yield the contacts with the bits that they had, in payloads by bucket.

        Raises:
            PublishError: The file is missing or damaged.
        """
        state = open_files([Path(self.file)], _REMEDY)
        end = int(state.starts[self.batches.stop])
        border = min(max(self.contacts, int(state.starts[self.batches.start])), end)
        for is_present, rows in ((_YES, range(border)), (_NO, range(border, end))):
            for bucket, found in cut_by_bucket(_contacts(state, self.batches, rows), job.buckets):
                yield bucket, encode_payload("previous", found, {_PRESENT: is_present})


def _contacts(state: State, batches: range, rows: range) -> Iterator[pa.RecordBatch]:
    """Yield the contacts of batches that are in some rows of the state, with their bits."""
    memory = Memory()
    for batch in batches:
        start, end = (int(row) for row in state.starts[batch : batch + 2])
        first, last = max(start, rows.start), min(end, rows.stop)
        if first < last:
            contacts = with_words(state.ids(batch), state.words(batch, memory))
            yield contacts.slice(first - start, last - first)


def state_items(previous: PreviousState) -> Iterator[StatePart]:
    """Yield the parts of a state that tasks read.

    Raises:
        PublishError: A file is missing or damaged.
    """
    for file, contacts in zip(previous.files, previous.contacts, strict=True):
        batches = range(len(open_files([Path(file)], _REMEDY).starts) - 1)
        for start in batches[::_BATCHES]:
            yield StatePart(file, contacts, batches[start : start + _BATCHES])


def open_previous(job: Job, bucket: int, payloads: Sequence[Payload]) -> State | None:
    """Open the state of the previous run for a bucket; None if there was no run.

    Args:
        payloads: The payloads of the bucket. Only contacts of the previous run are used.

    Raises:
        PublishError: A file is missing or damaged.
    """
    previous = job.previous
    if previous is None:
        return None
    if previous.is_bucketed:
        state = open_files([Path(previous.files[bucket])], _REMEDY, [previous.contacts[bucket]])
        state.bitmap = previous.bits
        return state
    return _in_memory(job, previous, [payload for payload in payloads if payload.kind == "previous"])


def _in_memory(job: Job, previous: PreviousState, payloads: Sequence[Payload]) -> State:
    """Return a state of the contacts in payloads: first those that were in the snapshot of the previous run."""
    present = [payload.rows for payload in payloads if payload.details[_PRESENT] == _YES]
    gone = [payload.rows for payload in payloads if payload.details[_PRESENT] == _NO]
    names = tuple(previous.bits.names)
    if not payloads:
        file = StateFile("", names, job.id_types.kept, (), RowColumn(()))
        return State([file], _REMEDY, [0])
    rows = pa.Table.from_batches([*present, *gone]).combine_chunks()
    batches = rows.to_batches(max_chunksize=MOST_CONTACTS)
    bits = RowColumn([batch.column(1) for batch in batches] if names else ())
    file = StateFile("", names, rows.schema.field(0).type, [batch.column(0) for batch in batches], bits)
    return State([file], _REMEDY, [sum(batch.num_rows for batch in present)])
