"""Evaluation of a plan's predicates over a batch, to one bitmap per predicate.

Polars evaluates the predicates. Those that read a text column with few distinct values are evaluated once per distinct
value, by the same expressions, and each contact's result is looked up.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import polars as pl

from segbatch.compiler.conditions import numbers_in
from segbatch.compiler.plan import Plan
from segbatch.errors import EvaluationError
from segbatch.platform.bitmaps import Bitmaps, empty_bitmaps, from_columns
from segbatch.snapshot.batch import Batch
from segbatch.snapshot.encoded_texts import EncodedTexts

_BYTE = 8
_PATTERNS = ("^", "*")
"""Polars may read such names as patterns, and then does not list them among the columns that an expression reads."""


def text_sources(plan: Plan) -> Mapping[str, int]:
    """Return the paths that are read only by predicates that read nothing else, with the number of these predicates."""
    others = set[str]()
    for number, predicate in enumerate(plan.predicates):
        if number not in plan.sources:
            others.update(predicate.meta.root_names())
    paths = Counter(path for path in plan.sources.values() if not path.startswith(_PATTERNS))
    return {
        path: number for path, number in paths.items() if not any(f"{path}.".startswith(f"{name}.") for name in others)
    }


def predicate_bitmaps(plan: Plan, batch: Batch) -> Bitmaps:
    """Return the bitmap of each predicate of a plan.

    Raises:
        EvaluationError: Polars cannot evaluate a predicate over these contacts.
    """
    contacts = len(batch.ids)
    found = empty_bitmaps(len(plan.predicates), contacts)
    by_text: dict[str, list[int]] = {path: [] for path in batch.texts}
    rest = list[int]()
    for number in range(len(plan.predicates)):
        by_text.get(plan.sources.get(number, ""), rest).append(number)
    found[rest] = from_columns(evaluate_numbers(plan, rest, plan.shares.add_to(batch.frame)).get_columns(), contacts)
    for path, numbers in by_text.items():
        texts = batch.texts[path]
        _look_up(evaluate_numbers(plan, numbers, texts.frame).get_columns(), texts, found, numbers)
    return found


def evaluate_numbers(plan: Plan, numbers: Iterable[int], frame: pl.DataFrame) -> pl.DataFrame:
    """Return one column of booleans per predicate, named by its number.

    Raises:
        EvaluationError: Polars cannot evaluate a predicate over these contacts.
    """
    try:
        results = [plan.predicates[number].alias(str(number)) for number in numbers]
        return frame.lazy().select(results).collect()  # lazy, so that parts that predicates share are computed once
    except pl.exceptions.PolarsError as error:
        raise _evaluation_error(plan, numbers, frame) from error


def _look_up(results: Sequence[pl.Series], texts: EncodedTexts, found: Bitmaps, numbers: Sequence[int]) -> None:
    """Look up the results of each contact's text, for eight predicates at a time."""
    in_bytes = found.view(np.uint8)
    for start in range(0, len(numbers), _BYTE):
        eight = np.stack([column.to_numpy() for column in results[start : start + _BYTE]])
        by_contact = np.packbits(eight, axis=0, bitorder="little")[0].take(texts.codes)
        for bit, number in enumerate(numbers[start : start + _BYTE]):
            packed = np.packbits(by_contact & np.uint8(1 << bit), bitorder="little")
            in_bytes[number, : len(packed)] = packed


def _evaluation_error(plan: Plan, numbers: Iterable[int], frame: pl.DataFrame) -> EvaluationError:
    """Return an error that names a segment with the failed rule, without Polars' message, which quotes contacts."""
    failed = {number for number in numbers if not _can_evaluate(plan.predicates[number], frame)}
    segments = [entry.definition.segment_id for entry in plan.segments if numbers_in(entry.condition) & failed]
    segment = f"segment '{segments[0]}'" if segments else "a segment that failed"
    message = f"a rule of {segment} cannot be evaluated over these contacts, which is a bug in segbatch"
    return EvaluationError(f"{message}; please report it with the rule, and exclude the segment until then")


def _can_evaluate(predicate: pl.Expr, frame: pl.DataFrame) -> bool:
    try:
        frame.select(predicate.alias("result"))
    except pl.exceptions.PolarsError:
        return False
    return True
