"""Results of published runs, as the answers of the API and the report have them.

Earlier runs are shown with the ids that their segments have now (see `segbatch.storage.segment_history`). A caller that
may see one project only gets the segments of that project, and totals of these.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from pydantic import BaseModel

from segbatch.model.manifest import DeletedSegment, RunRecord, SegmentStatus
from segbatch.model.views import (
    FailedSegment,
    HeldSegment,
    Mover,
    RunDetails,
    RunRow,
    SegmentRow,
    SegmentRun,
    SizedSegment,
)

MOST_MOVERS = 20
_FAILURES = ("failed", "held")


class SegmentResult(BaseModel):
    """The record of a segment in a manifest without its definition, which takes most of the space."""

    segment_id: str
    project_id: str | None = None
    name: str | None = None
    status: SegmentStatus
    error: str | None = None
    owner: str | None = None
    tags: tuple[str, ...] = ()
    member_count: int = 0
    entered: int | None = None
    exited: int | None = None
    fingerprint: str | None = None

    @property
    def changes(self) -> int:
        """The number of contacts that entered or left."""
        return (self.entered or 0) + (self.exited or 0)


class RecordedResults(BaseModel):
    """The part of a manifest that answers are made of."""

    segments: tuple[SegmentResult, ...]
    deleted: tuple[DeletedSegment, ...] = ()


@dataclass(frozen=True, slots=True)
class RunResults:
    """The results of the segments of a run that a caller can see.

    Attributes:
        run: The record of the run.
        project: The project that the caller is limited to; None for all projects.
        has_all: Whether the caller can see all segments.
        segments: The results by the present ids of the segments, in the order of these.
        deleted: The number of members of each segment of the previous run that was deleted, by their ids in that run.
    """

    run: RunRecord
    project: str | None
    has_all: bool
    segments: Mapping[str, SegmentResult]
    deleted: Mapping[str, int]

    @classmethod
    def of(
        cls,
        run: RunRecord,
        found: RecordedResults,
        names: Mapping[str, str],
        project: str | None,
        only: frozenset[str] | None,
    ) -> Self:
        """Select the results that a caller can see.

        Args:
            names: The present id of each segment that has another one now.
            project: The project that the caller is limited to; None for all projects.
            only: The present ids of the segments that the caller is limited to; None for all segments.
        """
        by_id = {
            name: segment
            for segment in found.segments
            for name in [names.get(segment.segment_id, segment.segment_id)]
            if (project is None or segment.project_id == project) and (only is None or name in only)
        }
        deleted = {names.get(one.segment_id, one.segment_id): one.exited for one in found.deleted}
        return cls(run, project, project is None and only is None, dict(sorted(by_id.items())), deleted)

    def with_status(self, status: SegmentStatus) -> Iterator[tuple[str, SegmentResult]]:
        """Yield the segments of a status."""
        return ((name, segment) for name, segment in self.segments.items() if segment.status == status)


@dataclass(frozen=True, slots=True)
class ListedResults:
    """The results of a run, with those of the run before and what the list of runs knows.

    Attributes:
        before: The previous run; None for the first run.
        is_current: Whether the run is the last published one.
        keeps_members: Whether its members still exist.
    """

    results: RunResults
    before: RunResults | None
    is_current: bool
    keeps_members: bool

    def row(self) -> RunRow:
        """Return the run as a row of the list of runs."""
        results, run = self.results, self.results.run
        segments = results.segments.values()
        failed, held = (sum(segment.status == status for segment in segments) for status in _FAILURES)
        status = run.status if results.has_all else ("partial" if failed or held else "ok")
        return RunRow(
            id=run.run_id,
            as_of=run.as_of,
            started_at=run.started_at,
            finished_at=run.finished_at,
            duration_seconds=max((run.finished_at - run.started_at).total_seconds(), 0),
            status=status,
            is_current=self.is_current,
            keeps_members=self.keeps_members,
            contact_count=run.contacts if results.project in {None, run.project_id} else None,
            membership_count=sum(segment.member_count for segment in segments),
            segment_count=len(segments),
            entered=None if self.before is None else sum(segment.entered or 0 for segment in segments),
            left=None if self.before is None else sum(segment.exited or 0 for segment in segments) + self._of_deleted(),
            segments_failed=failed,
            segments_held=held,
        )

    def details(self) -> RunDetails:
        """Return the run with what differs from the previous run."""
        now, before = self.results.segments, {} if self.before is None else self.before.segments
        moved = sorted((pair for pair in now.items() if pair[1].changes), key=lambda pair: (-pair[1].changes, pair[0]))[
            :MOST_MOVERS
        ]
        added = tuple(name for name in now if name not in before) if self.before else ()
        removed = tuple(name for name in before if name not in now)
        redefined = tuple(name for name in now if name in before and now[name].fingerprint != before[name].fingerprint)
        failed, held = tuple(self.results.with_status("failed")), tuple(self.results.with_status("held"))
        mentioned = (*added, *removed, *redefined, *(name for name, _ in (*failed, *held)))
        return RunDetails(
            **dict(self.row()),
            previous_run_id=None if self.before is None else self.before.run.run_id,
            movers=tuple(
                Mover(
                    id=name,
                    name=segment.name,
                    member_count=segment.member_count,
                    entered=segment.entered or 0,
                    left=segment.exited or 0,
                )
                for name, segment in moved
            ),
            added=added,
            removed=removed,
            redefined=redefined,
            failed=tuple(FailedSegment(id=name, message=segment.error or "") for name, segment in failed),
            held=tuple(HeldSegment(id=name, reason=segment.error or "") for name, segment in held),
            segment_names=names_of(mentioned, {**before, **now}),
        )

    def _of_deleted(self) -> int:
        """Return the number of contacts that left segments that were deleted and that the caller could see."""
        before = self.before.segments if self.before else {}
        return sum(number for name, number in self.results.deleted.items() if name in before)


def segment_row(name: str, segment: SegmentResult, earlier: Sequence[RunResults | None]) -> SegmentRow:
    """Return a segment as a row of the segments of a run.

    Args:
        name: Its present id.
        earlier: The runs up to this one, oldest first; None for a run whose results are lost.
    """
    found = (None if run is None else run.segments.get(name) for run in earlier)
    return SegmentRow(
        id=name,
        name=segment.name,
        project_id=segment.project_id,
        owner=segment.owner,
        tags=segment.tags,
        status=segment.status,
        member_count=segment.member_count,
        entered=segment.entered,
        left=segment.exited,
        sizes=tuple(None if one is None else one.member_count for one in found),
    )


def segment_runs(name: str, earlier: Sequence[RunResults | None]) -> Iterator[SegmentRun]:
    """Yield the results of a segment in the runs that have it.

    Args:
        name: Its present id.
        earlier: The runs, oldest first; None for a run whose results are lost.
    """
    for results in earlier:
        segment = None if results is None else results.segments.get(name)
        if results is not None and segment is not None:
            yield SegmentRun(
                run_id=results.run.run_id,
                segment_id=name,
                as_of=results.run.as_of,
                member_count=segment.member_count,
                entered=segment.entered,
                left=segment.exited,
                status=segment.status,
                fingerprint=segment.fingerprint,
            )


def names_of(segment_ids: Iterable[str], known: Mapping[str, SegmentResult]) -> dict[str, str]:
    """Return the names of segments, without those that are not known or have no name."""
    found = ((one, known[one].name) for one in sorted(set(segment_ids)) if one in known)
    return {segment_id: name for segment_id, name in found if name is not None}


def sized(name: str, segment: SegmentResult) -> SizedSegment:
    """Return a segment with its size."""
    return SizedSegment(id=name, name=segment.name, member_count=segment.member_count)
