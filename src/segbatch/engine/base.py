"""The engine's interface: a plan and a snapshot in, the members of each segment out.

Plan and snapshot are data that can be pickled, so an engine may evaluate them in other processes or on other machines.
They contain no connections, clients or credentials. A process opens these when it first needs them, with the settings
of its own environment.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol, Self

import polars as pl
import pyarrow as pa

from segbatch.compiler.plan import Plan
from segbatch.platform.bitmaps import Bitmaps, from_columns, to_columns
from segbatch.snapshot.related.query import TableCounts
from segbatch.snapshot.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Members:
    """The members of each segment in a batch of contacts.

    Attributes:
        ids: The ids of the batch's contacts.
        segment_ids: The segments of the plan, in its order.
        bitmaps: The bitmap of each of these segments, with one bit per contact.
        tables: For each related table that rules read, the number of its rows.
    """

    ids: pa.Array
    segment_ids: tuple[str, ...]
    bitmaps: Bitmaps
    tables: Mapping[str, TableCounts] = field(default_factory=dict)

    @classmethod
    def of_frame(cls, ids: pa.Array, frame: pl.DataFrame) -> Self:
        """Return the members in a frame with one column of booleans per segment, named by the segment's id."""
        return cls(ids, tuple(frame.columns), from_columns(list(frame.iter_columns()), len(ids)))

    @property
    def frame(self) -> pl.DataFrame:
        """One column of booleans per segment, named by the segment's id; one row per contact."""
        columns = dict(zip(self.segment_ids, to_columns(self.bitmaps, len(self.ids)), strict=True))
        return pl.DataFrame(columns) if columns else pl.DataFrame(height=len(self.ids))


class Engine(Protocol):
    """Evaluates every segment of a plan over a snapshot."""

    @property
    def name(self) -> str:
        """The name, as the manifest of a run has it."""

    def evaluate(self, plan: Plan, snapshot: Snapshot) -> Iterator[Members]:
        """Evaluate every segment of a plan over a snapshot, in one pass.

        Yields:
            The members, one batch of contacts at a time, in the order of the snapshot.

        Raises:
            SnapshotError: The snapshot cannot be read to its end.
            EvaluationError: A rule cannot be evaluated over the contacts of a batch.
        """
