"""Report of a run: its record, its segments, and its problems."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segbatch.errors import Problem
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
        catalogue: The DuckDB file that analysts open.
        membership: The folder with the membership's Parquet files.
        taken_back: The ids of the runs that were rolled back.
        dry_run: Whether nothing was written; the paths are then those of a real run.
        notes: Facts about how the run read its input, such as the column that a name in another case matched.
    """

    run: RunRecord
    segments: tuple[SegmentRecord, ...]
    deleted: tuple[DeletedSegment, ...]
    errors: tuple[Problem, ...]
    warnings: tuple[Problem, ...]
    catalogue: Path
    membership: Path
    taken_back: tuple[str, ...] = ()
    dry_run: bool = False
    notes: tuple[Problem, ...] = ()

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
            "taken_back": list(self.taken_back),
            "dry_run": self.dry_run,
            "catalogue": str(self.catalogue),
            "membership": str(self.membership),
        }
