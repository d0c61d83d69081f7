"""Lowering of rules that compare two fields of a contact."""

from segbatch.compiler.rule_errors import FieldKindsError, OperatorTypeError
from segbatch.compiler.typed_test import CompareFields, Comparison, FieldType, Never
from segbatch.model.operators import OperatorName
from segbatch.snapshot.fields.types import Kind

_COMPARISONS: dict[OperatorName, Comparison] = {
    "eq": "eq",
    "neq": "eq",
    "gt": "gt",
    "lt": "lt",
    "gte": "gte",
    "lte": "lte",
}


def compare_with_field(operator: OperatorName, field: FieldType, other: FieldType) -> CompareFields | Never:
    """Return the test of an operator, or of its positive opposite.

    Raises:
        FieldKindsError: The two fields cannot be compared with each other.
        OperatorTypeError: Their kind does not support the operator.
    """
    kinds = {field.kind, other.kind}
    if Kind.NOTHING in kinds:
        return Never()
    if len(kinds) > 1 and kinds != {Kind.DATE, Kind.DATETIME}:
        raise FieldKindsError("numbers are compared with numbers, dates with dates or date-times, texts with texts")
    if field.kind in {Kind.LIST, Kind.STRUCT, Kind.OTHER}:
        raise OperatorTypeError("lists and objects are not compared with each other")
    comparison = _COMPARISONS[operator]
    if field.kind is Kind.BOOLEAN and comparison != "eq":
        raise OperatorTypeError("true and false have no order")
    return CompareFields(comparison, other)
