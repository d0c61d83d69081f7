"""Whether Polars can do what a plan asks of it, found out over no contacts: what it cannot fails alone, and early."""

from collections.abc import Mapping, Sequence

import polars as pl

__all__ = ["unusable"]


def unusable(predicates: Sequence[pl.Expr], nobody: pl.DataFrame) -> Mapping[int, str]:
    """Find the predicates that Polars refuses.

    None is ever expected: rules are held against the snapshot's types before. What Polars refuses all the same is a
    fault of this program, and it is to cost the one segment that it concerns, and not the night of all.

    Args:
        predicates: Each a boolean expression.
        nobody: A frame of the columns that they read, without rows.

    Returns:
        The numbers of those predicates, each with the reason.
    """
    if _reason(predicates, nobody) is None:
        return {}
    reasons = {number: _reason([predicate], nobody) for number, predicate in enumerate(predicates)}
    return {number: reason for number, reason in reasons.items() if reason is not None}


def _reason(predicates: Sequence[pl.Expr], nobody: pl.DataFrame) -> str | None:
    try:
        nobody.lazy().select(
            predicate.alias(str(number)) for number, predicate in enumerate(predicates)
        ).collect_schema()
    except pl.exceptions.PolarsError as error:
        return f"{type(error).__name__}: {str(error).splitlines()[0]}"
    return None
