"""JSON Schema of the examples in a definition."""

from typing import Any

from segbatch.model.limits import MAX_EXAMPLES

FIELD_PATTERN = r"^[^.\u0000]+(\.[^.\u0000]+)*$"
"""The pattern of a column, or of a path into one."""

_CONTACTS: dict[str, Any] = {
    "type": "array",
    "items": {
        "type": "object",
        "propertyNames": {"pattern": FIELD_PATTERN},
        "description": "A contact: columns, or paths into columns, with their values. Columns left out are missing.",
        "examples": [{"status": "active", "custom_fields.plan": "pro"}],
    },
    "maxItems": MAX_EXAMPLES,
}

EXAMPLES_SCHEMA: dict[str, Any] = {
    "type": ["object", "null"],
    "properties": {
        "in": {**_CONTACTS, "description": "Contacts that the segment must contain."},
        "out": {**_CONTACTS, "description": "Contacts that the segment must not contain."},
    },
    "additionalProperties": False,
    "anyOf": [{"properties": {key: {"minItems": 1}}, "required": [key]} for key in ("in", "out")],
}
