"""JSON Schema of a definition, for completion and validation in editors.

It is generated from the models: their keys, their defaults and the descriptions in their docstrings. The schema of a
value depends on the operator. The schema is never stricter than loading, but sometimes less strict: only
`check` validates patterns.
"""

import inspect
import re
from typing import Any, get_args

from segbatch.model.limits import (
    MAX_CHANGE,
    MAX_ID_LENGTH,
    MAX_NAME_LENGTH,
    MAX_RULES,
    MAX_VALUE_LENGTH,
    MAX_VALUES,
)
from segbatch.model.operators import OPERATORS, TAKES_IGNORE_CASE, MatchName, MissingName, Shape, shape_of
from segbatch.model.segment import RESERVED_ID, SCHEMA_KEY, Group, Rule, Segment

_ATTRIBUTE = re.compile(r"^    (\w+): (.*(?:\n {8}.*)*)", re.MULTILINE)
_PATH = r"^[^.]+(\.[^.]+)*$"
_SCALAR = {"type": ["string", "number", "boolean"], "maxLength": MAX_VALUE_LENGTH}
_TEXT = {"type": "string", "maxLength": MAX_VALUE_LENGTH}
_ID = {"type": "string", "pattern": rf"^(?!\.{{1,2}}$|{RESERVED_ID}$)[A-Za-z0-9._-]+$", "maxLength": MAX_ID_LENGTH}
_MOMENT = {"type": ["string", "null"], "format": "date-time", "examples": ["2025-06-01T10:00:00.000Z"]}
_NODES = {"type": "array", "items": {"$ref": "#/$defs/node"}, "minItems": 1, "maxItems": MAX_RULES}

_VALUES: dict[Shape, dict[str, Any]] = {
    "nothing": {"description": "Not used."},
    "one": {**_SCALAR, "description": "The value that the field is compared with.", "examples": ["pro", 50, True]},
    "text": {**_TEXT, "description": "A text.", "examples": ["enter"]},
    "list": {
        "type": "array",
        "items": _SCALAR,
        "minItems": 1,
        "maxItems": MAX_VALUES,
        "description": "The values; one of them must be equal.",
        "examples": [["pro", "team"]],
    },
    "pair": {
        "type": "array",
        "items": _SCALAR,
        "minItems": 2,
        "maxItems": 2,
        "description": "The low and the high value, both included.",
        "examples": [[10, 20], ["2025-06-01", "2025-06-30"]],
    },
    "duration": {
        "type": "string",
        "pattern": "^[0-9]{1,6}[hdw]$",
        "description": "Hours, days or weeks.",
        "examples": ["36h", "30d", "12w"],
    },
    "segment": {"type": "string", "description": "The id of another segment.", "examples": ["paying-customers"]},
}

_KEYS: dict[type, dict[str, dict[str, Any]]] = {
    Segment: {
        "id": _ID,
        "project_id": {"type": ["string", "null"]},
        "name": {"type": "string", "minLength": 1, "maxLength": MAX_NAME_LENGTH, "pattern": r"\S"},
        "description": {"type": ["string", "null"]},
        "match": {"enum": list(get_args(MatchName)), "default": "all"},
        "rules": _NODES,
        "list_id": {"type": ["string", "null"]},
        "max_change": {
            "type": ["number", "string", "null"],
            "minimum": 0,
            "maximum": MAX_CHANGE,
            "pattern": r"^\s*[0-9]+(\.[0-9]+)?\s*%?\s*$",
            "examples": [0.3, "30%"],
        },
        "created_at": _MOMENT,
        "updated_at": _MOMENT,
    },
    Rule: {
        "field": {
            "type": ["string", "null"],
            "pattern": r"^[^.\u0000]+(\.[^.\u0000]+)*$",
            "examples": ["status", "custom_fields.plan"],
        },
        "operator": {"enum": list(OPERATORS)},
        "value": {},
        "missing": {"enum": [*get_args(MissingName), None]},
        "ignore_case": {"type": "boolean", "default": False},
    },
    Group: {"match": {"enum": list(get_args(MatchName))}, "rules": _NODES},
}

_WITHOUT_CASE = {
    "if": {"properties": {"operator": {"enum": [name for name in OPERATORS if name not in TAKES_IGNORE_CASE]}}},
    "then": {"properties": {"ignore_case": {"const": False}}},
}

_EXAMPLE = {
    "name": "Pro Plan Users",
    "description": "All active contacts on the pro plan",
    "project_id": "proj-1",
    "rules": [
        {"field": "custom_fields.plan", "operator": "eq", "value": "pro"},
        {"field": "status", "operator": "eq", "value": "active"},
    ],
}


def segment_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a file of definitions: one segment, or a list of them."""
    segment = _object(Segment)
    segment["properties"] = {SCHEMA_KEY: {"type": "string", "description": "This schema."}, **segment["properties"]}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Segments of segbatch",
        "if": {"type": "array"},
        "then": {"items": {"$ref": "#/$defs/segment", "required": ["id"]}},
        "else": {"$ref": "#/$defs/segment"},
        "examples": [_EXAMPLE],
        "$defs": {
            "segment": segment,
            "node": {
                "title": "A rule or a group",
                "type": "object",
                "if": {"anyOf": [{"required": ["rules"]}, {"required": ["match"], "not": {"required": ["operator"]}}]},
                "then": {"$ref": "#/$defs/group"},
                "else": {"$ref": "#/$defs/rule"},
            },
            "group": _object(Group),
            "rule": {**_object(Rule), "allOf": [*map(_of_shape, _VALUES), _WITHOUT_CASE]},
        },
    }


def _object(model: type[Segment | Group | Rule]) -> dict[str, Any]:
    """Return the schema of a model's keys."""
    text = inspect.cleandoc(model.__doc__ or "")
    descriptions = {key: " ".join(description.split()) for key, description in _ATTRIBUTE.findall(text)}
    properties = {key: {"description": descriptions[key], **_KEYS[model][key]} for key in model.model_fields}
    required = [key for key, field in model.model_fields.items() if field.is_required() and key != "id"]
    return {
        "title": model.__name__,
        "description": text.split("\n", 1)[0],
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }


def _of_shape(shape: Shape) -> dict[str, Any]:
    """Return the conditional schema for the operators with this shape of value."""
    operators = [operator for operator in OPERATORS if shape_of(operator) == shape]
    properties: dict[str, Any] = {"value": _VALUES[shape]}
    if shape in {"nothing", "segment"}:
        properties["missing"] = {"const": None}
    if shape == "segment":
        properties["field"] = {"const": None}
    else:
        properties["field"] = {"type": "string"}
    required = [*(["field"] if shape != "segment" else []), *(["value"] if shape != "nothing" else [])]
    return {
        "if": {"properties": {"operator": {"enum": operators}}, "required": ["operator"]},
        "then": {"properties": properties, "required": required},
    }
