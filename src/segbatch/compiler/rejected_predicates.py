"""Predicates that Polars rejects, found before the evaluation on a frame without rows."""

from collections.abc import Mapping, Sequence

import polars as pl


def find_rejected(predicates: Sequence[pl.Expr], empty_frame: pl.DataFrame) -> Mapping[int, str]:
    """Find the predicates that Polars rejects.

    None is expected, because rules are checked against the snapshot's types first. A rejected predicate is a bug in
    segbatch. This check limits the damage to the segments that use the predicate; the others are still evaluated.

    Args:
        predicates: Boolean expressions.
        empty_frame: A frame without rows, with the columns that the predicates read.

    Returns:
        The numbers of the rejected predicates, each with the reason.
    """
    if _rejection(predicates, empty_frame) is None:
        return {}
    reasons = {number: _rejection([predicate], empty_frame) for number, predicate in enumerate(predicates)}
    return {number: reason for number, reason in reasons.items() if reason is not None}


def _rejection(predicates: Sequence[pl.Expr], empty_frame: pl.DataFrame) -> str | None:
    try:
        empty_frame.lazy().select(
            predicate.alias(str(number)) for number, predicate in enumerate(predicates)
        ).collect_schema()
    except pl.exceptions.PolarsError as error:
        return f"{type(error).__name__}: {str(error).splitlines()[0]}"
    return None
