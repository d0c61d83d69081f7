"""Fields of rules: found in a snapshot, and read as the type that the rule names."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import polars as pl

from segbatch.compiler.clock import Clock
from segbatch.compiler.comparisons import false_for_all
from segbatch.compiler.read_as import ReadingError, days_only, read_as
from segbatch.compiler.relative_dates import has_relative_dates, needs_dates
from segbatch.compiler.rule_errors import RuleError
from segbatch.model.operators import ReadingName
from segbatch.model.rule import Rule
from segbatch.snapshot.fields.keys import UnknownColumnError
from segbatch.snapshot.fields.resolution import Field, FieldColumns, ReadingCounts, resolve
from segbatch.snapshot.fields.types import Kind, describe
from segbatch.text import clipped, counted

_EQUALITIES = {"eq", "neq", "in", "not_in"}
_WORDS: Mapping[ReadingName, str] = {
    "text": "a text",
    "number": "a number",
    "boolean": "true or false",
    "date": "a date",
    "datetime": "a date or date-time",
    "epoch_s": "a time in seconds since 1970",
    "epoch_ms": "a time in milliseconds since 1970",
    "version": "a version",
}


@dataclass(frozen=True, slots=True)
class Reading:
    """A type that a rule reads a field as.

    Attributes:
        name: The type.
        is_inferred: Whether the values decide it, and not the rule.
        counts: The numbers of values, if the contacts were counted.
    """

    name: ReadingName
    is_inferred: bool
    counts: ReadingCounts | None


@dataclass(frozen=True, slots=True)
class RuleField:
    """A field of a rule.

    Attributes:
        name: The name in the rule.
        key: The key of the rule that names it.
        found: The field as it is stored.
        read: The field as the rule reads it.
        reading: The type that it is read as, if not as it is stored.
    """

    name: str
    key: str
    found: Field
    read: Field
    reading: Reading | None = None

    @property
    def warnings(self) -> list[tuple[str, str]]:
        """Warnings about the field, each with the key of the rule that it belongs to."""
        warnings = [(self.key, self.found.warning)] if self.found.warning else []
        counts = self.reading.counts if self.reading else None
        if self.reading is not None and counts is not None and counts.readable < counts.present:
            number = f"{counts.present - counts.readable:,} of {counted(counts.present, 'value')}"
            what = f"{number} of '{clipped(self.name)}' cannot be read as {_WORDS[self.reading.name]}"
            warnings.append(("as", f"{what}; this rule treats them as missing"))
        return warnings


@dataclass(frozen=True, slots=True)
class RuleFields:
    """The fields of a rule, as the rule reads them.

    Attributes:
        field: The field that is tested.
        other: The field that it is compared with, if the rule has a `value_field`.
        sources: Both, with how they were found.
    """

    field: Field
    other: Field | None = None
    sources: tuple[RuleField, ...] = ()

    @property
    def missing(self) -> pl.Expr:
        """An expression that is true for contacts without a value of a field."""
        tests = [_is_missing(one) for one in (self.field, self.other) if one is not None]
        return tests[0] if len(tests) == 1 else pl.any_horizontal(tests)


def _is_missing(one: Field) -> pl.Expr:
    return ~false_for_all() if one.kind is Kind.NOTHING else one.expr.is_null()


def find_fields(rule: Rule, schema: Mapping[str, pl.DataType], clock: Clock) -> RuleFields:
    """Return the fields of a rule; the rule must have one.

    Raises:
        RuleError: The snapshot has no such column, or it cannot be read as the type in the rule.
    """
    sources = []
    for name, key in zip(rule.fields, ("field", "value_field"), strict=False):
        found = find_field(name, schema, key)
        sources.append(_read(RuleField(name, key, found, found), rule, schema, clock))
    return RuleFields(sources[0].read, sources[1].read if len(sources) > 1 else None, tuple(sources))


def find_field(name: str, schema: Mapping[str, pl.DataType], key: str = "field") -> Field:
    """Return a field.

    Args:
        key: The key of the rule that names the field.

    Raises:
        RuleError: The snapshot has no such column.
    """
    try:
        return resolve(name, schema)
    except UnknownColumnError as error:
        raise RuleError(key, str(error)) from None


def _read(one: RuleField, rule: Rule, schema: Mapping[str, pl.DataType], clock: Clock) -> RuleField:
    counts = schema.readings if isinstance(schema, FieldColumns) else {}
    if rule.read_as is not None:
        return _read_explicitly(one, rule.read_as, counts.get((one.name, rule.read_as)), clock)
    dates = counts.get((one.name, "datetime"))
    if one.found.kind is not Kind.TEXT or dates is None or not needs_dates(rule):
        return one
    return _read_dates(one, rule, dates, clock)


def _read_explicitly(one: RuleField, name: ReadingName, counts: ReadingCounts | None, clock: Clock) -> RuleField:
    try:
        read = read_as(one.found, name, clock)
    except ReadingError as error:
        described = f"'{clipped(one.name)}' ({describe(one.found.dtype)}) cannot be read as {_WORDS[name]}"
        raise RuleError("as", f"{described}: {error}") from None
    if counts and counts.present and not counts.readable:
        values = counted(counts.present, "value")
        raise RuleError("as", f"none of the {values} of '{clipped(one.name)}' can be read as {_WORDS[name]}")
    return replace(one, read=read, reading=Reading(name, is_inferred=False, counts=counts))


def _read_dates(one: RuleField, rule: Rule, counts: ReadingCounts, clock: Clock) -> RuleField:
    """Read texts as dates if all of them are; texts without any date are compared with words such as `today`."""
    others = counts.present - counts.readable
    if others and not counts.readable and has_relative_dates(rule) and rule.operator in _EQUALITIES:
        return one
    if others:
        values = f"{others:,} of the {counted(counts.present, 'value')} of '{clipped(one.name)}' (text)"
        message = f"'{rule.operator}' compares dates here, and {values} are not ISO 8601 dates"
        raise RuleError(one.key, f'{message}; add "as": "datetime" to treat them as missing')
    if counts.present and counts.days == counts.present:
        return replace(one, read=days_only(one.found), reading=Reading("date", is_inferred=True, counts=counts))
    read = read_as(one.found, "datetime", clock)
    return replace(one, read=read, reading=Reading("datetime", is_inferred=True, counts=counts))
