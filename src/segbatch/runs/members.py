"""Paging through the members of a segment in a published run, while the run is kept open."""

import re
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Lock

from segbatch.model.manifest import RunRecord, SegmentRecord
from segbatch.storage.layout import RUNS, UNPUBLISHED
from segbatch.storage.manifest_io import ensure_published, read_manifest
from segbatch.storage.remote.watched_output import WatchedOutput
from segbatch.storage.retention import has_members
from segbatch.storage.run_files import has_state
from segbatch.storage.state import State, open_state

_FOLDER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:+@=~-]{0,254}")
_OPEN = 3


@dataclass(frozen=True, slots=True)
class OpenRun:
    """A published run whose members can be listed.

    Attributes:
        folder: The name of its folder, which is never used again for another run.
        segments: The segments of the run, by id.
        state: The membership as bits.
    """

    folder: str
    run: RunRecord
    segments: Mapping[str, SegmentRecord]
    state: State


class OpenRuns:
    """A cache of opened runs of an output folder. Thread-safe."""

    def __init__(self, output: WatchedOutput) -> None:
        """Create an empty cache.

        Args:
            output: The output, which need not exist yet.
        """
        self._output, self._folder = output, output.folder
        self._open: OrderedDict[str, OpenRun] = OrderedDict()
        self._lock = Lock()

    def last(self) -> OpenRun:
        """Return the currently published run.

        Raises:
            UsageError: Nothing is published in the folder.
            PublishError: The published run cannot be read.
        """
        self._output.refresh()
        return self._opened(ensure_published(self._folder))

    def find(self, folder: str) -> OpenRun | None:
        """Return a published run by its folder name; None if it was never published, or its members were pruned.

        Raises:
            PublishError: The run cannot be read.
        """
        run_folder = self._folder / RUNS / folder
        if not _FOLDER.fullmatch(folder) or (run_folder / UNPUBLISHED).exists() or not has_members(run_folder):
            return None
        self._output.fetch(folder)
        if not has_state(run_folder):
            return None
        return self._opened(folder)

    def _opened(self, folder: str) -> OpenRun:
        with self._lock:
            found = self._open.get(folder)
            if found is None:
                run_folder = self._folder / RUNS / folder
                manifest = read_manifest(run_folder)
                segments = {record.segment_id: record for record in manifest.segments}
                found = self._open[folder] = OpenRun(folder, manifest.run, segments, open_state(run_folder))
            self._open.move_to_end(folder)
            if len(self._open) > _OPEN:
                self._open.popitem(last=False)
            return found
