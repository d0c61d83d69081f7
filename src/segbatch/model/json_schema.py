"""JSON Schema of a definition, for completion and validation in editors.

It is generated from the models: their keys, their defaults and the descriptions in their docstrings. The schema of a
value depends on the operator. The schema is never stricter than loading, but sometimes less strict: only
`check` validates patterns.
"""

import inspect
import re
from typing import Any, get_args

from segbatch.model.examples import EXAMPLES_SCHEMA, FIELD_PATTERN
from segbatch.model.limits import (
    MAX_CHANGE,
    MAX_ID_LENGTH,
    MAX_NAME_LENGTH,
    MAX_OWNER_LENGTH,
    MAX_PREVIOUS_IDS,
    MAX_RULES,
    MAX_TAG_LENGTH,
    MAX_TAGS,
    MAX_VALUE_LENGTH,
    MAX_VALUES,
)
from segbatch.model.operators import (
    AGGREGATES,
    OPERATORS,
    TAKES_IGNORE_CASE,
    TAKES_VALUE_FIELD,
    WITHOUT_FIELD,
    MatchName,
    MissingName,
    ReadingName,
    Shape,
    shape_of,
)
from segbatch.model.rule import Group, Rule, TableRule
from segbatch.model.segment import RESERVED_ID, SCHEMA_KEY, Segment
from segbatch.model.strict import keys_of

_ATTRIBUTE = re.compile(r"^    (\w+): (.*(?:\n {8}.*)*)", re.MULTILINE)
_SCALAR = {"type": ["string", "number", "boolean"], "maxLength": MAX_VALUE_LENGTH}
_TEXT = {"type": "string", "maxLength": MAX_VALUE_LENGTH}
_ID = {"type": "string", "pattern": rf"^(?!\.{{1,2}}$|{RESERVED_ID}$)[A-Za-z0-9._-]+$", "maxLength": MAX_ID_LENGTH}
_MOMENT = {"type": ["string", "null"], "format": "date-time", "examples": ["2025-06-01T10:00:00.000Z"]}
_EXPIRY = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?(Z|[+-][0-9]{2}:[0-9]{2})?)?$"
_NODES = {"type": "array", "items": {"$ref": "#/$defs/node"}, "minItems": 1, "maxItems": MAX_RULES}


