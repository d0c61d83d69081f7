"""State of the server, shared by the endpoints."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from threading import Event
from typing import cast

from fastapi import Request

from segbatch.definitions.store.segment_store import SegmentStore
from segbatch.errors import Problem
from segbatch.interfaces.api.keys.key_store import KeyRing
from segbatch.interfaces.api.previewer import Previewer
from segbatch.interfaces.api.sessions import Sessions
from segbatch.runs.members import OpenRuns
from segbatch.runs.views import RunViews
from segbatch.snapshot.related.sources import TableSource
from segbatch.storage.remote.watched_output import WatchedOutput


@dataclass
class Queue:
    """The queue of previews.

    Attributes:
        turn: Acquired by the preview that is evaluated.
        waiting: The number of previews that wait.
    """

    turn: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(1))
    waiting: int = 0


@dataclass
class Service:
    """The state of a server.

    Attributes:
        store: The saved segments.
        output: The folder that runs publish in, or its address.
        keys: The accepted keys. None accepts every request; this is for the loopback interface only.
        expected_keys: A file of keys that may be created while the server has no keys. From then on, a key is required.
        hosts: The names of the server when it has no keys. Requests with another name are rejected, because they may
            come from pages of other sites in a browser on this machine.
        contacts: The snapshot for previews; by default the one of the last run.
        id_column: The column with the contact ids.
        custom_fields: The column that definitions call `custom_fields`, if its name is different.
        tables: The related tables for previews; by default those of the last run.
        lists: The folder of the lists that rules name; by default `lists` next to the definitions.
        timezone: The time zone for previews; by default the one of the last run.
        stopping: Set when the server starts to shut down.
        previews: The queue of previews.
        previewer: Evaluates previews.
        arriving: The number of request bodies that are being received, by the id of the key.
        warn: Writes a warning to the server's log.
        sessions: The sign-ins of browsers.
        overlaps: The queue of comparisons of segments, which can take long and would block all other requests.
    """

    store: SegmentStore
    output: str | Path
    keys: KeyRing | None = None
    hosts: frozenset[str] = frozenset()
    contacts: str | None = None
    id_column: str = "id"
    timezone: str | None = None
    expected_keys: Path | None = None
    stopping: Event = field(default_factory=Event)
    previews: Queue = field(default_factory=Queue)
    previewer: Previewer = field(default_factory=Previewer)
    custom_fields: str | None = None
    tables: Mapping[str, TableSource] = field(default_factory=dict)
    lists: Path | None = None
    arriving: Counter[str | None] = field(default_factory=Counter)
    warn: Callable[[Problem], None] | None = None
    sessions: Sessions = field(default_factory=Sessions)
    overlaps: Queue = field(default_factory=Queue)

    def ring(self) -> KeyRing | None:
        """Return the accepted keys; None accepts every request.

        Once the expected file of keys exists, it is used permanently.
        """
        if self.keys is None and self.expected_keys is not None:
            ring = KeyRing(self.expected_keys)
            self.keys = ring if ring.exists() else None
        return self.keys

    @cached_property
    def runs(self) -> OpenRuns:
        """Return the runs whose members are listed."""
        return OpenRuns(self.watched)

    @cached_property
    def views(self) -> RunViews:
        """Return the answers about published runs."""
        return RunViews(self.watched)

    @cached_property
    def watched(self) -> WatchedOutput:
        """Return the output, which is refreshed if it is not a folder."""
        return WatchedOutput(self.output, self.warn)


async def service_of(request: Request) -> Service:
    """Return the state of the server that received a request."""
    return cast("Service", request.app.state.service)
