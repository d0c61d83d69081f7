"""The tables of an output in Delta or Iceberg, made from the folders of a local output."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from segbatch.storage.manifest_io import read_history_of, read_manifest
from segbatch.storage.remote.publication import NewRun
from segbatch.storage.remote.small_tables import small_tables

ORDER = ("membership_changes", "membership", "segments", "segment_renames", "runs", "current")
"""The order in which a run writes the tables."""

VIEWS = ("membership", "segments", "membership_changes", "membership_history", "segment_runs", "runs")


def rows_of_run(place: Path, number: int, previous: str | None) -> Mapping[str, pa.Table]:
    """Return the rows that a run adds to each table, in the order in which it writes them.

    Args:
        place: The folder of the run.
        number: The number of the publication.
        previous: The publication that was current when the run began.
    """
    new = NewRun(place.name, place, read_manifest(place), read_history_of(place))
    membership = pq.read_table(place / "membership").select(["segment_id", "contact_id"])
    run_id = pa.repeat(new.manifest.run.run_id, membership.num_rows)
    changes = pq.read_table(place / "changes.parquet")
    found = {
        "membership_changes": _published(changes, place.name),
        "membership": _published(membership.append_column("run_id", run_id), place.name),
        **small_tables(new, number, previous),
    }
    return {name: found[name] for name in ORDER}


def _published(table: pa.Table, publication: str) -> pa.Table:
    return table.append_column("publication", pa.repeat(publication, table.num_rows))


@dataclass
class LakeTables:
    """Tables in memory, to which runs are added.

    Attributes:
        number: The number of the current publication.
        current: The current publication.
    """

    number: int = 0
    current: str | None = None
    tables: dict[str, pa.Table] = field(default_factory=dict)

    def publish(self, place: Path) -> None:
        """Publish a run."""
        for _ in self.steps(place):
            pass

    def steps(self, place: Path) -> Iterator[str]:
        """Publish a run table by table, and yield the name of each when it is written."""
        for name, rows in rows_of_run(place, self.number + 1, self.current).items():
            old = self.tables.get(name)
            self.tables[name] = rows if old is None or name == "current" else pa.concat_tables([old, rows])
            if name == "current":
                self.number, self.current = self.number + 1, place.name
            yield name
