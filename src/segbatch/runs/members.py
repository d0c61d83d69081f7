"""The members of a segment in a published run, a page at a time, for those who hold on to the run meanwhile."""

import re
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from segbatch.model.manifest import RunRecord, SegmentRecord
from segbatch.storage.layout import RUNS, STATE, UNPUBLISHED
from segbatch.storage.manifest_io import ensure_published, read_manifest
from segbatch.storage.state import State, open_state

__all__ = ["OpenRun", "OpenRuns"]

_FOLDER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:+@=~-]{0,254}")
_OPEN = 3


@dataclass(frozen=True, slots=True)
class OpenRun:
    """A published run whose members can be listed.

    Attributes:
        folder: The name of its folder, which no other run ever has.
        run: The run.
        segments: Its segments, by id.
        state: Who is in which.
    """

    folder: str
    run: RunRecord
    segments: Mapping[str, SegmentRecord]
    state: State


class OpenRuns:
    """The runs of an output folder that somebody is reading. Threads can share it."""

    def __init__(self, output: Path) -> None:
        """Open no run yet.

        Args:
            output: The output folder, which need not be there.
        """
        self._output = output
        self._open: OrderedDict[str, OpenRun] = OrderedDict()
        self._lock = Lock()

    def last(self) -> OpenRun:
        """Return the run that is published now.

        Raises:
            UsageError: Nothing is published.
            PublishError: What is published cannot be read.
        """
        return self._opened(ensure_published(self._output))

    def find(self, folder: str) -> OpenRun | None:
        """Return a run that was published; None where it never was, or has no members any more.

        Raises:
            PublishError: It cannot be read.
        """
        place = self._output / RUNS / folder
        if not _FOLDER.fullmatch(folder) or (place / UNPUBLISHED).exists() or not (place / STATE).exists():
            return None
        return self._opened(folder)

    def _opened(self, folder: str) -> OpenRun:
        with self._lock:
            found = self._open.get(folder)
            if found is None:
                place = self._output / RUNS / folder
                manifest = read_manifest(place)
                segments = {record.segment_id: record for record in manifest.segments}
                found = self._open[folder] = OpenRun(folder, manifest.run, segments, open_state(place))
            self._open.move_to_end(folder)
            if len(self._open) > _OPEN:
                self._open.popitem(last=False)
            return found
