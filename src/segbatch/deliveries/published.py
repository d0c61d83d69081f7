"""The published runs that deliveries compare, also those that were replaced or rolled back since."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from segbatch.deliveries.state import RunRef
from segbatch.errors import PublishError
from segbatch.model.manifest import History, Manifest, PastRun, SegmentRecord
from segbatch.runs.history import published_history
from segbatch.storage.layout import RUNS
from segbatch.storage.manifest_io import read_history_of, read_manifest
from segbatch.storage.remote.open_output import fetch_members
from segbatch.storage.retention import has_members


@dataclass(frozen=True)
class PublishedRuns:
    """The published runs of an output folder, as they are when the deliveries begin.

    Attributes:
        history: The published runs; there is at least one.
    """

    output: Path
    history: History
    _manifests: dict[str, Manifest] = field(default_factory=dict)

    @classmethod
    def read(cls, output: Path) -> "PublishedRuns":
        """Read the published runs.

        Raises:
            UsageError: Nothing is published in the folder.
            PublishError: The published runs cannot be read.
        """
        return cls(output, published_history(output))

    @cached_property
    def current(self) -> RunRef:
        """The published run."""
        return RunRef.of(self.history.runs[-1])

    @cached_property
    def segments(self) -> dict[str, SegmentRecord]:
        """The segments of the published run, by id."""
        records = self.manifest(self.current).segments
        return {record.segment_id: record for record in records if not record.is_guess}

    def index_of(self, run: RunRef) -> int | None:
        """Return the index of a run in the history; None if it was replaced or rolled back."""
        return next((number for number, past in enumerate(self.history.runs) if _is_run(past, run)), None)

    def folder(self, run: RunRef) -> Path:
        """Return the folder of a run."""
        return self.output / RUNS / run.folder

    def manifest(self, run: RunRef) -> Manifest:
        """Return the manifest of a run.

        Raises:
            PublishError: The manifest is missing or damaged, or belongs to a later run in the same folder.
        """
        found = self._manifests.get(run.folder)
        if found is None:
            found = self._manifests[run.folder] = read_manifest(self.folder(run))
        if found.run.started_at != run.started_at:
            raise PublishError(f"{self.folder(run)}: has another run now")
        return found

    def is_readable(self, run: RunRef) -> bool:
        """Return whether the files of a run still exist, including its members."""
        try:
            if run.folder not in self._manifests:
                fetch_members(self.output, run.folder)
            return self.manifest(run).run.run_id == run.run_id and has_members(self.folder(run))
        except PublishError:
            return False

    def has_run(self, run: RunRef) -> bool:
        """Return whether the members of a run can be determined."""
        return self.index_of(run) is not None or self.is_readable(run)

    def history_of(self, run: RunRef) -> Sequence[PastRun]:
        """Return the runs up to and including a run, which may have been replaced or rolled back.

        Raises:
            PublishError: Its files do not exist any more.
        """
        index = self.index_of(run)
        if index is not None:
            return self.history.runs[: index + 1]
        self.manifest(run)
        return read_history_of(self.folder(run)).runs

    def lineage(self, segment_id: str, index: int) -> Iterator[tuple[PastRun, str]]:
        """Yield the runs after a run of the history, each with the id that the segment has there.

        It ends where the segment was deleted and another one got its id.

        Args:
            segment_id: The id that the segment has in the run.
            index: The index of that run.
        """
        for past in self.history.runs[index + 1 :]:
            if segment_id in past.renamed:
                segment_id = past.renamed[segment_id]
            elif segment_id in past.renamed.values():
                return
            yield past, segment_id


def _is_run(past: PastRun, run: RunRef) -> bool:
    return past.folder == run.folder and past.run.started_at == run.started_at
