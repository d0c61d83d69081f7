"""Typed tests of rules, with the messages for rules that have none for the type of their field."""

from typing import TYPE_CHECKING, cast

from segbatch.compiler.clock import Clock
from segbatch.compiler.literals import LiteralTypeError
from segbatch.compiler.lowering import lower, type_of
from segbatch.compiler.rule_errors import (
    FieldKindsError,
    IgnoreCaseError,
    InvalidLiteralError,
    OperatorTypeError,
    RuleError,
)
from segbatch.compiler.rule_fields import RuleFields
from segbatch.compiler.typed_test import TypedTest
from segbatch.definitions.list_files import ListError
from segbatch.definitions.value_lists import NO_LISTS, Lists, ValueList
from segbatch.model.operators import NEGATIONS
from segbatch.model.rule import Rule
from segbatch.snapshot.fields.types import describe, in_words
from segbatch.text import shown

if TYPE_CHECKING:
    from segbatch.snapshot.fields.resolution import Field


def lower_rule(rule: Rule, found: RuleFields, clock: Clock, lists: Lists = NO_LISTS) -> TypedTest:
    """Convert a rule to a typed test. A rule that names a list has the same test as one that contains its values.

    Raises:
        RuleError: The type of the field does not support the operator, or cannot be compared with the value; or the
            list cannot be used.
    """
    field, other = found.field, found.other
    values = _find_list(rule, lists)
    comparison = with_list_values(rule, lists)
    try:
        return lower(comparison, type_of(field), clock, None if other is None else type_of(other))
    except OperatorTypeError as error:
        message = f"'{rule.operator}' is not for '{rule.field}' ({describe(field.dtype)}): {error}"
        raise RuleError("operator", message) from None
    except IgnoreCaseError as error:
        raise RuleError("ignore_case", f"{error}, and '{rule.field}' is {in_words(field.dtype)}; remove it") from None
    except FieldKindsError as error:
        described = f"'{rule.field}' ({describe(field.dtype)}) cannot be compared with '{rule.value_field}'"
        of_type = describe(cast("Field", other).dtype)
        raise RuleError("value_field", f"{described} ({of_type}): {error}") from None
    except LiteralTypeError as error:
        if values is not None:
            what = f"the value at {values.place_of(error.index or 0)} cannot be compared with"
            raise RuleError("value", f"{what} '{rule.field}' ({describe(field.dtype)}): {error}") from None
        key, value = "value", rule.value
        if error.index is not None and isinstance(value, tuple):
            key, value = f"value[{error.index}]", value[error.index]
        message = f"{shown(value)} cannot be compared with '{rule.field}' ({describe(field.dtype)}): {error}"
        raise RuleError(key, message) from None
    except InvalidLiteralError as error:
        raise RuleError("value", str(error)) from None


def with_list_values(rule: Rule, lists: Lists) -> Rule:
    """Return a rule with the values of the list that it names; any other rule is returned as it is.

    Raises:
        RuleError: The list cannot be used.
    """
    values = _find_list(rule, lists)
    if values is None:
        return rule
    operator = "not_in" if rule.operator in NEGATIONS else "in"
    return rule.model_copy(update={"operator": operator, "value": values.values})


def _find_list(rule: Rule, lists: Lists) -> ValueList | None:
    if rule.shape != "list_name":
        return None
    try:
        return lists.get(str(rule.value))
    except ListError as error:
        raise RuleError("value", str(error)) from None
