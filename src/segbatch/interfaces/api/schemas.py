"""JSON Schemas of request bodies and rules, derived from the schema of definitions, in a form for typed clients.

Editors support `if` and `then`; client generators do not. Here, a rule is therefore one of several schemas, one for the
operators with the same type of value.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from segbatch.interfaces.api.limits import MAX_FIRST
from segbatch.model.json_schema import segment_schema
from segbatch.model.operators import TAKES_IGNORE_CASE, TAKES_VALUE_FIELD, OperatorName, Shape, shape_of

Schema = dict[str, Any]

_NAMES: Mapping[Shape, str] = {
    "nothing": "PresenceRule",
    "one": "OrderRule",
    "text": "TextRule",
    "list": "ListRule",
    "pair": "RangeRule",
    "duration": "DurationRule",
    "days": "AnniversaryRule",
    "segment": "MembershipRule",
    "list_name": "NamedListRule",
    "sample": "SampleRule",
}
_WITH_CASE: Mapping[Shape, str] = {**_NAMES, "one": "ComparisonRule"}

_SENT = (
    "name",
    "description",
    "rules",
    "list_id",
    "match",
    "max_change",
    "enabled",
    "owner",
    "tags",
    "expires_at",
    "examples",
)

RULES = [
    {"field": "custom_fields.plan", "operator": "eq", "value": "pro"},
    {"field": "status", "operator": "eq", "value": "active"},
]
_ON_TABLE = "A rule: an aggregate of a contact's rows in a related table, compared with a value."
_NEW = {"name": "Pro Plan Users", "description": "All active contacts on the pro plan", "rules": RULES}
_FIRST = {
    "type": "integer",
    "minimum": 0,
    "maximum": MAX_FIRST,
    "description": "The number of ids to show; 10 if not given.",
}
_COMPARE_WITH = {
    "type": ["string", "null"],
    "description": "The id of a saved segment; the answer then has the numbers of contacts that enter and leave it.",
}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _for_openapi(schema: Any) -> Any:
    """Copy a schema without defaults, and with references to the location of nodes in the OpenAPI document.

    Client generators treat a key with a default as always present, even in requests.
    """
    match schema:
        case {"$ref": str()}:
            return _ref("Node")
        case dict():
            return {key: _for_openapi(value) for key, value in schema.items() if key != "default"}
        case list():
            return [_for_openapi(value) for value in schema]
        case _:
            return schema


def _segment_keys() -> dict[str, Schema]:
    keys: dict[str, Schema] = _for_openapi(segment_schema()["$defs"]["segment"]["properties"])
    nullable = {key: {**keys[key], "type": [keys[key]["type"], "null"]} for key in ("enabled", "tags")}
    return {**keys, **nullable, "match": {**keys["match"], "enum": [*keys["match"]["enum"], None]}}


SEGMENT_KEYS: Mapping[str, Schema] = _segment_keys()
"""The schemas of the keys of a segment."""


def request_schemas() -> dict[str, Schema]:
    """Return the schemas of request bodies and of the rules in them, by name."""
    defined = segment_schema()["$defs"]
    rules = dict(_rules(defined["rule"]))
    sent = {key: SEGMENT_KEYS[key] for key in _SENT}
    change = {"name": "Enterprise Users"}
    return {
        "SegmentCreate": _object(sent, ["name", "rules"], "A new segment.", _NEW),
        "SegmentUpdate": _object(sent, [], "The keys of a segment to change; null removes a key.", change),
        "SegmentPreview": _object(
            {**sent, "first": _FIRST, "compare_with": _COMPARE_WITH}, ["rules"], "A segment to count.", {"rules": RULES}
        ),
        "SegmentCheck": _object(sent, ["rules"], "A segment to check.", {"rules": RULES}),
        "SignIn": _object({"key": {"type": "string", "description": "An API key."}}, ["key"], "A sign-in."),
        "Node": {"title": "A rule or a group", "anyOf": [_ref(name) for name in (*rules, "TableRule", "Group")]},
        "TableRule": _object(_for_openapi(defined["table_rule"]["properties"]), ["table", "operator"], _ON_TABLE),
        "Group": _for_openapi(defined["group"]),
        **rules,
    }


def _rules(rule: Schema) -> Iterator[tuple[str, Schema]]:
    """Yield the schemas of rules: one for each form of value, split by whether the operators can ignore case."""
    for condition in rule["allOf"]:
        properties = condition["then"]["properties"]
        if "value" not in properties:  # it states when case can be ignored, or when two fields can be compared
            continue
        operators: list[OperatorName] = condition["if"]["properties"]["operator"]["enum"]
        shape = shape_of(operators[0])
        for takes_case, names in ((True, _WITH_CASE), (False, _NAMES)):
            chosen = [operator for operator in operators if (operator in TAKES_IGNORE_CASE) is takes_case]
            if not chosen:
                continue
            required = condition["then"]["required"]
            if shape != "one":
                yield names[shape], _rule(rule, properties, required, chosen, takes_case=takes_case)
                continue
            yield names[shape], _rule(rule, properties, [*required, "value"], chosen, takes_case=takes_case)
            of_fields = [operator for operator in chosen if operator in TAKES_VALUE_FIELD]
            yield f"Field{names[shape]}", _field_rule(rule, properties, required, of_fields, takes_case=takes_case)


def _field_rule(
    rule: Schema, properties: Schema, required: list[str], operators: list[OperatorName], *, takes_case: bool
) -> Schema:
    """Return the schema of a rule that compares two fields."""
    schema = _rule(rule, properties, [*required, "value_field"], operators, takes_case=takes_case)
    del schema["properties"]["value"]
    schema["properties"]["value_field"] = _for_openapi({**rule["properties"]["value_field"], "type": "string"})
    return schema


def _rule(
    rule: Schema, properties: Schema, required: list[str], operators: list[OperatorName], *, takes_case: bool
) -> Schema:
    keys = _for_openapi(rule["properties"])
    keys["operator"]["enum"] = operators
    for key, value in properties.items():
        keys[key] = {**keys[key], **value} if value.get("const", 0) is not None else {"type": "null"}
    keys["value_field"] = {"type": "null"}
    if not takes_case:
        keys["ignore_case"] = {"type": "boolean", "enum": [False]}
    return _object(keys, [*required, "operator"], f"A rule: {', '.join(operators)}.")


def _object(keys: Schema, required: list[str], description: str, example: object = None) -> Schema:
    examples = {} if example is None else {"examples": [example]}
    return {
        "type": "object",
        "description": description,
        "properties": keys,
        "required": required,
        **examples,
        "additionalProperties": False,
    }
