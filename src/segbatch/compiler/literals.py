"""Parsing of a rule's value as the type of its column.

A value that cannot be parsed is an error of the rule; the rule never silently matches no contact.
"""

import math
import re
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from zoneinfo import ZoneInfo

from segbatch.model.values import Scalar

WHITE_SPACE = " \t\n\r\f\v"
"""Characters that are allowed around a number in a text; ASCII only, as in DuckDB and in C."""

UNICODE_SPACE = (
    "\t\n\v\f\r \x85\xa0\u1680"
    "\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)
"""White space in a blank text: all 25 characters that have Unicode's property White_Space."""

_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DATETIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?(Z|[+-][0-9]{2}(:?[0-9]{2})?)?"
)
_UUID = re.compile(
    r"(?:urn:uuid:)?(\{?)([0-9a-f]{8})(-?)([0-9a-f]{4})\3([0-9a-f]{4})\3([0-9a-f]{4})\3([0-9a-f]{12})(\}?)"
)
_LONGEST_NUMBER = 400
_SMALLEST_EXPONENT = -400
_LARGEST_PLAIN_INTEGER = 10**15
_LARGEST_EXACT_DOUBLE = 2**53


class LiteralTypeError(Exception):
    """A value that cannot be read as the requested type; the text describes a valid value.

    Attributes:
        index: The position of the value in a list, from 0; None for a single value.
    """

    def __init__(self, message: str, index: int | None = None) -> None:
        self.index = index
        super().__init__(message)


def read_number(value: Scalar) -> Decimal:
    """Parse a number, or a text that contains one, without rounding.

    Raises:
        LiteralTypeError: The value is a boolean or another text, or is too large for a double.
    """
    if isinstance(value, bool):
        raise LiteralTypeError("write a number")
    text = value.strip(WHITE_SPACE) if isinstance(value, str) else repr(value)
    if not _NUMBER.fullmatch(text):
        raise LiteralTypeError("write a number")
    number = _decimal(text)
    if number is None or math.isinf(float(number)):
        raise LiteralTypeError("write a number that a double can hold (up to about 1.8e308)")
    return number


def _decimal(text: str) -> Decimal | None:
    """Convert to a decimal; return None if exact arithmetic would not finish (a very long or small number)."""
    if len(text) > _LONGEST_NUMBER:
        return None
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return number if not number or number.adjusted() > _SMALLEST_EXPONENT else None


def number_text(value: float) -> str:
    """Return a number in its usual notation: `10` for 10 and for 10.0, `1.5` for 1.5."""
    if abs(value) < _LARGEST_PLAIN_INTEGER and value == int(value):
        return str(int(value))
    return repr(value)


def read_text(value: Scalar, *, is_ordered: bool = False) -> str | Decimal:
    """Parse a value for a field of texts: a number is compared with the texts that are numbers.

    Raises:
        LiteralTypeError: The value is a boolean, and the comparison is for an order; or it is not exact as a number.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        if is_ordered:
            raise LiteralTypeError("true and false have no order; write a text or a number")
        return "true" if value else "false"
    number = read_number(value)
    if abs(float(number)) >= _LARGEST_EXACT_DOUBLE:
        raise LiteralTypeError("a number this long is not exact in a column of text; write it as a text, in quotes")
    return number


def read_boolean(value: Scalar) -> bool:
    """Parse a boolean, or the text `true` or `false`.

    Raises:
        LiteralTypeError: The value is neither.
    """
    match value:
        case bool():
            return value
        case "true" | "false":
            return value == "true"
        case _:
            raise LiteralTypeError("write true or false")


def read_date(value: Scalar) -> date:
    """Parse an ISO 8601 date.

    Raises:
        LiteralTypeError: The value is not a date, or the day does not exist in the calendar.
    """
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        raise LiteralTypeError("write a date like '2025-06-01'")
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise LiteralTypeError("the day does not exist; write a date like '2025-06-01'") from None


def read_uuid(value: Scalar) -> str:
    """Parse a UUID in any usual form: in capitals, without hyphens, in braces, or as a URN.

    Returns:
        Its canonical form.

    Raises:
        LiteralTypeError: The value is another text or not a text.
    """
    found = _UUID.fullmatch(value.strip(WHITE_SPACE).lower()) if isinstance(value, str) else None
    if found is None or bool(found[1]) != bool(found[8]):
        raise LiteralTypeError("write a UUID like '6f9619ff-8b86-d011-b42d-00c04fc964ff'")
    return "-".join(found.group(2, 4, 5, 6, 7))


def lowered_uuid(value: str) -> str:
    """Return the canonical form of a UUID; return any other text, which may be part of a UUID, in lower case."""
    try:
        return read_uuid(value)
    except LiteralTypeError:
        return value.lower()


def read_moment(value: Scalar, timezone: ZoneInfo) -> datetime | date:
    """Parse an ISO 8601 date, or a date-time as an instant.

    Args:
        timezone: The zone of a date-time without offset. If a wall-clock time occurs twice (the clocks go back), the
            first is used.

    Returns:
        A date, or a date-time in UTC.

    Raises:
        LiteralTypeError: The value is neither, or is a wall-clock time that the clocks skip.
    """
    if isinstance(value, str) and _DATE.fullmatch(value):
        return read_date(value)
    if not isinstance(value, str) or not _DATETIME.fullmatch(value):
        raise LiteralTypeError("write a date-time like '2025-06-01T10:00:00Z', or a date like '2025-06-01'")
    try:
        moment = datetime.fromisoformat(value)
        instant = (moment if moment.tzinfo else moment.replace(tzinfo=timezone)).astimezone(UTC)
    except OverflowError:
        raise LiteralTypeError("in UTC, this is before the year 1 or after 9999; write a time between them") from None
    except ValueError:
        raise LiteralTypeError("the day, hour or offset does not exist; write it like '2025-06-01T10:00:00Z'") from None
    if moment.tzinfo is None:
        ensure_exists(moment, timezone)
    return instant


def ensure_exists(moment: datetime, timezone: ZoneInfo) -> None:
    """Raise an error if a wall-clock time does not exist in a zone: in spring the clocks skip an hour.

    Raises:
        LiteralTypeError: The clocks skip this time.
    """
    instant = moment.replace(tzinfo=timezone).astimezone(UTC)
    shown = instant.astimezone(timezone)
    if shown.replace(tzinfo=None, fold=0) != moment.replace(fold=0):
        advice = f"write {shown.isoformat()}, or another time with its offset"
        raise LiteralTypeError(f"the clocks of {timezone.key} skip this time; {advice}")
