"""Numbers of JSON with more digits than a double stores."""

from typing import Self


class RoundedNumber(float):
    """A number that lost digits when it was read as a double.

    Everything that does not compare it with data may use it as the double.

    Attributes:
        digits: The number as it was written.
    """

    digits: str

    @classmethod
    def of(cls, number: float, digits: str) -> Self:
        """Return a double that remembers the digits that were written."""
        rounded = cls(number)
        rounded.digits = digits
        return rounded
