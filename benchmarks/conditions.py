"""The random rules as conditions in SQL, as somebody writes them who knows the data and the database.

Only what `random_segments` draws is known here. A condition may be null where a rule is false, which
`CASE WHEN` takes alike; a negative rule is true for a missing value, and says so.
"""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

Rule = dict[str, Any]

SIGNS: Final = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
TIMES: Final = {"created_at", "last_contacted_at", "custom_fields.trial_ends_at"}
LISTS: Final = {"tags"}
MAY_BE_NAN: Final = {"custom_fields.mrr"}


def read_segments(folder: Path) -> list[dict[str, Any]]:
    """Read the definitions of a folder, ordered by id."""
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))]


def key_of(rule: Rule) -> str:
    """Return a text that tells a rule from others."""
    return json.dumps(rule)


def distinct_rules(segments: list[dict[str, Any]]) -> dict[str, Rule]:
    """Return each rule of the segments once, by its key."""
    return {key_of(rule): rule for segment in segments for rule in segment["rules"]}


def fields_of(segments: list[dict[str, Any]]) -> list[str]:
    """Return the fields that some rule reads."""
    return sorted({rule["field"] for segment in segments for rule in segment["rules"]})


def bound(rule: Rule) -> tuple[str, str]:
    """Turn a comparison with a day into one with an instant: `gt` is from the next day on, `lte` before it."""
    day = rule["value"]
    following = (date.fromisoformat(day) + timedelta(days=1)).isoformat()
    return {"gt": (">=", following), "gte": (">=", day), "lt": ("<", day), "lte": ("<", following)}[rule["operator"]]


def literal(value: str | float) -> str:
    """Write a text, a number or a boolean."""
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return str(value).lower()


def in_duckdb(rule: Rule) -> str:
    """Write a rule for DuckDB."""
    field, value = rule["field"], rule.get("value")
    match rule["operator"]:
        case "eq":
            return f"{field} = {literal(value)}"
        case "neq":
            return f"{field} IS DISTINCT FROM {literal(value)}"
        case "contains":
            return f"{'list_contains' if field in LISTS else 'contains'}({field}, {literal(value)})"
        case "not_contains":
            return f"({in_duckdb({**rule, 'operator': 'contains'})}) IS NOT TRUE"
        case "exists":
            return f"{field} IS NOT NULL"
        case "empty":
            return f"{field} IS NULL"
    if field in TIMES:
        sign, day = bound(rule)
        return f"{field} {sign} TIMESTAMPTZ '{day} 00:00:00+00'"
    # To DuckDB a NaN is above all numbers.
    real = f" AND NOT isnan({field})" if field in MAY_BE_NAN and rule["operator"] in {"gt", "gte"} else ""
    return f"({field} {SIGNS[rule['operator']]} {literal(value)}{real})"


def in_clickhouse(rule: Rule) -> str:
    """Write a rule for ClickHouse; never null, so that its arrays of conditions need no marks for nulls."""
    field, value = rule["field"], rule.get("value")
    match rule["operator"]:
        case "eq":
            return f"ifNull({field} = {literal(value)}, false)"
        case "neq":
            return f"ifNull({field} != {literal(value)}, true)"
        case "contains" if field in LISTS:
            return f"has({field}, {literal(value)})"
        case "contains":
            return f"ifNull(position({field}, {literal(value)}) > 0, false)"
        case "not_contains":
            return f"NOT {in_clickhouse({**rule, 'operator': 'contains'})}"
        case "exists":
            return f"isNotNull({field})"
        case "empty":
            return f"isNull({field})"
    if field in TIMES:
        sign, day = bound(rule)
        return f"ifNull({field} {sign} toDateTime64('{day} 00:00:00', 6, 'UTC'), false)"
    return f"ifNull({field} {SIGNS[rule['operator']]} {literal(value)}, false)"


def whole(segment: dict[str, Any], write: Callable[[Rule], str]) -> str:
    """Write the condition of a segment."""
    joint = " OR " if segment.get("match") == "any" else " AND "
    return joint.join(write(rule) for rule in segment["rules"])
