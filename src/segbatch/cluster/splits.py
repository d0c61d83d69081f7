"""The parts of the input of a run, one per task of the first stage."""

import pickle
from collections.abc import Iterator
from typing import Protocol, cast

from segbatch.cluster.job import Job

ROWS = 1_000_000
"""The number of contacts from which a split gets no more row groups."""


class Item(Protocol):
    """A part of the input of a run that one task reads. Items are pickled."""

    def payloads(self, job: Job) -> Iterator[tuple[int, bytes]]:
        """Yield payloads with the bucket of each, in the same order in every attempt.

        Raises:
            SegbatchError: The input cannot be read.
        """


def encode_item(number: int, item: Item) -> bytes:
    """Return an item for the workers.

    Args:
        number: Its number. The payloads of an item come before those of items with higher numbers.
    """
    return pickle.dumps((number, item))


def decode_item(encoded: bytes) -> tuple[int, Item]:
    """Return the number of an item and the item."""
    return cast("tuple[int, Item]", pickle.loads(encoded))  # noqa: S301 - the driver of this run has written it
