"""The deliveries of one segment: from the run that the receiver has to the published run, one run after another."""

import hashlib
import json
import os
import tempfile
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pyarrow as pa

from segbatch.deliveries.destination import Destination, PayloadFormat, Start
from segbatch.deliveries.published import PublishedRuns
from segbatch.deliveries.rows import Hop, Rows, open_rows
from segbatch.deliveries.senders import Message
from segbatch.deliveries.state import DeliveryState, Pending, Position, RunRef
from segbatch.errors import ExportError, PublishError
from segbatch.exports.rows import CHANGE, CHANGES, CONTACT_ID, combine_frames
from segbatch.exports.writers import Format, Layout, make_writer
from segbatch.snapshot.id_checks import ids_as_series

_OWNER_ONLY = 0o600
_WRITERS: dict[PayloadFormat, Format] = {"ndjson": "jsonl", "parquet": "parquet"}


@dataclass(frozen=True, slots=True)
class SegmentDelivery:
    """The tools for the deliveries of segments to a destination.

    Attributes:
        is_dry: Whether nothing may be written.
        send: Sends a message, and raises an error if the receiver did not confirm it.
    """

    runs: PublishedRuns
    state: DeliveryState
    destination: Destination
    is_dry: bool
    send: Callable[[Message], None]

    def write(self, position: Position) -> None:
        """Write the progress of a segment."""
        if not self.is_dry:
            self.state.write(position)


def first_position(runs: PublishedRuns, state: DeliveryState, start: Start, segment_id: str) -> Position:
    """Return the position of a segment that the destination gets for the first time.

    A segment that did not exist when the destination was last served is new: all its members entered since.
    """
    if start == "all":
        return Position(segment_id=segment_id)
    since = state.read_start()
    is_new = since is not None and not _existed(runs, since, segment_id)
    return Position(segment_id=segment_id, delivered=since if is_new else runs.current)


def _existed(runs: PublishedRuns, since: RunRef, segment_id: str) -> bool:
    """Return whether a segment was in a run; True if the run is gone."""
    try:
        return any(record.segment_id == segment_id for record in runs.manifest(since).segments)
    except PublishError:
        return True


def deliver_segment(delivery: SegmentDelivery, position: Position) -> None:
    """Send what the receiver of a segment does not have yet, and write down the progress.

    Raises:
        SegbatchError: A delivery failed. Nothing after it was sent, and the next call begins with it.
    """
    runs, state, segment_id = delivery.runs, delivery.state, position.segment_id
    written = state.read(segment_id)
    while (pending := _next(delivery, position)) is not None:
        position, is_written = _make(delivery, position, pending)
        written = position if is_written else written
    if delivery.is_dry:
        return
    if segment_id not in runs.segments:
        state.remove(segment_id)
    elif position != written:
        state.write(position)


def resend_position(runs: PublishedRuns, position: Position | None, segment_id: str) -> Position:
    """Return a position without members. If a resend was begun for the published run, it keeps its key."""
    begun = position.pending if position else None
    is_same = begun is not None and begun.kind == "all" and begun.run == runs.current
    return Position(segment_id=segment_id, pending=begun if is_same else None)


def _next(delivery: SegmentDelivery, position: Position) -> Pending | None:
    """Return the next delivery of a segment; None if the receiver has the members of the published run."""
    runs, begun, base = delivery.runs, position.pending, position.delivered
    if begun is not None and (begun.kind == "changes" or runs.has_run(begun.run)):
        return begun
    if base is None:
        return Pending(run=runs.current, kind="all", key=str(uuid.uuid4()))
    if base == runs.current:
        return None
    index = runs.index_of(base)
    target = runs.current if index is None else RunRef.of(runs.history.runs[index + 1])
    return Pending(run=target, kind="changes", key=_key(delivery.destination.name, position.segment_id, base, target))


def _key(destination: str, segment_id: str, base: RunRef, target: RunRef) -> str:
    """Return the idempotency key of changes, which is the same whenever they are sent."""
    runs = [run.model_dump_json() for run in (base, target)]
    digest = hashlib.sha256(json.dumps([destination, segment_id, *runs]).encode()).digest()
    return str(uuid.UUID(bytes=digest[:16]))


def _make(delivery: SegmentDelivery, position: Position, pending: Pending) -> tuple[Position, bool]:
    """Make a delivery. Changes without rows are not sent.

    Returns:
        The position after it, and whether that was written down.
    """
    done = Position(segment_id=position.segment_id, delivered=pending.run)
    base = None if pending.kind == "all" else position.delivered
    with (
        open_rows(delivery.runs, Hop(position.segment_id, base, pending.run)) as rows,
        tempfile.TemporaryDirectory(prefix="segbatch-") as folder,
    ):
        if rows is None:
            return done, False
        file_format = delivery.destination.format
        payload = _write_payload(rows, file_format, Path(folder) / f"{pending.key}.{file_format}")
        if pending.kind == "changes" and not payload.entered and not payload.exited:
            return done, False
        delivery.write(position.model_copy(update={"pending": pending}))
        delivery.send(_message(delivery, position.segment_id, pending, payload))
    delivery.write(done)
    return done, True


@dataclass(frozen=True, slots=True)
class _Payload:
    """The rows of a delivery in a file.

    Attributes:
        entered: The number of contacts that entered.
        exited: The number of contacts that left.
    """

    path: Path
    entered: int
    exited: int


def _write_payload(rows: Rows, payload_format: PayloadFormat, path: Path) -> _Payload:
    """Write the rows of a delivery to a file that only its owner can read.

    Raises:
        ExportError: The file cannot be written.
        PublishError: The rows cannot be read.
    """
    number = entered = 0
    empty = pl.DataFrame([ids_as_series(pa.array([], rows.id_type)).alias(CONTACT_ID), pl.Series(CHANGE, [], CHANGES)])
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _OWNER_ONLY)
        with os.fdopen(descriptor, "wb") as file:
            writer = make_writer(_WRITERS[payload_format], file, Layout(empty, rows.id_type))
            for frame in combine_frames(rows.frames):
                if len(frame):
                    writer.write(frame)
                    number += len(frame)
                    entered += int((frame.get_column(CHANGE) == "entered").sum())
            writer.finish()
    except OSError as error:
        raise ExportError(f"{path}: cannot be written: {error.strerror}") from None
    return _Payload(path, entered, number - entered)


def _message(delivery: SegmentDelivery, segment_id: str, pending: Pending, payload: _Payload) -> Message:
    return Message(
        destination=delivery.destination.name,
        segment_id=segment_id,
        run_id=pending.run.run_id,
        kind=pending.kind,
        key=pending.key,
        entered=payload.entered,
        exited=payload.exited,
        format=delivery.destination.format,
        path=payload.path,
    )
