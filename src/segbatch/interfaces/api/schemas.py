"""JSON Schemas of requests and responses, derived from the schema of definitions, in a form for typed clients.

Editors support `if` and `then`; client generators do not. Here, a rule is therefore one of several kinds, one for the
operators with the same type of value.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from segbatch.interfaces.api.limits import MAX_FIRST
from segbatch.interfaces.api.problems import CODES
from segbatch.model.json_schema import segment_schema
from segbatch.model.operators import TAKES_IGNORE_CASE, OperatorName, Shape, shape_of

Schema = dict[str, Any]

_NAMES: Mapping[Shape, str] = {
    "nothing": "PresenceRule",
    "one": "OrderRule",
    "text": "TextRule",
    "list": "ListRule",
    "pair": "RangeRule",
    "duration": "DurationRule",
    "segment": "MembershipRule",
}
_WITH_CASE: Mapping[Shape, str] = {**_NAMES, "one": "ComparisonRule"}

_SENT = ("name", "description", "rules", "list_id", "match", "max_change")
_ANSWERED = ("id", "project_id", "name", "description", "rules", "list_id", "created_at", "updated_at")
_NULL = {"type": "null"}
_CONTACT_ID = {"type": ["string", "integer"], "description": "A contact's id, as the snapshot has it."}
_MOMENT = {"type": "string", "format": "date-time", "examples": ["2025-06-01T10:00:00.000Z"]}
_PLACE = {"type": "string", "description": "Where, as a JSONPath.", "examples": ["$.rules[0].operator"]}

_RULES = [
    {"field": "custom_fields.plan", "operator": "eq", "value": "pro"},
    {"field": "status", "operator": "eq", "value": "active"},
]
_DRAFT = {"name": "Pro Plan Users", "description": "All active contacts on the pro plan", "rules": _RULES}


def schemas() -> dict[str, Schema]:
    """Return the schemas by name."""
    defined = segment_schema()["$defs"]
    keys = _moved(defined["segment"]["properties"])
    keys["match"] = _or_null(keys["match"])
    rules = dict(_rules(defined["rule"]))
    sent = {key: keys[key] for key in _SENT}
    group = _moved(defined["group"])
    return {
        "Segment": _segment(keys),
        "SegmentCreate": _object(sent, ["name", "rules"], "A new segment.", _DRAFT),
        "SegmentUpdate": _object(
            sent, [], "What to change of a segment; null takes away.", {"name": "Enterprise Users"}
        ),
        "SegmentPreview": _object(
            {**sent, "first": _first()}, ["rules"], "A segment to be counted.", {"rules": _RULES}
        ),
        "Node": {"title": "A rule or a group", "anyOf": [_ref(name) for name in (*rules, "Group")]},
        "Group": group,
        **rules,
        "Members": _members(),
        "Preview": _preview(),
        "Problem": _problem(),
    }


def _segment(keys: Schema) -> Schema:
    """Return the schema of a saved segment. It allows unknown keys, because a newer server may add some."""
    answered = {key: keys[key] for key in (*_ANSWERED, "match", "max_change")}
    times = {"created_at": "2025-06-01T10:00:00.000Z", "updated_at": None}
    example = {"id": "3e7b36b9-0d3b-4bb0-8a0d-0a3a7e0f9d53", "project_id": "proj-1", **_DRAFT, "list_id": None, **times}
    told = "When it was last changed, UTC; null until then."
    answered["updated_at"] = {**answered["updated_at"], "description": told}
    described = _object(answered, list(_ANSWERED), "A saved segment.", example)
    return {key: value for key, value in described.items() if key != "additionalProperties"}


def _rules(rule: Schema) -> Iterator[tuple[str, Schema]]:
    """Yield the schemas of rules: one for each form of value, split by whether the operators can ignore case."""
    for kind in rule["allOf"]:
        operators: list[OperatorName] = kind["if"]["properties"]["operator"]["enum"]
        told = kind["then"]["properties"]
        if "value" not in told:  # it states when case can be ignored
            continue
        shape = shape_of(operators[0])
        for takes_case, names in ((True, _WITH_CASE), (False, _NAMES)):
            chosen = [operator for operator in operators if (operator in TAKES_IGNORE_CASE) is takes_case]
            if chosen:
                yield names[shape], _rule(rule, told, kind["then"]["required"], chosen, takes_case=takes_case)


def _rule(rule: Schema, told: Schema, needed: list[str], operators: list[OperatorName], *, takes_case: bool) -> Schema:
    keys = _moved(rule["properties"])
    keys["operator"]["enum"] = operators
    for key, value in told.items():
        keys[key] = {**keys[key], **value} if value.get("const", 0) is not None else dict(_NULL)
    if not takes_case:
        keys["ignore_case"] = {"type": "boolean", "enum": [False]}
    return _object(keys, [*needed, "operator"], f"A rule: {', '.join(operators)}.")


def _members() -> Schema:
    keys: Schema = {
        "segment_id": {"type": "string"},
        "run_id": {"type": "string", "description": "The run."},
        "as_of": {**_MOMENT, "description": "The moment for which it holds."},
        "status": {
            "enum": ["ok", "failed", "held"],
            "description": "What became of the segment; one that failed or was held keeps the members it had.",
        },
        "member_count": {"type": "integer", "minimum": 0, "description": "All members, those of other pages too."},
        "members": {"type": "array", "items": _CONTACT_ID},
        "next_cursor": {
            "type": ["string", "null"],
            "description": "What to ask for the next page by; null at the end.",
        },
    }
    return {**_object(keys, list(keys), "A page of the members of a segment.")}


def _preview() -> Schema:
    warning = _object({"path": _PLACE, "message": {"type": "string"}}, ["path", "message"], "What is probably a slip.")
    keys: Schema = {
        "as_of": {**_MOMENT, "description": "The moment from which relative dates are measured."},
        "contacts": {"type": "integer", "minimum": 0, "description": "How many contacts the project has."},
        "member_count": {"type": "integer", "minimum": 0, "description": "How many of them the segment would hold."},
        "share": {"type": ["number", "null"], "minimum": 0, "maximum": 1, "description": "Null where there are none."},
        "first": {"type": "array", "items": _CONTACT_ID, "description": "The first members, in the snapshot's order."},
        "warnings": {"type": "array", "items": warning},
    }
    return _object(keys, list(keys), "What a segment would hold.")


def _problem() -> Schema:
    error = _object({"path": _PLACE, "message": {"type": "string"}}, ["path", "message"], "One thing that is wrong.")
    keys: Schema = {
        "type": {"type": "string", "enum": [f"urn:segbatch:problem:{code}" for code in CODES]},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "All that is wrong, a line each."},
        "errors": {"type": "array", "items": error},
        "named_by": {"type": "array", "items": {"type": "string"}, "description": "The segments that name this one."},
    }
    return _object(keys, ["type", "title", "status", "detail"], "What is wrong (RFC 9457).")


def _first() -> Schema:
    return {
        "type": "integer",
        "minimum": 0,
        "maximum": MAX_FIRST,
        "description": "How many ids to show; 10, if not given.",
    }


def _object(keys: Schema, needed: list[str], description: str, example: object = None) -> Schema:
    described: Schema = {"type": "object", "description": description, "properties": keys, "required": needed}
    if example is not None:
        described["examples"] = [example]
    return {**described, "additionalProperties": False}


def _or_null(schema: Schema) -> Schema:
    return {**schema, "enum": [*schema["enum"], None]}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _moved(schema: Any) -> Any:
    """Copy a schema without defaults, and with references to the location of nodes in this document.

    Client generators treat a key with a default as always present, even in requests.
    """
    match schema:
        case {"$ref": str()}:
            return _ref("Node")
        case dict():
            return {key: _moved(value) for key, value in schema.items() if key != "default"}
        case list():
            return [_moved(value) for value in schema]
        case _:
            return schema
