"""Small definitions and snapshots that tests change to be wrong."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from segbatch.model.operators import OPERATORS
from segbatch.model.segment import Segment
from segbatch.model.strict import keys_of

if TYPE_CHECKING:
    from collections.abc import Mapping

ABSENT: Any = object()
"""Stands for a key that is to be left out."""

OPERATOR_NAMES = ", ".join(OPERATORS)
SEGMENT_KEYS = ", ".join(keys_of(Segment))
A_FIELD = 'it is a column such as "status", or a path such as "custom_fields.plan"'
A_LIST_OF_RULES = "it is a list of rules {field, operator, value}"
A_NODE = "a rule is an object {field, operator, value}, and a group {match, rules}"
A_SEGMENT = "a segment is an object with 'name' and 'rules'"
AN_ID = "an id has letters (A-Z, a-z), digits, '-', '_' and '.', and at most 128 of them"
NEEDS_A_VALUE = "'eq' needs a 'value'; to find contacts without a value, use 'empty' or 'exists'"
NULL_IS_NO_VALUE = "null is not a value, and 'eq' needs one; to find contacts without a value, use 'empty' or 'exists'"
NO_RULES = "there are no rules, and a segment without rules would contain all contacts; add at least one"


def _without_absent(data: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in data.items() if value is not ABSENT}


def rule(**keys: Any) -> dict[str, Any]:
    """A rule that is right but for the keys given."""
    return _without_absent({"field": "status", "operator": "eq", "value": "active", **keys})


def group(**keys: Any) -> dict[str, Any]:
    return _without_absent({"match": "any", "rules": [rule()], **keys})


def segment(*rules: Any, **keys: Any) -> dict[str, Any]:
    return _without_absent({"name": "S", "rules": list(rules) or [rule()], **keys})


def nested(depth: int) -> dict[str, Any]:
    """A rule inside nested groups."""
    node = rule()
    for _ in range(depth):
        node = {"match": "all", "rules": [node]}
    return node


def encode(content: Any) -> bytes:
    """The bytes of a file: as they are, a text in UTF-8, or data as JSON."""
    if isinstance(content, bytes):
        return content
    return content.encode() if isinstance(content, str) else json.dumps(content).encode()


def parquet(columns: Mapping[str, Any] | pa.Table) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(columns if isinstance(columns, pa.Table) else pa.table(dict(columns)), buffer)
    return buffer.getvalue()


def contacts(**columns: Any) -> bytes:
    """A snapshot of two contacts, one of them active, with the given columns replaced."""
    return parquet(_without_absent({"id": ["ann", "bob"], "status": ["active", "new"], **columns}))
