"""The record in the database that names the runs whose rows its tables have."""

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Self

from pydantic import AwareDatetime, Field, TypeAdapter

from segbatch.model.manifest import History, PastRun
from segbatch.model.record import Record

_DIGEST = 16


class SyncedRun(Record):
    """A run whose rows are in the tables.

    Attributes:
        renamed: The segments that have another id since this run: the new id of each old one.
        has_changes: Whether `membership_changes` has its rows. A run whose file was lost has none.
    """

    run_id: str
    folder: str
    finished_at: AwareDatetime
    renamed: dict[str, str] = Field(default_factory=dict)
    has_changes: bool = True

    @classmethod
    def of(cls, past: PastRun, *, has_changes: bool) -> Self:
        """Return the record of a run of the output."""
        run = past.run
        return cls(
            run_id=run.run_id,
            folder=past.folder,
            finished_at=run.finished_at,
            renamed=past.renamed,
            has_changes=has_changes,
        )

    def is_of(self, past: PastRun) -> bool:
        """Return whether a run of the output is this run, and not another one with its id."""
        run = past.run
        return (self.run_id, self.folder, self.finished_at) == (run.run_id, past.folder, run.finished_at)


class SyncRecord(Record):
    """The row of the table `segbatch_sync`.

    Attributes:
        output: The path of the output, for people.
        output_id: A checksum of the first run of the output.
        layout: A checksum of the columns of the tables.
        runs: The runs that the tables show, oldest first.
    """

    output: str
    output_id: str
    layout: str
    runs: tuple[SyncedRun, ...]

    @property
    def last(self) -> SyncedRun:
        """The run whose members the table `membership` has."""
        return self.runs[-1]

    def is_from(self, output: Path, history: History) -> bool:
        """Return whether the rows are from an output, which may have been moved, or started over in the same place."""
        return self.output == str(output.resolve()) or self.output_id == output_id(history)


_RUNS = TypeAdapter(tuple[SyncedRun, ...])


def make_record(output: Path, history: History, layout: str, without_changes: Iterable[str]) -> SyncRecord:
    """Return the record of an output.

    Args:
        without_changes: The ids of runs whose changes are not in the tables.
    """
    lost = set(without_changes)
    runs = tuple(SyncedRun.of(past, has_changes=past.run.run_id not in lost) for past in history.runs)
    return SyncRecord(output=str(output.resolve()), output_id=output_id(history), layout=layout, runs=runs)


def output_id(history: History) -> str:
    """Return a checksum that identifies an output, also after it was moved: that of its first run."""
    first = history.runs[0].run
    return hashlib.sha256(f"{first.run_id} {first.started_at.isoformat()}".encode()).hexdigest()[:_DIGEST]


def to_row(record: SyncRecord) -> dict[str, object]:
    """Return the row of `segbatch_sync`."""
    row = {"output": record.output, "output_id": record.output_id, "layout": record.layout}
    history = _RUNS.dump_json(record.runs, exclude_defaults=True).decode()
    return row | {"run_id": record.last.run_id, "run_number": len(record.runs), "history": history}


def from_row(row: Mapping[str, str]) -> SyncRecord:
    """Return the record of a row of `segbatch_sync`.

    Raises:
        ValueError: Another program changed the row.
    """
    return SyncRecord(
        output=row["output"],
        output_id=row["output_id"],
        layout=row["layout"],
        runs=_RUNS.validate_json(row["history"]),
    )
