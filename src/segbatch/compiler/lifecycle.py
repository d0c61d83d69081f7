"""Segments that a run does not evaluate on purpose: not enabled, or expired as of the run's time."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from segbatch.compiler.clock import Clock
from segbatch.definitions.definition import Definition
from segbatch.model.lifecycle import expiry_time
from segbatch.model.segment import Segment

NOTICE = timedelta(days=14)
"""Runs warn of an expiry this long before it."""


def expiry_of(segment: Segment, clock: Clock) -> datetime | None:
    """Return the moment when a segment expires, in UTC; None for never."""
    return None if segment.expires_at is None else expiry_time(segment.expires_at, clock.timezone)


def why_disabled(segment: Segment, clock: Clock) -> str | None:
    """Return the reason why a run does not evaluate a segment, in words that follow its id; None if it does."""
    if not segment.enabled:
        return "is not enabled"
    expiry = expiry_of(segment, clock)
    return f"expired at {segment.expires_at}" if expiry is not None and clock.as_of >= expiry else None


def expires_soon(segment: Segment, clock: Clock) -> timedelta | None:
    """Return the time until an enabled segment expires, if that is at most `NOTICE`."""
    expiry = expiry_of(segment, clock)
    left = None if expiry is None or not segment.enabled else expiry - clock.as_of
    return left if left is not None and timedelta() < left <= NOTICE else None


def split_disabled(definitions: Iterable[Definition], clock: Clock) -> tuple[tuple[Definition, ...], dict[str, str]]:
    """Split segments into those that a run evaluates, and the reasons why it does not evaluate the others, by id."""
    enabled, disabled = list[Definition](), dict[str, str]()
    for definition in definitions:
        reason = why_disabled(definition.segment, clock)
        if reason is None:
            enabled.append(definition)
        else:
            disabled[definition.segment_id] = reason
    return tuple(enabled), disabled
