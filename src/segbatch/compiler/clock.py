"""Reference time and time zone of a run."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from segbatch.compiler.literals import LiteralTypeError, ensure_exists, read_moment
from segbatch.errors import UsageError
from segbatch.text import shown


@dataclass(frozen=True, slots=True)
class Clock:
    """Reference time and time zone of a run.

    Attributes:
        as_of: The time, with a time zone, that relative dates are measured from.
        timezone: The zone of the calendar days and wall-clock times in definitions.
    """

    as_of: datetime
    timezone: ZoneInfo

    def now(self, *, in_days: bool) -> date | datetime:
        """Return the time that relative dates are measured from, or its day."""
        return self.day_of(self.as_of) if in_days else self.as_of

    def day_of(self, moment: date | datetime) -> date:
        """Return the calendar day of an instant, in the run's time zone; a date as it is."""
        return moment.astimezone(self.timezone).date() if isinstance(moment, datetime) else moment


def read_clock(as_of: str | datetime | None, timezone: str, now: datetime) -> Clock:
    """Parse the reference time of a run.

    Args:
        as_of: An ISO 8601 date-time or date (the start of that day), or a datetime. Without an offset it is in
            `timezone`; of a wall-clock time that occurs twice, the first is used.
        timezone: An IANA name.
        now: The default for `as_of`.

    Raises:
        UsageError: The time zone is unknown, or the time is not valid.
    """
    zone = _read_zone(timezone)
    if not isinstance(as_of, str):
        moment = as_of or now
        if moment.tzinfo is None:
            _ensure_exists(moment, zone)
        return Clock((moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC), zone)
    try:
        read = read_moment(as_of, zone)
    except LiteralTypeError as error:
        raise _invalid(as_of, error) from None
    if not isinstance(read, datetime):
        read = datetime.combine(read, time(), zone)
    try:
        return Clock(read.astimezone(UTC), zone)
    except OverflowError:
        raise UsageError(f"'{as_of}' is outside the calendar in {timezone} (--as-of)") from None


def _ensure_exists(moment: datetime, zone: ZoneInfo) -> None:
    try:
        ensure_exists(moment, zone)
    except LiteralTypeError as error:
        raise _invalid(moment.isoformat(), error) from None


def _invalid(as_of: str, error: LiteralTypeError) -> UsageError:
    return UsageError(f"{shown(as_of)} is not a valid time: {error} (--as-of)")


def _read_zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        message = f"unknown time zone '{name}'; write an IANA name such as Europe/Berlin (--timezone)"
        raise UsageError(message) from None
