"""What the endpoints work with."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from threading import Event
from typing import cast

from fastapi import Request

from segbatch.definitions.store import SegmentStore
from segbatch.interfaces.api.keys import KeyRing
from segbatch.interfaces.api.preview_worker import Previewer
from segbatch.runs.members import OpenRuns

__all__ = ["Service", "service_of"]


@dataclass
class Queue:
    """Those who wait for their turn.

    Attributes:
        turn: Held by the one whose turn it is.
        waiting: How many wait.
    """

    turn: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(1))
    waiting: int = 0


@dataclass
class Service:
    """What a server serves.

    Attributes:
        store: The saved segments.
        output: Where runs publish.
        keys: Who is let in; None lets everybody in, which is for the loopback alone.
        awaited: A file of keys that may come while the server is open, and closes it.
        hosts: The names by which the server is known where everybody is let in; a page of another name, opened in a
            browser on this machine, is not let in.
        contacts: The snapshot of previews; that of the last run, if not given.
        id_column: The column with the contacts' ids.
        custom_fields: The column that definitions call `custom_fields`, if it has another name.
        timezone: The time zone of previews; that of the last run, if not given.
        stopping: Set once the server is to end.
        previews: Who waits for a preview.
        previewer: Evaluates previews.
        arriving: How many bodies are waited for, by the id of the key.
    """

    store: SegmentStore
    output: Path
    keys: KeyRing | None = None
    hosts: frozenset[str] = frozenset()
    contacts: str | None = None
    id_column: str = "id"
    timezone: str | None = None
    awaited: Path | None = None
    stopping: Event = field(default_factory=Event)
    previews: Queue = field(default_factory=Queue)
    previewer: Previewer = field(default_factory=Previewer)
    custom_fields: str | None = None
    arriving: Counter[str | None] = field(default_factory=Counter)

    def ring(self) -> KeyRing | None:
        """Return who is let in, None for everybody; once a file of keys has come, it counts for good."""
        if self.keys is None and self.awaited is not None:
            ring = KeyRing(self.awaited)
            self.keys = ring if ring.is_there() else None
        return self.keys

    @cached_property
    def runs(self) -> OpenRuns:
        """The runs whose members are listed."""
        return OpenRuns(self.output)


async def service_of(request: Request) -> Service:
    """Return what the server that got a request serves."""
    return cast("Service", request.app.state.service)
