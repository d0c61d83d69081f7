"""Validation of a rule's value against its operator; the rest depends on the column's type and is checked later."""

import math
import re
from collections.abc import Callable, Mapping
from decimal import Decimal

from pydantic_core import PydanticCustomError

from segbatch.model.limits import MAX_DURATION, MAX_ID_LENGTH, MAX_VALUE_LENGTH, MAX_VALUES
from segbatch.model.operators import Shape
from segbatch.model.rounded_number import RoundedNumber
from segbatch.model.sample import SampleRange, check_sample
from segbatch.text import cut, shown

Scalar = str | int | float | bool
"""A single value that a field is compared with."""

RuleValue = Scalar | tuple[Scalar, ...] | SampleRange
"""The value of a rule."""

DURATION = re.compile(r"([0-9]{1,6})(min|h|d|w|mo|y)")
"""A duration such as `90min`, `36h`, `30d`, `12w`, `6mo`, `2y`."""

_TOO_LONG = re.compile(r"0*[1-9][0-9]{6,}(min|h|d|w|mo|y)")
_AMBIGUOUS = re.compile(r"([0-9]{1,6})m", re.IGNORECASE)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MAX_BITS = 1024
_DIGITS_SHOWN = 45
LIST_NAME = re.compile(rf"(?!\.)[A-Za-z0-9._-]{{1,{MAX_ID_LENGTH}}}")


def wrong(message: str, key: str | None = None) -> PydanticCustomError:
    """Return a validation error whose message is shown unchanged.

    Args:
        key: The key that is wrong, if the validator checks the object as a whole.
    """
    return PydanticCustomError("segbatch", "{message}", {"message": message, "key": key})


def check_value(value: object, shape: Shape) -> RuleValue | None:
    """Validate a value against the kind of value that its operator takes.

    Args:
        value: The value in the definition; None if it is missing.

    Returns:
        The value; a list as a tuple.

    Raises:
        PydanticCustomError: The value has the wrong kind, or exceeds a limit.
    """
    if shape == "nothing":
        return value if isinstance(value, str | int | float) else None
    return None if value is None else _CHECKS[shape](value)


def _scalar(value: object) -> Scalar:
    match value:
        case str() if len(value) > MAX_VALUE_LENGTH:
            raise wrong(f"the value has {len(value):,} characters; at most {MAX_VALUE_LENGTH:,} are allowed")
        case float() if not math.isfinite(value):
            raise wrong(f"{value} cannot be compared with a field; write a finite number")
        case RoundedNumber():
            digits = cut(value.digits, _DIGITS_SHOWN)
            raise wrong(
                f"a JSON number cannot keep all digits of {digits} and would become {float(value)!r}; "
                f'write it as a text, in quotes: "{digits}"'
            )
        case int() if value.bit_length() > _MAX_BITS:
            raise wrong("the number is larger than any number that a column can store")
        case str() | int() | float():
            return value
        case list() | tuple():
            raise wrong(f"a value is a text, a number, true or false; found {shown(value)}; for a list, use 'in'")
        case None:
            raise wrong(
                "a value is a text, a number, true or false; found null; to find contacts without a value, use 'empty'"
            )
        case _:
            raise wrong(f"a value is a text, a number, true or false; found {shown(value)}")


def _list(value: object) -> tuple[Scalar, ...]:
    if not isinstance(value, list | tuple):
        raise wrong(f'the value is a list such as ["pro", "team"]; found {shown(value)}')
    if not value:
        raise wrong("the list is empty, and nothing is in an empty list; add a value")
    if len(value) > MAX_VALUES:
        raise wrong(f"the list has {len(value):,} values; at most {MAX_VALUES:,} are allowed")
    return tuple(_scalar(item) for item in value)


def _pair(value: object) -> tuple[Scalar, ...]:
    match value:
        case [low, high]:
            pair = (_scalar(low), _scalar(high))
            if _is_above(*pair):
                raise wrong(f"in {shown(value)} the low value is above the high one; swap them")
            return pair
        case _:
            raise wrong(f"the value is a list of two, [low, high]; found {shown(value)}")


def _is_above(low: Scalar, high: Scalar) -> bool:
    """Return whether a low value is above the high one for any column type: two numbers, or two dates."""
    match low, high:
        case (bool(), _) | (_, bool()):
            return False
        case int() | float(), int() | float():
            return Decimal(repr(low)) > Decimal(repr(high))
        case str(), str():
            return bool(_DATE.fullmatch(low) and _DATE.fullmatch(high)) and low > high
        case _:
            return False


def _text(value: object) -> Scalar:
    if not isinstance(value, str):
        raise wrong(f"the value is a text; found {shown(value)}")
    return _scalar(value)


def _list_name(value: object) -> str:
    if not isinstance(value, str) or not LIST_NAME.fullmatch(value):
        rule = "the name of a list without folder and extension: letters, digits, '-', '_' and '.'"
        raise wrong(f"the value is {rule}; found {shown(value)}")
    return value


def _duration(value: object) -> str:
    if not isinstance(value, str) or not DURATION.fullmatch(value):
        raise wrong(f"{shown(value)} {_not_a_duration(value)}")
    return value


def _not_a_duration(value: object) -> str:
    text = value if isinstance(value, str) else ""
    if _TOO_LONG.fullmatch(text):
        return f"is too long; at most {MAX_DURATION:,} of a unit are allowed"
    if minutes := _AMBIGUOUS.fullmatch(text):
        return f"is not a valid duration; write '{minutes[1]}min' for minutes, or '{minutes[1]}mo' for months"
    return "is not a valid duration; write it like '90min', '36h', '30d', '12w', '6mo' or '2y'"


def _days(value: object) -> str:
    duration = _duration(value)
    if duration[-1] not in "dw":
        raise wrong(f"an anniversary is counted in days or weeks, such as '7d' or '2w'; found {shown(value)}")
    return duration


_CHECKS: Mapping[Shape, Callable[[object], RuleValue]] = {
    "one": _scalar,
    "list": _list,
    "pair": _pair,
    "text": _text,
    "segment": _text,
    "duration": _duration,
    "days": _days,
    "list_name": _list_name,
    "sample": check_sample,
}
