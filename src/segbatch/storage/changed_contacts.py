"""Contacts whose memberships changed, collected for the row groups of the file of changes.

Most parts of a comparison are small, so that a row group of its own would take longer than the comparison.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from segbatch.platform.bitmaps import Bitmaps
from segbatch.storage.bit_matrix import MOST_CHANGED_CONTACTS, MOST_CHANGES, Memory, Words, from_words
from segbatch.storage.id_types import select_ids

_MOST_BYTES = 1 << 24
"""Maximum number of bytes of bits that wait for a row group, if they are of more than one part."""


class ChangedContacts(NamedTuple):
    """Some contacts: their ids in the type of the state, the bits that changed, and the bits now."""

    ids: pa.Array
    changed: Words
    after: Words


class Changes(NamedTuple):
    """The changes of some contacts.

    Attributes:
        ids: Their ids, in the type of the state.
        entered: For each bit the bitmap of the contacts that entered its segment.
        exited: For each bit the bitmap of the contacts that left its segment.
    """

    ids: pa.Array
    entered: Bitmaps
    exited: Bitmaps


class ChangeCollector:
    """Collects the contacts that changed, and reports the changes of many at a time."""

    def __init__(self, report: Callable[[Changes], None]) -> None:
        """Begin with no contacts.

        Args:
            report: Called with the changes of at most 65,536 contacts. They are valid during the call.
        """
        self._report = report
        self._waiting = list[ChangedContacts]()
        self._bytes = self._contacts = self._changes = 0
        self._memory = Memory(), Memory()

    def add(self, found: ChangedContacts) -> None:
        """Add contacts, as many as a slice of `slices_of` has. Those without changes are left out."""
        ids, changed, after = found
        is_changed = np.bitwise_or.reduce(changed, axis=0) != 0
        if not is_changed.all():
            ids, changed, after = select_ids(ids, is_changed), changed[:, is_changed], after[:, is_changed]
        changes, size = int(np.bitwise_count(changed).sum(dtype=np.int64)), 2 * changed.nbytes
        is_full = self._contacts + len(ids) > MOST_CHANGED_CONTACTS or self._changes + changes > MOST_CHANGES
        if is_full or self._bytes + size > _MOST_BYTES:
            self.finish()
        self._waiting.append(ChangedContacts(ids, changed, after))
        self._bytes, self._contacts, self._changes = (
            self._bytes + size,
            self._contacts + len(ids),
            self._changes + changes,
        )

    def finish(self) -> None:
        """Report the changes of the contacts that wait."""
        if not self._contacts:
            return
        ids, changed, after = zip(*self._waiting, strict=True)
        self._waiting = []
        self._bytes = self._contacts = self._changes = 0
        bits = np.concatenate(changed, axis=1)
        entered = bits & np.concatenate(after, axis=1)
        bitmaps = [
            from_words(words, memory) for words, memory in zip((entered, bits ^ entered), self._memory, strict=True)
        ]
        self._report(Changes(pa.concat_arrays(ids), *bitmaps))
