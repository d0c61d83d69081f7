"""The tables that a synchronisation writes, and their columns."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from segbatch.model.manifest import RunRecord, SegmentRecord
from segbatch.storage.record_columns import column_types

MEMBERSHIP, CHANGES, SEGMENTS, RUNS, SYNC = "membership", "membership_changes", "segments", "runs", "segbatch_sync"

_ID = "contact_id"
_MEMBERSHIP_INDEXES: Mapping[int, Sequence[Sequence[str]]] = {
    1: (("segment_id", _ID), (_ID,)),
    2: ((_ID, "segment_id"), ("segment_id",)),
}
"""The indexes of `membership` in each version of the tables. Versions with the same columns differ only in indexes."""

_VERSION = max(_MEMBERSHIP_INDEXES)


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
    """The tables for contact ids of a type, in a version."""

    version: int
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
        """A checksum of the columns and the version."""
        layout = [self.version, *([table.name, [*table.columns.items()]] for table in self.published)]
        return hashlib.sha256(json.dumps(layout).encode()).hexdigest()

    @property
    def versions(self) -> Iterator["Tables"]:
        """The tables with the same columns in each version."""
        return (make_tables(self.membership.columns[_ID], version) for version in _MEMBERSHIP_INDEXES)


def make_tables(id_type: str, version: int = _VERSION) -> Tables:
    """Return the tables.

    Args:
        id_type: The type of contact ids, by the name of DuckDB's type.
        version: The version whose indexes the tables have.
    """
    changes = {"run_id": "VARCHAR", "as_of": "TIMESTAMP", "segment_id": "VARCHAR", _ID: id_type, "change": "VARCHAR"}
    members = {"segment_id": "VARCHAR", _ID: id_type}
    return Tables(
        version=version,
        membership=Table(MEMBERSHIP, members, _MEMBERSHIP_INDEXES[version], has_key=True),
        changes=Table(CHANGES, changes, (("segment_id", "run_id"), (_ID,))),
        segments=Table(SEGMENTS, column_types(SegmentRecord), (("segment_id",),), has_key=True),
        runs=Table(RUNS, {**column_types(RunRecord), "run_number": "BIGINT"}, (("run_id",),), has_key=True),
        sync=SYNC_TABLE,
    )


_SYNC_COLUMNS = ("output", "output_id", "run_id", "run_number", "layout", "history")
SYNC_TABLE = Table(SYNC, {name: "BIGINT" if name == "run_number" else "VARCHAR" for name in _SYNC_COLUMNS})
