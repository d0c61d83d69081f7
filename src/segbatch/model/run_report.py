"""The report of a run: its record, its segments, and what went wrong."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segbatch.errors import Problem
from segbatch.model.manifest import DeletedSegment, RunRecord, SegmentRecord

__all__ = ["RunReport"]


@dataclass(frozen=True, slots=True)
class RunReport:
    """What a run did.

    Attributes:
        run: The run, as the `runs` table has it.
        segments: Its segments, ordered by id, as the `segments` table has them.
        deleted: The segments of the run before that are not defined any more.
        errors: Why segments failed or were held back.
        warnings: What was legal and often is a mistake.
        catalogue: The DuckDB file that analysts open.
        membership: The folder with the membership's Parquet files.
        taken_back: The ids of the runs that it took back.
        dry_run: Whether nothing was written, and these are the places where it would be.
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
        """Return it as JSON data: the run, its segments without their definitions, and where they are published.

        Args:
            ids: Whether warnings may name the ids of contacts.
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
