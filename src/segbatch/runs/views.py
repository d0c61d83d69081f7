"""Answers about published runs: their list, their segments, overlaps of segments, and the segments of a contact."""

from collections.abc import Callable, Collection, Sequence
from functools import lru_cache
from pathlib import Path
from threading import Lock

from segbatch.errors import ContactNotFoundError, MembersPrunedError, SegmentNotFoundError
from segbatch.model.manifest import Manifest
from segbatch.model.views import (
    ContactMembership,
    ContactView,
    HistoryRun,
    Overlap,
    RunDetails,
    RunRow,
    SegmentDetails,
    SegmentsPage,
)
from segbatch.runs.contact_segments import find_contact, find_entries
from segbatch.runs.members import OpenRuns
from segbatch.runs.overlap import OverlapCounts, count_overlaps
from segbatch.runs.published_results import Published, ResultsReader
from segbatch.runs.run_results import RunResults, names_of, segment_row, segment_runs, sized
from segbatch.storage.manifest_io import read_manifest
from segbatch.storage.remote.watched_output import WatchedOutput
from segbatch.storage.retention import has_members
from segbatch.storage.state import State, open_state
from segbatch.text import nearest_or_some, shown

MOST_COMPARED = 1000
"""Near-duplicates, and segments inside others, are looked for among this number of largest segments."""

_OVERLAPS_KEPT = 4


