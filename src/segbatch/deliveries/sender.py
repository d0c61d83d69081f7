"""The interface of everything that sends a delivery, and what it sends."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from segbatch.deliveries.destination import PayloadFormat
from segbatch.deliveries.state import Kind
from segbatch.errors import ExportError


class SendError(ExportError):
    """The receiver did not confirm a delivery. The message has no ids and no secrets.

    Attributes:
        is_temporary: Whether another attempt may succeed.
        pause: The seconds that the receiver asks to wait before it; None if it did not ask.
    """

    def __init__(self, message: str, *, is_temporary: bool = True, pause: float | None = None) -> None:
        self.is_temporary, self.pause = is_temporary, pause
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Message:
    """A delivery, as a sender gets it.

    Attributes:
        key: The idempotency key: the same for each attempt.
        entered: The number of contacts that entered.
        exited: The number of contacts that left.
        path: The file with the rows.
    """

    destination: str
    segment_id: str
    run_id: str
    kind: Kind
    key: str
    entered: int
    exited: int
    format: PayloadFormat
    path: Path


class Sender(Protocol):
    """Sends deliveries to a destination."""

    def send(self, message: Message) -> None:
        """Make one attempt.

        Raises:
            SendError: The receiver did not confirm it.
        """
