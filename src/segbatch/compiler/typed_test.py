"""Typed tests: rules on a field of a known type, as plain data.

`lowering.lower` is the only place that reads a rule's value as the type of its field. Polars expressions, SQL, lint and
explanations use the test that it returns. A test describes contacts with a value; `TypedTest` adds the policies for
opposites, missing values and case.
"""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Literal

from segbatch.model.operators import MissingName
from segbatch.snapshot.fields.types import Kind

Comparison = Literal["eq", "gt", "lt", "gte", "lte"]

TypedLiteral = str | bool | Decimal | date | datetime
"""A value of a rule, as the type of its field: a UUID in canonical form, an instant in UTC.

A decimal for a text field means that the texts are compared as numbers. A date for a date-time field means the calendar
day in the run's time zone.
"""


@dataclass(frozen=True, slots=True)
class FieldType:
    """The type of a field, as far as rules depend on it.

    Attributes:
        element: The kind of the elements of a list.
    """

    kind: Kind
    element: Kind = Kind.NOTHING


@dataclass(frozen=True, slots=True)
class Never:
    """Matches no value, because the field has no values in this snapshot."""


@dataclass(frozen=True, slots=True)
class IsMissing:
    """The contact has no value."""


@dataclass(frozen=True, slots=True)
class IsBlank:
    """The contact has no value, a text of white space, or an empty list."""


@dataclass(frozen=True, slots=True)
class Compare:
    """A value is equal to a literal, or above or below it."""

    comparison: Comparison
    literal: TypedLiteral


@dataclass(frozen=True, slots=True)
class IsIn:
    """A value is equal to one of several literals."""

    literals: tuple[TypedLiteral, ...]


@dataclass(frozen=True, slots=True)
class Between:
    """A value is between two literals, or equal to one of them."""

    low: TypedLiteral
    high: TypedLiteral


@dataclass(frozen=True, slots=True)
class HasText:
    """A text contains another text anywhere, at its start or at its end."""

    where: Literal["anywhere", "start", "end"]
    text: str


@dataclass(frozen=True, slots=True)
class HasMatch:
    """A text contains a match of a regular expression."""

    pattern: str
    ignore_case: bool


@dataclass(frozen=True, slots=True)
class HasAnniversary:
    """The month and day of a date are in one of several ranges, in any year.

    Attributes:
        ranges: The first and the last day of each range, both included, as month times 100 plus day.
    """

    ranges: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class AnyElement:
    """At least one element of a list passes a test."""

    test: Compare | IsIn


@dataclass(frozen=True, slots=True)
class CompareFields:
    """A value is equal to the contact's value of another field, or above or below it.

    If one of the two is a date and the other a date-time, calendar days in the run's time zone are compared.
    """

    comparison: Comparison
    other: FieldType


SingleFieldTest = Never | Compare | IsIn | Between | HasText | HasMatch | HasAnniversary | AnyElement
"""A test of a value that is present."""

ValueTest = SingleFieldTest | CompareFields
"""A test of a value that is present, or of the values of two fields."""


@dataclass(frozen=True, slots=True)
class TypedTest:
    """A rule on a field of a known type.

    Attributes:
        test: The test of the operator, or of its positive opposite if the operator is negative.
        negated: Whether contacts that fail the test match the rule.
        missing: The rule's own policy for missing values. Without it, they fail the test.
        lower_case: Whether texts of contacts are converted to lower case first. The literals are in lower case already.
    """

    test: ValueTest | IsMissing | IsBlank
    negated: bool = False
    missing: MissingName | None = None
    lower_case: bool = False
