"""Rules that need dates, also in fields of texts."""

from segbatch.compiler.relative_dates import read_relative
from segbatch.model.rule import Rule

_WITH_DATES = {"eq", "neq", "gt", "gte", "lt", "lte", "between", "in", "not_in"}


def needs_dates(rule: Rule) -> bool:
    """Return whether a rule compares dates whatever type its field has: by a duration, or with relative dates."""
    return rule.shape in {"duration", "days"} or has_relative_dates(rule)


def has_relative_dates(rule: Rule) -> bool:
    """Return whether a rule compares with dates that are relative to the time of the run."""
    values = rule.value if isinstance(rule.value, tuple) else (rule.value,)
    return rule.operator in _WITH_DATES and any(read_relative(value) is not None for value in values)