class RunViews:
    """Answers about the published runs of an output. Thread-safe.

    A caller that is limited to a project sees only the segments of this project, and only numbers of these.
    """

    def __init__(
        self, output: WatchedOutput | Path, only: Collection[str] | None = None, *, is_fixed: bool = False
    ) -> None:
        """Create an empty cache.

        Args:
            output: The output, which need not exist yet.
            only: The segments that all answers are limited to; None for all.
            is_fixed: Whether all answers are about the runs that were published at the first request.
        """
        self._output = output if isinstance(output, WatchedOutput) else WatchedOutput(output)
        self._reader = ResultsReader(self._output, None if only is None else frozenset(only), is_fixed=is_fixed)
        self._open_runs = OpenRuns(self._output)
        self._counts: Callable[[str, str, tuple[str, ...]], OverlapCounts] = lru_cache(_OVERLAPS_KEPT)(self._count)
        self._counting = Lock()

    def runs(self, project: str | None, limit: int, before: str | None = None) -> list[RunRow]:
        """Return the published runs, the last one first.

        Args:
            limit: The maximum number of runs.
            before: A run; only the runs before it are returned.

        Raises:
            UsageError: Nothing is published, or the run does not exist.
            PublishError: The published runs cannot be read.
        """
        published = self._reader.published()
        end = len(published.runs) if before is None else published.index_of(before)
        return [published.listed(index, project).row() for index in reversed(range(max(end - limit, 0), end))]

    def run(self, run: str, project: str | None) -> RunDetails:
        """Return a run with what differs from the previous one.

        Args:
            run: The run id, or `current`.

        Raises:
            UsageError: Nothing is published, or the run does not exist.
            PublishError: The published runs cannot be read.
        """
        published = self._reader.published()
        return published.listed(published.index_of(run), project).details()

    def manifest(self, run: str) -> Manifest:
        """Return all that is recorded about a run.

        Args:
            run: The run id, or `current`.

        Raises:
            UsageError: Nothing is published, or the run does not exist.
            PublishError: The published runs cannot be read.
        """
        published = self._reader.published()
        return read_manifest(self._reader.run_folder(published.runs[published.index_of(run)].folder))

    def segments(self, run: str, project: str | None, history: int) -> SegmentsPage:
        """Return all segments of a run, ordered by id, with their sizes in the last runs up to it.

        Args:
            run: The run id, or `current`.
            history: The maximum number of runs to show sizes of.

        Raises:
            UsageError: Nothing is published, or the run does not exist.
            PublishError: The published runs cannot be read.
        """
        published = self._reader.published()
        index = published.index_of(run)
        earlier = published.earlier(index, project, history)
        results = published.results(index, project)
        shown_runs = (past.run for past in published.runs[index + 1 - len(earlier) : index + 1])
        return SegmentsPage(
            run_id=results.run.run_id,
            history=tuple(HistoryRun(run_id=one.run_id, as_of=one.as_of) for one in shown_runs),
            segments=tuple(segment_row(name, segment, earlier) for name, segment in results.segments.items()),
            next_cursor=None,
        )

    def segment(self, run: str, segment_id: str, project: str | None, history: int) -> SegmentDetails:
        """Return a segment of a run with its results in the last runs up to it.

        Args:
            run: The run id, or `current`.
            history: The maximum number of runs to show results of.

        Raises:
            UsageError: Nothing is published, or the run or its segment does not exist.
            PublishError: The published runs cannot be read.
        """
        published = self._reader.published()
        index = published.index_of(run)
        results = published.results(index, project)
        segment = results.segments.get(segment_id)
        if segment is None:
            raise _no_segment(results, segment_id)
        earlier, defined = published.earlier(index, project, history), published.defined(index)
        names = tuple(sorted(set(defined[segment_id].references)))
        named_by = tuple(name for name in results.segments if segment_id in defined[name].references)
        return SegmentDetails(
            **dict(segment_row(segment_id, segment, earlier)),
            message=segment.error,
            definition=defined[segment_id].definition,
            runs=tuple(segment_runs(segment_id, earlier)),
            names=names,
            named_by=named_by,
            segment_names=names_of((*names, *named_by), results.segments),
        )

    def first_members(self, run: str, segment_id: str, limit: int) -> Sequence[str | int]:
        """Return the ids of the first members of a segment of a run.

        Args:
            run: The run id, or `current`.
            segment_id: The present id of the segment.

        Raises:
            UsageError: Nothing is published, the run does not exist, or the members were removed.
            PublishError: The published runs cannot be read.
        """
        published = self._reader.published()
        index = published.index_of(run)
        past = published.runs[index]
        then = {name: old for old, name in published.names[index].items()}
        members, _ = self._state(past.folder, past.run.run_id).members(then.get(segment_id, segment_id), 0, limit)
        return members

    def overlap(self, run: str, project: str | None, segments: Sequence[str] | None, top: int) -> Overlap:
        """Return the numbers of contacts that segments of a run share. The first answer for a run takes longest.

        Args:
            run: The run id, or `current`.
            segments: The segments to compare; None for the largest.
            top: The number of largest segments to compare.

        Raises:
            UsageError: Nothing is published, the run or a segment does not exist, or the members were removed.
            PublishError: The published runs cannot be read.
        """
        published = self._reader.published()
        index = published.index_of(run)
        results = published.results(index, project)
        for segment_id in segments or ():
            if segment_id not in results.segments:
                raise _no_segment(results, segment_id)
        largest = sorted(results.segments, key=lambda name: (-results.segments[name].member_count, name))
        compared = self._compared(published, index, largest[:MOST_COMPARED])
        wanted = largest[:top] if segments is None else list(dict.fromkeys(segments))
        is_known = set(wanted) <= set(compared.segment_ids)
        among = compared.among(wanted) if is_known else self._compared(published, index, wanted)
        duplicates, inside = tuple(compared.near_duplicates()), tuple(compared.inside())
        pairs = [*((one.a, one.b) for one in duplicates), *((one.inner, one.outer) for one in inside)]
        return Overlap(
            run_id=results.run.run_id,
            segments=tuple(sized(name, results.segments[name]) for name in wanted),
            counts=tuple(map(tuple, among.counts.tolist())),
            near_duplicates=duplicates,
            inside=inside,
            segment_names=names_of((name for pair in pairs for name in pair), results.segments),
        )

    def contact(self, run: str, contact_id: str, project: str | None) -> ContactView:
        """Return the segments that a contact of a run is in, and since when.

        A caller that is limited to a project finds the contacts that are in one of its segments, and all contacts of a
        run that was limited to the project.

        Args:
            run: The run id, or `current`.

        Raises:
            UsageError: Nothing is published, the run or the contact does not exist, or the members were removed.
            PublishError: The published runs cannot be read.
        """
        published = self._reader.published()
        index = published.index_of(run)
        results, names = published.results(index, project), published.names[index]
        past = published.runs[index]
        found = find_contact(self._state(past.folder, past.run.run_id), contact_id)
        ids = frozenset(names.get(one, one) for one in found.segment_ids) if found else frozenset[str]()
        visible = ids & results.segments.keys()
        if found is None or not (visible or project in {None, results.run.project_id}):
            raise ContactNotFoundError(f"run {results.run.run_id} does not have the contact {shown(contact_id)}")
        runs = list(zip(published.runs, published.names, strict=True))[: index + 1]
        since = find_entries(self._output.folder, runs, found.contact_id, visible)
        return ContactView(
            run_id=results.run.run_id,
            contact_id=found.contact_id,
            segments=tuple(
                ContactMembership(id=name, name=results.segments[name].name, since=since.get(name))
                for name in sorted(visible)
            ),
        )

    def _compared(self, published: Published, index: int, segment_ids: Sequence[str]) -> OverlapCounts:
        """Return the counts of segments of a run, given by their present ids."""
        past, then = published.runs[index], {name: old for old, name in published.names[index].items()}
        with self._counting:  # a second request for the same run waits, and finds the counts
            found = self._counts(past.folder, past.run.run_id, tuple(then.get(one, one) for one in segment_ids))
        return OverlapCounts(tuple(segment_ids), found.counts)

    def _count(self, folder: str, run_id: str, segment_ids: tuple[str, ...]) -> OverlapCounts:
        return count_overlaps(self._state(folder, run_id), segment_ids)

    def _state(self, folder: str, run_id: str) -> State:
        found = self._open_runs.find(folder)
        if found is not None:
            return found.state
        run_folder = self._reader.run_folder(folder)
        if has_members(run_folder):
            return open_state(run_folder)  # raises an error, since it is missing
        raise MembersPrunedError(f"the members of run {run_id} were removed; choose a later run")


def _no_segment(results: RunResults, segment_id: str) -> SegmentNotFoundError:
    hint = nearest_or_some(segment_id, results.segments)
    return SegmentNotFoundError(f"run {results.run.run_id} does not have the segment {shown(segment_id)}{hint}")
