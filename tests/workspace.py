"""A folder for several runs: tests write contacts and segments, make runs, and query the tables."""

import shutil
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa

import segbatch
from builders import rule, write_contacts, write_segment
from segbatch.model.manifest import History, Manifest
from segbatch.runs.query import query
from segbatch.storage.manifest_io import read_history, read_manifest

FIRST_RUN = datetime(2025, 11, 1, 2, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Workspace:
    """A folder in which runs are made.

    Attributes:
        folder: Where the snapshot, the definitions and the output are.
    """

    folder: Path

    @property
    def output(self) -> Path:
        return self.folder / "output"

    def contacts(self, **plans: str) -> None:
        """Write the snapshot: contacts, and the plan of each."""
        columns = {"id": pa.array(list(plans), pa.string()), "plan": pa.array(list(plans.values()), pa.string())}
        write_contacts(self.folder / "contacts.parquet", columns)

    def crowd(self, size: int, pro: int) -> None:
        """Write a snapshot of so many contacts, of which so many, the first, are on the plan pro."""
        self.contacts(**{f"c{number:04}": "pro" if number < pro else "free" for number in range(size)})

    def segment(self, segment_id: str, plan: str | None = None, **more: Any) -> None:
        """Write a segment of the contacts on a plan, which is named like the segment unless told otherwise."""
        write_segment(self.folder / "segments", segment_id, rule("plan", "eq", plan or segment_id), **more)

    def drop(self, segment_id: str) -> None:
        """Remove the file of a segment."""
        (self.folder / "segments" / f"{segment_id}.json").unlink()

    def run(self, number: int | None = None, **options: Any) -> segbatch.RunReport:
        """Make a run: the run of this number, one a day, or one as of now."""
        if number is not None:
            options = {"as_of": FIRST_RUN + timedelta(days=number), "run_id": f"night-{number}"} | options
        return segbatch.run(self.folder / "contacts.parquet", self.folder / "segments", self.output, **options)

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        return list(query(self.output, sql, 1000).rows)

    def members(self, segment_id: str) -> list[str]:
        return [
            who
            for (who,) in self.ask(f"SELECT contact_id FROM membership WHERE segment_id = '{segment_id}' ORDER BY 1")
        ]

    def changes(self) -> list[tuple[Any, ...]]:
        return self.ask("SELECT run_id, segment_id, contact_id, change FROM membership_changes ORDER BY ALL")

    def history(self) -> History:
        return read_history(self.output)

    def place(self, folder: str) -> Path:
        """Return the folder of a run."""
        return self.output / "runs" / folder

    def manifest(self, folder: str) -> Manifest:
        return read_manifest(self.place(folder))

    def folders(self) -> list[str]:
        return sorted(path.name for path in (self.output / "runs").iterdir())

    def move(self, name: str) -> "Workspace":
        """Move everything elsewhere."""
        return Workspace(Path(shutil.move(self.folder, self.folder.with_name(name))))
