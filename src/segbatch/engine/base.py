"""The engine's interface: a plan and a snapshot in, the members of each segment out.

Plan and snapshot are data that can be pickled, so an engine may evaluate them in other processes or on other machines.
They contain no connections, clients or credentials. A process opens these when it first needs them, with the settings
of its own environment.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import polars as pl
import pyarrow as pa

from segbatch.compiler.plan import Plan
from segbatch.snapshot.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Members:
    """The members of each segment in a batch of contacts.

    Attributes:
        ids: The ids of the batch's contacts.
        frame: One column of booleans per segment of the plan, named by the segment's id; one row per contact.
    """

    ids: pa.Array
    frame: pl.DataFrame


class Engine(Protocol):
    """Evaluates every segment of a plan over a snapshot."""

    def evaluate(self, plan: Plan, snapshot: Snapshot) -> Iterator[Members]:
        """Evaluate every segment of a plan over a snapshot, in one pass.

        Yields:
            The members, one batch of contacts at a time, in the order of the snapshot.

        Raises:
            SnapshotError: The snapshot cannot be read to its end.
            EvaluationError: A rule cannot be evaluated over the contacts of a batch.
        """
