"""The state of the previous run, for one bucket of contacts.

If that run had the same buckets, the file of the bucket is read where it is. Otherwise, the files of the state are cut
into payloads, and each bucket writes those that it gets to a temporary file.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from segbatch.cluster.contacts_split import cut_by_bucket
from segbatch.cluster.job import Job, PreviousState
from segbatch.cluster.payloads import Payload, encode_payload, with_words, words_of
from segbatch.storage.bit_matrix import Memory, from_words
from segbatch.storage.layout import STATE
from segbatch.storage.state import State, StateWriter

_REMEDY = "restore it from a copy"
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
        state, memory = State([Path(self.file)], _REMEDY), Memory()
        for batch in self.batches:
            start, end = state.starts[batch : batch + 2]
            rows = with_words(state.ids(batch), state.words(batch, memory))
            present = min(max(self.contacts - int(start), 0), int(end - start))
            for is_present, part in ((_YES, rows.slice(0, present)), (_NO, rows.slice(present))):
                for bucket, found in cut_by_bucket(part, job.buckets):
                    yield bucket, encode_payload("previous", found, {_PRESENT: is_present})


def state_items(previous: PreviousState) -> Iterator[StatePart]:
    """Yield the parts of a state that tasks read.

    Raises:
        PublishError: A file is missing or damaged.
    """
    for file, contacts in zip(previous.files, previous.contacts, strict=True):
        batches = range(len(State([Path(file)], _REMEDY).starts) - 1)
        for start in batches[::_BATCHES]:
            yield StatePart(file, contacts, batches[start : start + _BATCHES])


@contextmanager
def open_previous(job: Job, bucket: int, payloads: Sequence[Payload]) -> Iterator[State | None]:
    """Open the state of the previous run for a bucket; None if there was no run.

    Args:
        payloads: The contacts of the previous run, if they went through the exchange.

    Raises:
        PublishError: A file is missing or damaged.
    """
    previous = job.previous
    if previous is None:
        yield None
        return
    if previous.is_bucketed:
        yield _open(Path(previous.files[bucket]), previous.contacts[bucket], previous)
        return
    with TemporaryDirectory(prefix="segbatch-") as folder:
        ordered = sorted(payloads, key=lambda payload: payload.details[_PRESENT] != _YES)
        present = sum(payload.rows.num_rows for payload in ordered if payload.details[_PRESENT] == _YES)
        _write(Path(folder), ordered, job)
        yield _open(Path(folder) / STATE, present, previous)


def _open(file: Path, contacts: int, previous: PreviousState) -> State:
    state = State([file], _REMEDY, [contacts])
    state.bitmap = previous.bits
    return state


def _write(folder: Path, payloads: Sequence[Payload], job: Job) -> None:
    """Write the contacts of payloads as a state."""
    memory, previous = Memory(), job.previous
    if previous is None:
        return
    writer = StateWriter(
        folder, previous.bits, payloads[0].rows.schema.field(0).type if payloads else job.id_types.kept
    )
    for payload in payloads:
        writer.write(payload.rows.column(0), from_words(words_of(payload.rows), memory))
    writer.finish()
