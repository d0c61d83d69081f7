"""The tables that a synchronisation writes, and their columns."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from segbatch.model.manifest import RunRecord, SegmentRecord
from segbatch.storage.record_columns import column_types

MEMBERSHIP, CHANGES, SEGMENTS, RUNS, SYNC = "membership", "membership_changes", "segments", "runs", "segbatch_sync"

_VERSION = 2
"""The version of the tables, for changes that their columns do not show, such as another index."""

_ID = "contact_id"


@dataclass(frozen=True, slots=True)
class Table:
    """A table, or a temporary one.

    Attributes:
        columns: The type of each column, by the names of DuckDB's types.
        indexes: The columns of each index. The first one is unique if `has_key` is set.
    """

    name: str
    columns: Mapping[str, str]
    indexes: Sequence[Sequence[str]] = ()
    has_key: bool = False


@dataclass(frozen=True, slots=True)
class Tables:
    """The tables for contact ids of a type."""

    membership: Table
    changes: Table
    segments: Table
    runs: Table
    sync: Table

    @property
    def published(self) -> Sequence[Table]:
        """The tables that analysts read."""
        return (self.membership, self.changes, self.segments, self.runs)

    @property
    def layout(self) -> str:
        """A checksum of the columns."""
        layout = [_VERSION, *([table.name, [*table.columns.items()]] for table in self.published)]
        return hashlib.sha256(json.dumps(layout).encode()).hexdigest()


def make_tables(id_type: str) -> Tables:
    """Return the tables.

    Args:
        id_type: The type of contact ids, by the name of DuckDB's type.
    """
    changes = {"run_id": "VARCHAR", "as_of": "TIMESTAMP", "segment_id": "VARCHAR", _ID: id_type, "change": "VARCHAR"}
    return Tables(
        membership=Table(
            MEMBERSHIP, {"segment_id": "VARCHAR", _ID: id_type}, ((_ID, "segment_id"), ("segment_id",)), has_key=True
        ),
        changes=Table(CHANGES, changes, (("segment_id", "run_id"), (_ID,))),
        segments=Table(SEGMENTS, column_types(SegmentRecord), (("segment_id",),), has_key=True),
        runs=Table(RUNS, {**column_types(RunRecord), "run_number": "BIGINT"}, (("run_id",),), has_key=True),
        sync=SYNC_TABLE,
    )


_SYNC_COLUMNS = ("output", "output_id", "run_id", "run_number", "layout", "history")
SYNC_TABLE = Table(SYNC, {name: "BIGINT" if name == "run_number" else "VARCHAR" for name in _SYNC_COLUMNS})