def _label(most: int) -> dict[str, Any]:
    return {"type": "string", "minLength": 1, "maxLength": most, "pattern": r"^\S(.*\S)?$"}


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
        "pattern": "^[0-9]{1,6}(min|h|d|w|mo|y)$",
        "description": "Minutes, hours, days, weeks, months or years.",
        "examples": ["90min", "36h", "30d", "12w", "6mo", "2y"],
    },
    "days": {
        "type": "string",
        "pattern": "^[0-9]{1,6}[dw]$",
        "description": "Days or weeks.",
        "examples": ["7d", "2w"],
    },
    "segment": {"type": "string", "description": "The id of another segment.", "examples": ["paying-customers"]},
    "list_name": {
        "type": "string",
        "pattern": r"^(?!\.)[A-Za-z0-9._-]+$",
        "maxLength": MAX_ID_LENGTH,
        "description": "The name of a list: the name of its file without the extension.",
        "examples": ["suppressed"],
    },
    "sample": {
        "type": "object",
        "properties": {
            "seed": {
                "type": "string",
                "minLength": 1,
                "maxLength": MAX_NAME_LENGTH,
                "description": "Samples with different seeds are independent of each other.",
            },
            "from": {"type": "number", "minimum": 0, "maximum": 1, "description": "The first share, included."},
            "to": {"type": "number", "minimum": 0, "maximum": 1, "description": "The last share, not included."},
        },
        "required": ["seed", "from", "to"],
        "additionalProperties": False,
        "description": "A range of the shares that contacts have by a seed.",
        "examples": [{"seed": "spring", "from": 0, "to": 0.1}],
    },
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
        "enabled": {"type": "boolean", "default": True},
        "owner": {**_label(MAX_OWNER_LENGTH), "type": ["string", "null"], "examples": ["growth"]},
        "tags": {
            "type": "array",
            "items": _label(MAX_TAG_LENGTH),
            "maxItems": MAX_TAGS,
            "uniqueItems": True,
            "examples": [["vip", "newsletter"]],
        },
        "expires_at": {
            "type": ["string", "null"],
            "pattern": _EXPIRY,
            "examples": ["2026-12-31", "2026-12-31T18:00:00Z"],
        },
        "examples": EXAMPLES_SCHEMA,
        "previous_ids": {"type": "array", "items": _ID, "maxItems": MAX_PREVIOUS_IDS, "uniqueItems": True},
        "created_at": _MOMENT,
        "updated_at": _MOMENT,
    },
    Rule: {
        "field": {
            "type": ["string", "null"],
            "pattern": FIELD_PATTERN,
            "examples": ["status", "custom_fields.plan"],
        },
        "operator": {"enum": list(OPERATORS)},
        "value": {},
        "value_field": {"type": ["string", "null"], "pattern": FIELD_PATTERN, "examples": ["last_contacted_at"]},
        "as": {"enum": [*get_args(ReadingName), None]},
        "missing": {"enum": [*get_args(MissingName), None]},
        "ignore_case": {"type": "boolean", "default": False},
    },
    TableRule: {
        "table": {"type": "string", "pattern": FIELD_PATTERN, "examples": ["orders", "custom_fields.orders"]},
        "where": {**_NODES, "type": ["array", "null"]},
        "aggregate": {"enum": list(AGGREGATES), "default": "count"},
        "field": {"type": ["string", "null"], "pattern": FIELD_PATTERN, "examples": ["amount"]},
        "operator": {"enum": [name for name in OPERATORS if shape_of(name) not in WITHOUT_FIELD]},
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

_HAS_VALUE_FIELD = {"required": ["value_field"], "properties": {"value_field": {"type": "string"}}}
_WITH_VALUE_FIELD = {
    "if": _HAS_VALUE_FIELD,
    "then": {
        "properties": {"operator": {"enum": [name for name in OPERATORS if name in TAKES_VALUE_FIELD]}},
        "not": {"required": ["value"]},
    },
}

_ON_TABLES = (
    _WITHOUT_CASE,
    {
        "if": {"properties": {"aggregate": {"const": "count"}}},
        "then": {"properties": {"field": {"const": None}}},
        "else": {"properties": {"field": {"type": "string"}}, "required": ["field"]},
    },
)

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
                "else": {
                    "if": {"anyOf": [{"required": [key]} for key in ("table", "where", "aggregate")]},
                    "then": {"$ref": "#/$defs/table_rule"},
                    "else": {"$ref": "#/$defs/rule"},
                },
            },
            "group": _object(Group),
            "rule": {**_object(Rule), "allOf": [*map(_of_shape, _VALUES), _WITHOUT_CASE, _WITH_VALUE_FIELD]},
            "table_rule": {
                **_object(TableRule),
                "allOf": [
                    *(_of_shape(shape, on_table=True) for shape in _VALUES if shape not in WITHOUT_FIELD),
                    *_ON_TABLES,
                ],
            },
        },
    }


def _object(model: type[Segment | Group | Rule | TableRule]) -> dict[str, Any]:
    """Return the schema of a model's keys."""
    text = inspect.cleandoc(model.__doc__ or "")
    descriptions = {key: " ".join(description.split()) for key, description in _ATTRIBUTE.findall(text)}
    properties = {key: {"description": descriptions[key], **_KEYS[model][key]} for key in keys_of(model)}
    required = [key for key, field in keys_of(model).items() if field.is_required() and key != "id"]
    return {
        "title": "Rule on a table" if model is TableRule else model.__name__,
        "description": text.split("\n", 1)[0],
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }


def _of_shape(shape: Shape, *, on_table: bool = False) -> dict[str, Any]:
    """Return the conditional schema for the operators with this shape of value.

    Args:
        on_table: Whether it is for rules on a table, whose field depends on the aggregate.
    """
    operators = [operator for operator in OPERATORS if shape_of(operator) == shape]
    properties: dict[str, Any] = {"value": _VALUES[shape]}
    if shape == "nothing" or shape in WITHOUT_FIELD:
        properties["missing"] = {"const": None}
    if shape in WITHOUT_FIELD and not on_table:
        properties["as"] = {"const": None}
    if not on_table:
        properties["field"] = {"const": None} if shape in WITHOUT_FIELD else {"type": "string"}
    has_field = not on_table and shape not in WITHOUT_FIELD
    takes_fields = shape == "one" and not on_table
    takes_value = shape != "nothing" and not takes_fields
    required = [*(["field"] if has_field else []), *(["value"] if takes_value else [])]
    either = {"anyOf": [{"required": ["value"]}, _HAS_VALUE_FIELD]} if takes_fields else {}
    return {
        "if": {"properties": {"operator": {"enum": operators}}, "required": ["operator"]},
        "then": {"properties": properties, "required": required, **either},
    }
