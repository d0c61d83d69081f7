"""The main use case: send each destination the contacts that entered and left its segments since the last delivery."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal

from segbatch.deliveries.destination import Destination
from segbatch.deliveries.published import PublishedRuns
from segbatch.deliveries.segment import SegmentDelivery, deliver_segment, first_position, resend_position
from segbatch.deliveries.senders import Message, Sender, SendError, open_sender
from segbatch.deliveries.state import DeliveryState, Kind, Position
from segbatch.errors import Problem, SegbatchError
from segbatch.storage.output_lock import FAIL_IF_LOCKED, LockedError, LockPolicy, lock_output
from segbatch.storage.remote.open_output import open_output
from segbatch.text import counted, did_you_mean, shown, some_of

Status = Literal["sent", "failed", "not_sent"]
"""`not_sent` is a delivery of a dry run."""

_MAX_FAILURES = 3
"""The number of segments in a row that may fail, before the receiver counts as down and the others have to wait."""

_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 30.0


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


@dataclass(frozen=True, slots=True)
class DeliveryOptions:
    """The options of a call.

    Attributes:
        segments: Deliver only these segments; empty for all that the destinations select.
        resend: Whether to send all members, which replace what the receiver has.
        dry_run: Only report what would be sent, and change nothing.
        lock_policy: The behaviour when another process delivers to the same destination.
        sleep: Waits for some seconds between two attempts.
        on_delivery: Called after each delivery.
    """

    segments: Sequence[str] = ()
    resend: bool = False
    dry_run: bool = False
    lock_policy: LockPolicy = FAIL_IF_LOCKED
    sleep: Callable[[float], None] = time.sleep
    on_delivery: Callable[[Delivery], None] | None = None


_NO_OPTIONS = DeliveryOptions()


def deliver(
    output: str | Path, destinations: Sequence[Destination], options: DeliveryOptions = _NO_OPTIONS
) -> DeliveryReport:
    """Send what has not been sent yet, to one destination after another.

    A destination that fails does not affect the others.

    Args:
        output: The folder that runs publish in, or its address in object storage.

    Raises:
        UsageError: Nothing is published in the folder.
        PublishError: The published runs cannot be read.
    """
    with open_output(output) as folder:
        return _deliver(PublishedRuns.read(folder), destinations, options)


def _deliver(runs: PublishedRuns, destinations: Sequence[Destination], options: DeliveryOptions) -> DeliveryReport:
    report = DeliveryReport(runs.current.run_id)
    locked, unknown = 0, set(options.segments)
    for destination in destinations:
        state = DeliveryState.of(runs.output, destination.name)
        try:
            with _lock(state, destination, options):
                unknown.difference_update(_Session(runs, destination, state, options, report).deliver())
        except SegbatchError as error:
            locked += isinstance(error, LockedError)
            report.errors.append(Problem(f"destination '{destination.name}': {error}"))
    if not report.errors:
        near = {name: did_you_mean(name, runs.segments) for name in sorted(unknown)}
        message = "no destination gets a segment"
        report.errors += (Problem(f"{message} {shown(name)}{near[name]} (--segment)") for name in near)
    report.are_locked = bool(locked) and locked == len(report.errors)
    return report


def _lock(state: DeliveryState, destination: Destination, options: DeliveryOptions) -> AbstractContextManager[None]:
    if options.dry_run:
        return nullcontext()
    return lock_output(state.lock, f"deliver {destination.name}", options.lock_policy)


@dataclass(frozen=True, slots=True)
class _Session:
    """All deliveries to one destination."""

    runs: PublishedRuns
    destination: Destination
    state: DeliveryState
    options: DeliveryOptions
    report: DeliveryReport

    def deliver(self) -> Sequence[str]:
        """Deliver every segment, and return the segments that were to be delivered."""
        sender = open_sender(self.destination)
        known = self.state.segment_ids()
        selected = self._select(known)
        failures, failed = 0, False
        for number, segment_id in enumerate(selected):
            if failures == _MAX_FAILURES:
                waiting = selected[number:]
                message = f"{counted(len(waiting), 'segment')} not tried after {failures} failures in a row"
                self._fail(f"{message} ({some_of(waiting)}); the next deliver tries again")
                break
            is_sent = self._deliver_segment(segment_id, sender)
            failures, failed = (0, failed) if is_sent else (failures + 1, True)
        is_complete = not failed and not self.options.segments
        if is_complete and not self.options.dry_run:
            self.state.write_start(self.runs.current)
        return selected

    def _select(self, known: Sequence[str]) -> list[str]:
        """Return the segments to deliver: those that the settings select, and deleted ones that the receiver has."""
        only, present = self.destination.only, self.runs.segments
        deleted = [segment_id for segment_id in known if segment_id not in present]
        for segment_id in only.segments:
            if segment_id not in present and segment_id not in deleted:
                near = did_you_mean(segment_id, present)
                self._fail(f"run {self.report.run_id} has no segment {shown(segment_id)}{near}")
        chosen = [record.segment_id for record in present.values() if only.matches(record)]
        left = [segment_id for segment_id in known if segment_id in present and segment_id not in chosen]
        if left:
            message = f"not selected any more, so the receiver keeps what it has: {some_of(left)}"
            self._warn(message)
        if not chosen and not deleted and only and not only.segments:
            self._fail(f"no segment of run {self.report.run_id} has {only}")
        wanted = self.options.segments
        return sorted(segment_id for segment_id in (*chosen, *deleted) if not wanted or segment_id in wanted)

    def _deliver_segment(self, segment_id: str, sender: Sender) -> bool:
        """Deliver a segment, and return whether that succeeded."""
        is_dry = self.options.dry_run
        send = partial(self._send, sender)
        delivery = SegmentDelivery(self.runs, self.state, self.destination, is_dry, send)
        try:
            deliver_segment(delivery, self._position(segment_id))
        except SegbatchError as error:
            self._fail(f"segment '{segment_id}': {error}")
            return False
        return True

    def _position(self, segment_id: str) -> Position:
        position = self.state.read(segment_id)
        if self.options.resend:
            return resend_position(self.runs, position, segment_id)
        if position is None:
            position = first_position(self.runs, self.state, self.destination.start, segment_id)
            if position.delivered == self.runs.current:
                self.report.started.append((self.destination.name, segment_id))
        return position

    def _send(self, sender: Sender, message: Message) -> None:
        """Send a message, with several attempts.

        Raises:
            SendError: All attempts failed.
        """
        if self.options.dry_run:
            self._record(Delivery.of(message, "not_sent"))
            return
        for pause in self._pauses():
            try:
                sender.send(message)
                break
            except SendError as error:
                if pause is None or not error.is_temporary:
                    self._record(Delivery.of(message, "failed"))
                    raise
                self.options.sleep(pause if error.pause is None else error.pause)
        self._record(Delivery.of(message, "sent"))

    def _pauses(self) -> Iterator[float | None]:
        """Yield for each attempt the seconds to wait if it fails; None for the last one."""
        for number in range(self.destination.retries):
            yield min(_FIRST_PAUSE * 2**number, _LONGEST_PAUSE)
        yield None

    def _record(self, delivery: Delivery) -> None:
        self.report.deliveries.append(delivery)
        if self.options.on_delivery:
            self.options.on_delivery(delivery)

    def _fail(self, message: str) -> None:
        self.report.errors.append(Problem(f"destination '{self.destination.name}': {message}"))

    def _warn(self, message: str) -> None:
        self.report.warnings.append(Problem(f"destination '{self.destination.name}': {message}", severity="warning"))
