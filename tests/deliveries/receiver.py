"""A receiver in memory that applies deliveries as the documentation says, and fails when it is told to."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pyarrow.parquet as pq

from segbatch.deliveries.deliver import DeliveryOptions, DeliveryReport, deliver
from segbatch.deliveries.destination import Destination
from segbatch.deliveries.senders import Message, SendError
from workspace import Workspace


class Killed(BaseException):
    """The process dies: nothing that comes after it is done."""


@dataclass
class Receiver:
    """Holds the members of each segment.

    Attributes:
        keeps_keys: Whether a delivery with a known key is ignored.
        mishap: What happens to the next deliveries: called before and after one is applied.
    """

    keeps_keys: bool = True
    mishap: Callable[[str, Message], None] = lambda _when, _message: None
    members: dict[str, set[str]] = field(default_factory=dict)
    keys: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    messages: list[Message] = field(default_factory=list)

    def send(self, message: Message) -> None:
        self.mishap("before", message)
        self.messages.append(message)
        rows = rows_of(message)
        counts = {change: sum(one == change for _, one in rows) for change in ("entered", "exited")}
        assert counts == {"entered": message.entered, "exited": message.exited}
        if message.key in self.keys:
            assert self.keys[message.key] == rows, "the same key means the same rows"
        if message.key not in self.keys or not self.keeps_keys:
            self._apply(message, rows)
        self.keys[message.key] = rows
        self.mishap("after", message)

    def _apply(self, message: Message, rows: list[tuple[str, str]]) -> None:
        held = self.members.setdefault(message.segment_id, set())
        if message.kind == "all":
            held.clear()
        for contact, change in rows:
            if change == "entered":
                held.add(contact)
            else:
                held.discard(contact)

    @property
    def present(self) -> dict[str, set[str]]:
        return {segment_id: members for segment_id, members in self.members.items() if members}


def rows_of(message: Message) -> list[tuple[str, str]]:
    if message.format == "parquet":
        rows = pq.read_table(message.path).to_pylist()
    else:
        rows = [json.loads(line) for line in message.path.read_text().splitlines()]
    return [(row["contact_id"], row["change"]) for row in rows]


def fail(message: str = "no", *, temporary: bool = True) -> Callable[[str, Message], None]:
    def mishap(when: str, _: Message) -> None:
        if when == "before":
            raise SendError(message, is_temporary=temporary)

    return mishap


def unconfirmed(when: str, _: Message) -> None:
    """Apply a delivery, and lose the answer."""
    if when == "after":
        raise SendError("no answer")


def killed(when: str, _: Message) -> None:
    """Die after the delivery, before it is written down."""
    if when == "after":
        raise Killed


def well(_when: str, _message: Message) -> None:
    """Let nothing happen."""


Deliver = Callable[..., DeliveryReport]


def published(workspace: Workspace) -> dict[str, set[str]]:
    """Return the members of each segment that has any."""
    found: dict[str, set[str]] = {}
    for segment_id, contact in workspace.ask("SELECT segment_id, contact_id FROM membership"):
        found.setdefault(segment_id, set()).add(contact)
    return found


def deliver_to(workspace: Workspace, options: dict[str, Any], **more: Any) -> DeliveryReport:
    """Deliver to one destination, without waiting between attempts."""
    destination = Destination.of("crm", {"command": "true", "retries": 0} | options)
    return deliver(workspace.output, [destination], DeliveryOptions(sleep=lambda _: None, **more))
