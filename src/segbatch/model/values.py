"""Validation of a rule's value against its operator; the rest depends on the column's type and is checked later."""

import math
import re
from decimal import Decimal
from typing import assert_never

from pydantic_core import PydanticCustomError

from segbatch.model.limits import MAX_DURATION, MAX_VALUE_LENGTH, MAX_VALUES
from segbatch.model.operators import Shape
from segbatch.text import shown

Scalar = str | int | float | bool
"""A single value that a field is compared with."""

RuleValue = Scalar | tuple[Scalar, ...]
"""The value of a rule."""

DURATION = re.compile(r"([0-9]{1,6})([hdw])")
"""A duration such as `36h`, `30d`, `12w`."""

_TOO_LONG = re.compile(r"0*[1-9][0-9]{6,}[hdw]")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MAX_BITS = 1024


def wrong(message: str, key: str | None = None) -> PydanticCustomError:
    """Return a validation error whose message is shown unchanged.

    Args:
        message: The message of the error.
        key: The key that is wrong, if the validator checks the object as a whole.
    """
    return PydanticCustomError("segbatch", "{message}", {"message": message, "key": key})


def check_value(value: object, shape: Shape) -> RuleValue | None:
    """Validate a value against the kind of value that its operator takes.

    Args:
        value: The value in the definition; None if it is missing.
        shape: The kind of value that the operator takes.

    Returns:
        The value; a list as a tuple.

    Raises:
        PydanticCustomError: The value has the wrong kind, or exceeds a limit.
    """
    match shape:
        case "nothing":
            return value if isinstance(value, str | int | float) else None
        case _ if value is None:
            return None
        case "one":
            return _scalar(value)
        case "list":
            return _list(value)
        case "pair":
            return _pair(value)
        case "text" | "segment":
            return _text(value)
        case "duration":
            return _duration(value)
        case _:
            assert_never(shape)


def _scalar(value: object) -> Scalar:
    match value:
        case str() if len(value) > MAX_VALUE_LENGTH:
            raise wrong(f"the value has {len(value):,} characters; at most {MAX_VALUE_LENGTH:,} are allowed")
        case float() if not math.isfinite(value):
            raise wrong(f"{value} cannot be compared with a field; write a finite number")
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


def _duration(value: object) -> str:
    if isinstance(value, str) and _TOO_LONG.fullmatch(value):
        raise wrong(f"{shown(value)} is too long; at most {MAX_DURATION:,} hours, days or weeks are allowed")
    if not isinstance(value, str) or not DURATION.fullmatch(value):
        raise wrong(f"{shown(value)} is not a valid duration; write hours, days or weeks like '36h', '30d', '12w'")
    return value
