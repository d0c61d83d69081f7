"""The result of deliveries."""

from dataclasses import dataclass, field
from typing import Literal

from segbatch.deliveries.sender import Message
from segbatch.deliveries.state import Kind
from segbatch.errors import Problem

Status = Literal["sent", "failed", "not_sent"]
"""`not_sent` is a delivery of a dry run."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """A delivery of a segment to a destination.

    Attributes:
        run_id: The run whose members the receiver has after it.
        kind: `changes`, or `all` members.
        key: The idempotency key.
    """

    destination: str
    segment_id: str
    run_id: str
    kind: Kind
    entered: int
    exited: int
    key: str
    status: Status

    @classmethod
    def of(cls, message: Message, status: Status) -> "Delivery":
        """Return the result of a message."""
        return cls(
            message.destination,
            message.segment_id,
            message.run_id,
            message.kind,
            message.entered,
            message.exited,
            message.key,
            status,
        )


@dataclass(slots=True)
class DeliveryReport:
    """The result of deliveries to all destinations.

    Attributes:
        run_id: The published run.
        deliveries: The deliveries that were tried, in their order.
        started: The segments whose changes are sent from the published run on, as pairs of destination and segment.
        errors: The reasons why deliveries failed.
        warnings: Facts that may be mistakes.
        are_locked: Whether other processes deliver to all destinations that failed.
    """

    run_id: str
    deliveries: list[Delivery] = field(default_factory=list)
    started: list[tuple[str, str]] = field(default_factory=list)
    errors: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    are_locked: bool = False
