"""Report of a run: its record, its segments, and its problems."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from segbatch.errors import Problem
from segbatch.model.input_records import TableRecord
from segbatch.model.manifest import DeletedSegment, RunRecord, SegmentRecord


@dataclass(frozen=True, slots=True)
class RunReport:
    """Result of a run.

    Attributes:
        run: The record of the run, as in the `runs` table.
        segments: Its segments, ordered by id, as in the `segments` table.
        deleted: The segments of the previous run that are no longer defined.
        errors: The reasons why segments failed or were held back.
        warnings: Problems that are allowed but often a mistake.
        catalogue: The DuckDB file that analysts open; None for an output that has none, such as object storage.
        membership: The folder with the membership's Parquet files: a path, or an address in object storage.
        taken_back: The ids of the runs that were rolled back.
        dry_run: Whether nothing was written; the paths are then those of a real run.
        notes: Facts about how the run read its input, such as the column that a name in another case matched.
        tables: The related tables that rules read, each with the number of rows that belong to no contact.
        left_out: The segments that kept their members because the run was limited to others.
    """

    run: RunRecord
    segments: tuple[SegmentRecord, ...]
    deleted: tuple[DeletedSegment, ...]
    errors: tuple[Problem, ...]
    warnings: tuple[Problem, ...]
    catalogue: Path | None
    membership: Path | str
    taken_back: tuple[str, ...] = ()
    dry_run: bool = False
    notes: tuple[Problem, ...] = ()
    tables: tuple[TableRecord, ...] = ()
    left_out: tuple[str, ...] = ()

    def kept(self, status: Literal["failed", "held", "left out"]) -> int:
        """Return the number of segments with a status that keep the members of an earlier run."""
        return sum(self.status_of(segment) == status and segment.run_id is not None for segment in self.segments)

    def status_of(self, segment: SegmentRecord) -> str:
        """Return the result of a segment in this run. The record of one that is left out has an earlier status."""
        return "left out" if segment.segment_id in self.left_out else segment.status

    def to_json(self, *, ids: bool = True) -> dict[str, Any]:
        """Return the report as JSON data: the run, its segments without their definitions, and the paths of the output.

        Args:
            ids: Whether warnings may contain the ids of contacts.
        """
        contacts = self.run.contacts
        return {
            **self.run.model_dump(mode="json"),
            "segments": [
                segment.model_dump(mode="json", exclude={"definition"})
                | {"share": segment.member_count / contacts if contacts else None}
                for segment in self.segments
            ],
            "deleted": [gone.model_dump(mode="json") for gone in self.deleted],
            "warnings": [str(problem if ids else problem.hiding_ids()) for problem in self.warnings],
            "notes": [str(problem if ids else problem.hiding_ids()) for problem in self.notes],
            "tables": [table.model_dump(mode="json", exclude={"files"}) for table in self.tables],
            "left_out": list(self.left_out),
            "taken_back": list(self.taken_back),
            "dry_run": self.dry_run,
            "catalogue": None if self.catalogue is None else str(self.catalogue),
            "membership": str(self.membership),
        }
