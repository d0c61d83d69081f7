"""The profile of a field: its type, how many contacts have it, the values that are shown, and an example of a rule."""

import math
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import polars as pl

from segbatch.authoring.columns.field_values import FieldValues
from segbatch.authoring.columns.value_sketch import LEAST_CONTACTS
from segbatch.snapshot.fields.types import Kind, element_type, kind_of
from segbatch.snapshot.schema_file import type_name
from segbatch.snapshot.snapshot import Snapshot

_MOST_VALUES = 10
UNIQUE_SHARE = 0.8
"""From this share of distinct values on, the values belong to single contacts, and are not shown."""

_SHOWN_SHARE = 0.005
"""Values of a smaller share of the contacts are not shown: they are, for example, full names or streets."""

_RANGES = {Kind.NUMBER, Kind.DATE, Kind.DATETIME}
_LISTS = {"list of text", "list of number", "list of boolean"}


@dataclass(frozen=True, slots=True)
class FrequentValue:
    """A value that several contacts have.

    Attributes:
        share: The contacts with this value, as a share of those with any value; for a list, of all elements.
    """

    value: str | int | float | bool
    contacts: int
    share: float


@dataclass(frozen=True, slots=True)
class FieldProfile:
    """A field of the contacts.

    Attributes:
        path: The field as rules name it.
        type: The type that rules read it as, such as `text` or `list of number`; `object` for a struct, a map or JSON.
        present: The number of contacts with a value.
        missing: The share of contacts without a value.
        distinct: The number of distinct values, or of distinct elements of a list.
        is_distinct_exact: Whether `distinct` is exact. It is an estimate if there are many values.
        is_unique: Whether almost every value belongs to one contact, as names and e-mail addresses do. Such values are
            not shown.
        values: The most frequent values of those that at least five contacts have.
        low: The smallest number or date, which may be the value of a single contact. None with fewer than five values.
        high: The largest one.
        rule: An example of a rule. It has only a value that is in `values`, or a number between `low` and `high`.
        is_mixed: Whether the values are of several kinds, and all are read as text.
        table: The related table that has the field; None for a field of the contacts. Its rows take the place of the
            contacts in all numbers.
    """

    path: str
    type: str
    present: int
    missing: float
    distinct: int
    is_distinct_exact: bool
    is_unique: bool
    values: tuple[FrequentValue, ...]
    low: str | int | float | None
    high: str | int | float | None
    rule: dict[str, Any]
    is_mixed: bool = False
    table: str | None = None


def profile_field(found: FieldValues, snapshot: Snapshot, table: str | None) -> FieldProfile:
    """Return the profile of a field.

    Args:
        snapshot: The snapshot, or the related table, that has the field.
        table: The name of the related table; None for a field of the contacts.
    """
    values, kind = found.values, kind_of(found.dtype)
    is_unique = found.path == snapshot.id_column or (
        values.distinct > 1 and values.distinct >= UNIQUE_SHARE * values.present and kind is not Kind.BOOLEAN
    )
    frequent = () if is_unique else _frequent(found)
    has_range = kind in _RANGES and not is_unique and values.present >= LEAST_CONTACTS
    low, high = (values.low, values.high) if has_range else (None, None)
    low, high = (None if bound is None else plain_value(bound, found.dtype) for bound in (low, high))
    return FieldProfile(
        path=found.path,
        type=type_name(found.dtype),
        present=found.present,
        missing=1 - found.present / snapshot.rows if snapshot.rows else 0.0,
        distinct=values.distinct,
        is_distinct_exact=values.is_exact,
        is_unique=is_unique,
        values=frequent,
        low=low,
        high=high,
        rule=_in_table(table, _example(found, frequent, low, high)),
        is_mixed=found.is_mixed,
        table=table,
    )


def _frequent(found: FieldValues) -> tuple[FrequentValue, ...]:
    """Return the most frequent values of those that enough contacts have."""
    values = found.values
    least = _SHOWN_SHARE * values.present
    return tuple(
        FrequentValue(plain_value(value, found.dtype), number, number / values.present)
        for value, number in values.frequent(_MOST_VALUES)
        if number >= least
    )


def plain_value(value: Any, dtype: pl.DataType) -> str | int | float | bool:
    """Return a value as JSON has it. Numbers in JSON texts were counted as texts."""
    kind = kind_of(dtype if not isinstance(dtype, pl.List) else element_type(dtype))
    match value:
        case bool() | int():
            return value
        case float():
            return int(value) if value.is_integer() and abs(value) < 2**53 else value
        case Decimal():
            return plain_decimal(value)
        case datetime() | date():
            return value.isoformat()
        case str() if kind is Kind.NUMBER:
            return _number(value)
        case str() if kind is Kind.BOOLEAN:
            return value == "true"
        case _:
            return str(value)


def plain_decimal(value: Decimal) -> str | int | float:
    """Return a decimal as a rule takes it: as a text if it has more digits than a double stores."""
    if value == value.to_integral_value():
        return int(value)
    return float(value) if Decimal(repr(float(value))) == value else f"{value:f}"


def _number(text: str) -> str | int | float:
    try:
        number = float(text)
    except ValueError:
        return text
    return int(text) if text.lstrip("-").isdigit() else number if math.isfinite(number) else text


def _example(
    found: FieldValues, frequent: tuple[FrequentValue, ...], low: str | float | None, high: str | float | None
) -> dict[str, Any]:
    """Return a rule that is valid for the field."""
    kind, first = kind_of(found.dtype), next((entry.value for entry in frequent if entry.value != ""), None)
    rule: dict[str, Any] = {"field": found.path, "operator": "exists"}
    if kind in {Kind.DATE, Kind.DATETIME}:
        return rule | {"operator": "within_last", "value": "30d"}
    if kind is Kind.NUMBER and isinstance(low, int | float) and isinstance(high, int | float):
        return rule | {"operator": "gte", "value": low + (high - low) // 2}
    if first is not None and (kind in {Kind.TEXT, Kind.BOOLEAN} or type_name(found.dtype) in _LISTS):
        return rule | {"operator": "contains" if kind is Kind.LIST else "eq", "value": first}
    return rule


def _in_table(table: str | None, rule: dict[str, Any]) -> dict[str, Any]:
    """Return a rule on the rows of a table; without a table, the rule itself."""
    return rule if table is None else {"table": table, "operator": "gte", "value": 1, "where": [rule]}
