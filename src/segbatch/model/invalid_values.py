"""Reasons why Pydantic rejected a value, in plain words for users."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic_core import ErrorDetails

TYPES = {
    "string_type": "a text",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "int_parsing_size": "a smaller number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a number",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "an object",
    "model_type": "an object",
    "model_attributes_type": "an object",
    "date_type": "a date in ISO 8601 form",
    "date_parsing": "a date in ISO 8601 form",
    "date_from_datetime_parsing": "a date in ISO 8601 form",
    "datetime_type": "a time in ISO 8601 form",
    "datetime_parsing": "a time in ISO 8601 form",
    "datetime_from_date_parsing": "a time in ISO 8601 form",
    "timezone_aware": "a time with a time zone",
}
"""The valid values, by the type of Pydantic's error."""

_LIMITS = {
    "greater_than_equal": ("ge", "at least"),
    "greater_than": ("gt", "more than"),
    "less_than_equal": ("le", "at most"),
    "less_than": ("lt", "less than"),
}

_OTHERS = {
    "missing": "is missing",
    "extra_forbidden": "is unknown",
    "string_pattern_mismatch": "has the wrong form",
}


def invalid_reason(error: "ErrorDetails | Mapping[str, Any]") -> str:
    """Return the reason of one of Pydantic's errors, such as `must be at least 2`.

    Args:
        error: An entry of the list that `ValidationError.errors` returns.
    """
    kind, context = error["type"], error.get("ctx", {})
    if kind in TYPES:
        return f"must be {TYPES[kind]}"
    if kind in _LIMITS:
        name, words = _LIMITS[kind]
        return f"must be {words} {context[name]:g}"
    match kind:
        case "literal_error" | "enum":
            return f"must be {context['expected']}"
        case "string_too_short" | "too_short":
            return (
                "is empty" if context["min_length"] == 1 else f"must have a length of at least {context['min_length']}"
            )
        case "string_too_long" | "too_long":
            return f"must have a length of at most {context['max_length']}"
        case "json_invalid":
            return f"is not valid JSON: {context['error']}"
        case "value_error":
            return str(context["error"])
        case "segbatch":
            return str(context["message"])
        case _:
            return _OTHERS.get(kind, "is not valid")
