"""Value of the operator `sample`: a seed, and a range of the shares that contacts have by this seed."""

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from math import ceil
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from segbatch.model.limits import MAX_NAME_LENGTH
from segbatch.text import did_you_mean, shown

SHARES = 2**64
"""The number of different shares."""

_KEYS = ("seed", "from", "to")
_LIKE = '{"seed": "spring", "from": 0, "to": 0.1}'


class SampleRange(BaseModel):
    """A range of shares.

    Attributes:
        seed: The text that the shares depend on; every seed divides the contacts in another way.
        start: The lower bound, `from`, which is included.
        end: The upper bound, `to`, which is not included.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, serialize_by_alias=True)

    seed: str
    start: int | float = Field(alias="from")
    end: int | float = Field(alias="to")

    @property
    def bounds(self) -> tuple[int, int]:
        """The range as whole numbers: a contact's share times 2^64 is at least the first and below the second.

        A bound counts as the decimal number that it is written as, not as the binary number next to it.
        """
        low, high = (ceil(Fraction(Decimal(repr(bound))) * SHARES) for bound in (self.start, self.end))
        return low, high

    def __str__(self) -> str:
        """Return the seed and the range in mathematical notation."""
        return f"{shown(self.seed)} [{self.start}, {self.end})"


def check_sample(value: object) -> SampleRange:
    """Validate the value of `sample`.

    Raises:
        PydanticCustomError: It is not a seed with a range of shares.
    """
    if isinstance(value, SampleRange):
        return value
    if not isinstance(value, Mapping):
        raise _wrong(f"the value is an object such as {_LIKE}; found {shown(value)}")
    _check_keys(value)
    seed, bounds = value["seed"], (value["from"], value["to"])
    if not isinstance(seed, str) or not seed or not seed.isprintable() or len(seed) > MAX_NAME_LENGTH:
        rule = f"a text of 1 to {MAX_NAME_LENGTH} printable characters"
        raise _wrong(f"'seed' must be {rule}; found {shown(seed)}")
    for key, bound in zip(_KEYS[1:], bounds, strict=True):
        if isinstance(bound, bool) or not isinstance(bound, int | float) or not 0 <= bound <= 1:
            raise _wrong(f"'{key}' must be a number from 0 to 1; found {shown(bound)}")
    if bounds[0] > bounds[1]:
        raise _wrong(f"'from' {bounds[0]} is above 'to' {bounds[1]}; swap them")
    return SampleRange(**{"seed": seed, "from": bounds[0], "to": bounds[1]})


def _check_keys(value: Mapping[Any, object]) -> None:
    for key in value:
        if key not in _KEYS:
            hint = did_you_mean(str(key), _KEYS) or f"; its keys are {', '.join(_KEYS)}"
            raise _wrong(f"{shown(key)} is not a key of a sample{hint}")
    missing = [f"'{key}'" for key in _KEYS if key not in value]
    if missing:
        raise _wrong(f"the sample has no {' and no '.join(missing)}; write it like {_LIKE}")


def _wrong(message: str) -> PydanticCustomError:
    return PydanticCustomError("segbatch", "{message}", {"message": message, "key": None})
