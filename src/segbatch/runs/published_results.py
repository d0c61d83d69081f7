"""The results of published runs, as they are read for answers."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from segbatch.definitions.store.entries import references_in
from segbatch.errors import PublishError, RunNotFoundError
from segbatch.model.manifest import PastRun
from segbatch.runs.run_results import ListedResults, RecordedResults, RunResults
from segbatch.storage.layout import CURRENT_RUN, RUNS
from segbatch.storage.manifest_io import ensure_published, read_history_of, read_manifest, read_manifest_as
from segbatch.storage.present_ids import present_ids
from segbatch.storage.remote.watched_output import WatchedOutput
from segbatch.storage.retention import has_members
from segbatch.text import did_you_mean, shown

_RUNS_KEPT = 128
_MANIFESTS_KEPT = 2


class Defined(NamedTuple):
    """The definition of a segment.

    Attributes:
        references: The ids of the segments that its rules refer to.
    """

    definition: Any
    references: Sequence[str]


@dataclass(frozen=True, slots=True, eq=False)
class Published:
    """The published runs at a moment, oldest first. There is at least one.

    Attributes:
        names: For each run, the present ids of segments that had other ids then.
        reader: Reads the results of the runs.
    """

    runs: Sequence[PastRun]
    names: Sequence[Mapping[str, str]]
    reader: "ResultsReader" = field(repr=False)

    def index_of(self, run: str) -> int:
        """Return the index of a run.

        Args:
            run: Its id, or `current`.

        Raises:
            RunNotFoundError: It is not one of the published runs.
        """
        if run == CURRENT_RUN:
            return len(self.runs) - 1
        run_ids = [past.run.run_id for past in self.runs]
        if run not in run_ids:
            hint = did_you_mean(run, [*run_ids, CURRENT_RUN]) or "; list the runs with segbatch runs"
            raise RunNotFoundError(f"run {shown(run)} does not exist{hint}")
        return run_ids.index(run)

    def results(self, index: int, project: str | None) -> RunResults:
        """Return the results of a run that a caller can see.

        Args:
            project: The project that the caller is limited to; None for all segments.

        Raises:
            PublishError: They cannot be read.
        """
        return self.reader.results(self, index, project)

    def earlier(self, index: int, project: str | None, number: int) -> Sequence[RunResults | None]:
        """Return the results of the last runs up to a run; None for a run whose results are lost."""
        return [self._kept_results(one, project) for one in range(max(index + 1 - number, 0), index + 1)]

    def listed(self, index: int, project: str | None) -> ListedResults:
        """Return the results of a run with those of the run before.

        Raises:
            PublishError: They cannot be read.
        """
        before = self._kept_results(index - 1, project) if index else None
        is_current = index == len(self.runs) - 1
        keeps_members = has_members(self.reader.run_folder(self.runs[index].folder))
        return ListedResults(self.results(index, project), before, is_current=is_current, keeps_members=keeps_members)

    def defined(self, index: int) -> Mapping[str, Defined]:
        """Return the definitions of the segments of a run, by their present ids.

        Raises:
            PublishError: They cannot be read.
        """
        return self.reader.defined(self, index)

    def _kept_results(self, index: int, project: str | None) -> RunResults | None:
        with suppress(PublishError):
            return self.results(index, project)
        return None


class ResultsReader:
    """Reads the results of published runs, and keeps those of the last ones that were asked for. Thread-safe."""

    def __init__(self, output: WatchedOutput, only: frozenset[str] | None, *, is_fixed: bool = False) -> None:
        """Create an empty cache.

        Args:
            output: The output, which need not exist yet.
            only: The segments to read, by their present ids; None for all.
            is_fixed: Whether later publications are ignored.
        """
        self._output, self.only, self._is_fixed = output, only, is_fixed
        self._first: Published | None = None
        # What is in the folder of a run never changes.
        self._published: Callable[[str], Published] = lru_cache(_MANIFESTS_KEPT)(self._read)
        self.results: Callable[[Published, int, str | None], RunResults] = lru_cache(_RUNS_KEPT)(self._results)
        self.defined: Callable[[Published, int], Mapping[str, Defined]] = lru_cache(_MANIFESTS_KEPT)(self._defined)
        self.recorded: Callable[[str], RecordedResults] = lru_cache(_RUNS_KEPT)(
            lambda folder: read_manifest_as(self.run_folder(folder), RecordedResults)
        )

    def published(self) -> Published:
        """Return the published runs.

        Raises:
            UsageError: Nothing is published.
            PublishError: The published runs cannot be read.
        """
        if self._first is not None and self._is_fixed:
            return self._first
        self._output.refresh()
        self._first = self._published(ensure_published(self._output.folder))
        return self._first

    def run_folder(self, folder: str) -> Path:
        """Return the folder of a run."""
        return self._output.folder / RUNS / folder

    def _read(self, folder: str) -> Published:
        runs = read_history_of(self.run_folder(folder)).runs
        return Published(runs, present_ids(runs), self)

    def _results(self, published: Published, index: int, project: str | None) -> RunResults:
        past = published.runs[index]
        return RunResults.of(past.run, self.recorded(past.folder), published.names[index], project, self.only)

    def _defined(self, published: Published, index: int) -> Mapping[str, Defined]:
        names = published.names[index]
        return {
            names.get(one.segment_id, one.segment_id): Defined(
                one.definition, [names.get(target, target) for target in references_in(one.definition)]
            )
            for one in read_manifest(self.run_folder(published.runs[index].folder)).segments
        }
