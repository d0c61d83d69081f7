"""Columns of examples that are dates, if there is no snapshot that has their types."""

import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from segbatch.authoring.examples.contacts import ExampleContact
from segbatch.compiler.relative_dates import read_relative
from segbatch.model.rule import Rule

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ].+")
_COMPARING = {"eq", "neq", "gt", "gte", "lt", "lte", "between", "in", "not_in"}
_PRESENCE = {"exists", "empty", "blank", "not_blank"}


def date_columns(contacts: Sequence[ExampleContact], rules: Iterable[Rule]) -> Mapping[str, pa.DataType]:
    """Return the columns that are dates or date-times in any snapshot that fits the rules.

    All their values are ISO 8601 texts, a rule compares them with such a text, and no rule reads them as text.
    """
    named: dict[str, list[Rule]] = {}
    for rule in rules:
        for field in rule.fields:
            named.setdefault(field, []).append(rule)
    inside = {field.partition(".")[0] for field in named if "." in field}
    types = ((name, _date_type(name, contacts, using)) for name, using in named.items() if name not in inside)
    return {name: found for name, found in types if found is not None}


def _date_type(name: str, contacts: Sequence[ExampleContact], rules: Sequence[Rule]) -> pa.DataType | None:
    values = [value for contact in contacts if (value := contact.columns.get(name)) is not None]
    compared = [value for rule in rules if rule.operator in _COMPARING for value in _values(rule)]
    if not values or not all(map(_is_date, values)) or not any(map(_is_date, compared)):
        return None
    if not all(_fits(rule) for rule in rules):
        return None
    dates = (*values, *(value for value in compared if _is_date(value)))
    return pa.date32() if all(map(_DAY.fullmatch, dates)) else pa.timestamp("us", "UTC")


def _values(rule: Rule) -> tuple[Any, ...]:
    return rule.value if isinstance(rule.value, tuple) else (rule.value,)


def _fits(rule: Rule) -> bool:
    """Return whether a rule can be one on dates."""
    if rule.read_as is not None or rule.value_field is not None or rule.ignore_case:
        return False
    if rule.operator in _COMPARING:
        return all(_is_date(value) or read_relative(value) is not None for value in _values(rule))
    return rule.operator in _PRESENCE or rule.shape in {"duration", "days"}


def _is_date(value: object) -> bool:
    if not isinstance(value, str) or not (_DAY.fullmatch(value) or _MOMENT.fullmatch(value)):
        return False
    with suppress(ValueError, OverflowError):
        return datetime.fromisoformat(value).astimezone(UTC).year > 0
    return False
