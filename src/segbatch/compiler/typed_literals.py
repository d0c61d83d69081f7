"""Values of rules, read as the types of fields."""

from decimal import Decimal
from typing import assert_never

from segbatch.compiler.clock import Clock
from segbatch.compiler.literals import LiteralTypeError, read_boolean, read_number, read_uuid
from segbatch.compiler.relative_dates import read_day, read_time
from segbatch.compiler.rule_errors import OperatorTypeError
from segbatch.compiler.typed_test import Comparison, TypedLiteral
from segbatch.compiler.versions import read_version
from segbatch.model.values import Scalar
from segbatch.snapshot.fields.types import Kind

_LARGEST_EXACT_DOUBLE = 2**53
_ONLY_PRESENCE = "only 'exists' and 'empty' apply to it"


def read_literal(value: Scalar, kind: Kind, clock: Clock, comparison: Comparison = "eq") -> TypedLiteral:
    """Read a value as the type of a field.

    Raises:
        OperatorTypeError: The type does not support the comparison.
        LiteralTypeError: The value cannot be read as the type.
    """
    match kind:
        case Kind.TEXT:
            return _read_text(value, comparison)
        case Kind.NUMBER:
            return read_number(value)
        case Kind.BOOLEAN:
            if comparison != "eq":
                raise OperatorTypeError("true and false have no order")
            return read_boolean(value)
        case Kind.DATETIME:
            return read_time(value, clock)
        case Kind.DATE:
            return read_day(value, clock)
        case Kind.UUID:
            return read_uuid(value)
        case Kind.VERSION:
            return read_version(value)
        case Kind.LIST | Kind.STRUCT | Kind.OTHER | Kind.NOTHING:
            raise OperatorTypeError(_ONLY_PRESENCE)
        case _:
            assert_never(kind)


def _read_text(value: Scalar, comparison: Comparison) -> str | Decimal:
    """Read a value for a field of texts: a number is compared with the texts that are numbers."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        if comparison != "eq":
            raise LiteralTypeError("true and false have no order; write a text or a number")
        return "true" if value else "false"
    number = read_number(value)
    if abs(float(number)) >= _LARGEST_EXACT_DOUBLE:
        raise LiteralTypeError("a number this long is not exact in a column of text; write it as a text, in quotes")
    return number
