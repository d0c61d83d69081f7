"""Evaluation of a plan on this machine.

The evaluation of a batch is a pure function of plan and batch: each distinct predicate becomes one bitmap, and the
bitmaps are combined to the members of each segment, 64 contacts at a time. Polars evaluates the predicates. Those that
read a text column with few distinct values are evaluated once per distinct value, by the same expressions, and each
contact's result is looked up. Several searches in one column of other texts are done without Polars. The next batch is
read at the same time.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import assert_never

import numpy as np
import polars as pl

from segbatch.compiler.conditions import BoolExpr, Condition, SegmentRef, numbers_in, to_expression
from segbatch.compiler.plan import Plan
from segbatch.engine.base import Members
from segbatch.engine.text_results import TextResults
from segbatch.engine.text_search import WORTH_JOINING, JoinedTexts
from segbatch.errors import EvaluationError
from segbatch.platform.bitmaps import Bitmap, Bitmaps, empty_bitmaps, from_columns, full_bitmap, word_count
from segbatch.platform.iterators import read_ahead
from segbatch.snapshot.batch import Batch
from segbatch.snapshot.snapshot import Snapshot

_MOST_ROWS = 1 << 16
"""Row numbers of a batch have 16 bits in the membership files."""
_FEWEST_ROWS = 1_000
_MOST_RESULTS = 100_000_000
"""Maximum of contacts times segments in a batch. It bounds the memory of a run with very many segments."""

_PATTERNS = ("^", "*")
"""Polars may read such names as patterns, and then does not list them among the columns that an expression reads."""


def batch_rows(segments: int) -> int:
    """Return the number of contacts to read at once, so that memory is bounded for any number of segments."""
    return max(_FEWEST_ROWS, min(_MOST_ROWS, _MOST_RESULTS // max(segments, 1)))


class LocalEngine:
    """The engine that evaluates batches in this process, with all processors."""

    name = "local"

    def evaluate(self, plan: Plan, snapshot: Snapshot) -> Iterator[Members]:
        """Evaluate every segment of a plan over a snapshot, as `Engine` describes."""
        batches = snapshot.batches(plan.leaves, batch_rows(len(plan.segments)), text_sources(plan))
        known = no_text_results(plan)
        return (evaluate_batch(plan, batch, known) for batch in read_ahead(batches))


def evaluate_batch(plan: Plan, batch: Batch, known: TextResults | None = None) -> Members:
    """Evaluate every segment over one batch.

    Each distinct predicate is evaluated once. The segments are then computed from the results.

    Args:
        known: The results over the texts of earlier batches.

    Raises:
        EvaluationError: Polars cannot evaluate a predicate over these contacts.
    """
    contacts = len(batch.ids)
    segment_ids = tuple(segment.definition.segment_id for segment in plan.segments)
    predicates = predicate_bitmaps(plan, batch, known=known)
    return Members(batch.ids, segment_ids, combine_predicates(plan, predicates, contacts), batch.tables)


@dataclass(frozen=True, slots=True)
class PredicateResults:
    """Results of a plan's predicates, and of the segments that others reference, for some contacts.

    Attributes:
        frame: One column of booleans per predicate and per referenced segment.
        predicates: The columns of the predicates.
        members: The column of each segment that others reference, by segment id.
    """

    frame: pl.DataFrame
    predicates: Sequence[pl.Expr]
    members: Mapping[str, pl.Expr]

    def expression_of(self, condition: Condition) -> pl.Expr:
        """Return an expression over the frame that is true for the contacts that meet a condition of the plan."""
        return to_expression(condition, self.predicates, self.members)


def evaluate_predicates(plan: Plan, frame: pl.DataFrame) -> PredicateResults:
    """Evaluate each distinct predicate once, and then each segment that others reference.

    Raises:
        EvaluationError: Polars cannot evaluate a predicate over these contacts.
    """
    columns = evaluate_numbers(plan, range(len(plan.predicates)), plan.shares.add_to(frame))
    results = PredicateResults(columns, [pl.col(name) for name in columns.columns], {})
    conditions = {segment.definition.segment_id: segment.condition for segment in plan.segments}
    for segment_id in plan.shared_segments:
        name = f"in {segment_id}"
        columns = results.frame.with_columns(results.expression_of(conditions[segment_id]).alias(name))
        results = PredicateResults(columns, results.predicates, {**results.members, segment_id: pl.col(name)})
    return results


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


def no_text_results(plan: Plan) -> TextResults:
    """Return the results of a plan's predicates over no texts so far."""
    return TextResults(partial(evaluate_numbers, plan))


def predicate_bitmaps(
    plan: Plan, batch: Batch, numbers: Iterable[int] | None = None, known: TextResults | None = None
) -> Bitmaps:
    """Return the bitmap of each predicate of a plan.

    Args:
        numbers: The predicates to evaluate; all by default. The bitmaps of the others are empty.
        known: The results over the texts of earlier batches.

    Raises:
        EvaluationError: Polars cannot evaluate a predicate over these contacts.
    """
    contacts = len(batch.ids)
    found = empty_bitmaps(len(plan.predicates), contacts)
    by_text: dict[str, list[int]] = {path: [] for path in batch.texts}
    rest = list[int]()
    for number in range(len(plan.predicates)) if numbers is None else numbers:
        by_text.get(plan.sources.get(number, ""), rest).append(number)
    for searches in _group_searches(plan, rest):
        rest = [number for number in rest if number not in searches]
        _search(plan, searches, batch.frame, found)
    found[rest] = from_columns(evaluate_numbers(plan, rest, plan.shares.add_to(batch.frame)).get_columns(), contacts)
    known = known or no_text_results(plan)
    for path, of_text in by_text.items():
        known.look_up(path, batch.texts[path], of_text, found)
    return found


def combine_predicates(
    plan: Plan, predicates: Bitmaps, contacts: int, known: Mapping[str, Bitmap] = MappingProxyType({})
) -> Bitmaps:
    """Return the bitmap of each segment of a plan for a batch of contacts.

    Args:
        predicates: The bitmap of each predicate of the plan.
        known: The bitmaps of segments that were computed before.
    """
    combiner = _Combiner(predicates, full_bitmap(contacts))
    conditions = {segment.definition.segment_id: segment.condition for segment in plan.segments}
    members = dict(known)
    for segment_id in plan.shared_segments:
        if segment_id not in members:
            members[segment_id] = combiner.of(conditions[segment_id], members)
    found: Bitmaps = np.empty((len(plan.segments), word_count(contacts)), dtype="<u8")
    for bitmap, (segment_id, condition) in zip(found, conditions.items(), strict=True):
        result = members[segment_id] if segment_id in members else combiner.of(condition, members, bitmap)
        if result is not bitmap:
            bitmap[:] = result
    return found


class _Combiner:
    def __init__(self, predicates: Bitmaps, everyone: Bitmap) -> None:
        self._predicates: list[Bitmap] = [*predicates]  # rows are made once: that takes as long as combining two
        self._everyone = everyone

    def of(self, condition: Condition, members: Mapping[str, Bitmap], out: Bitmap | None = None) -> Bitmap:
        """Return the bitmap of a condition.

        Args:
            members: The bitmaps of the segments that it references.
            out: Where the bitmap is computed, if it is not that of a predicate or a segment.
        """
        match condition:
            case int():
                return self._predicates[condition]
            case SegmentRef(segment_id):
                return members[segment_id]
            case BoolExpr(op, args):
                found = self._combined(np.bitwise_and if op == "all" else np.bitwise_or, args, members, out)
                return np.bitwise_xor(found, self._everyone, out) if op == "none" else found
            case _:
                assert_never(condition)

    def _combined(
        self, combine: np.ufunc, args: Sequence[Condition], members: Mapping[str, Bitmap], out: Bitmap | None
    ) -> Bitmap:
        # Most arguments are predicates. To select them here takes a third less time than a call for each.
        first, *others = [self._predicates[arg] if isinstance(arg, int) else self.of(arg, members) for arg in args]
        if not others:
            return first
        found: Bitmap = combine(first, others[0], out)  # never in `first`, which may be a predicate
        for bitmap in others[1:]:
            combine(found, bitmap, found)
        return found


def evaluate_numbers(plan: Plan, numbers: Iterable[int], frame: pl.DataFrame) -> pl.DataFrame:
    """Return one column of booleans per predicate, named by its number.

    Raises:
        EvaluationError: Polars cannot evaluate a predicate over these contacts.
    """
    return _evaluate(plan, numbers, frame, [plan.predicates[number].alias(str(number)) for number in numbers])


def _evaluate(plan: Plan, numbers: Iterable[int], frame: pl.DataFrame, expressions: Sequence[pl.Expr]) -> pl.DataFrame:
    """Evaluate expressions that belong to some predicates.

    Raises:
        EvaluationError: Polars cannot evaluate one of them.
    """
    try:
        return frame.lazy().select(expressions).collect()  # lazy, so that parts that they share are computed once
    except pl.exceptions.PolarsError as error:
        raise _evaluation_error(plan, numbers, frame) from error


def _group_searches(plan: Plan, numbers: Iterable[int]) -> list[list[int]]:
    """Return those predicates that search a column which enough of them search, by column."""
    by_column = defaultdict[bytes, list[int]](list)
    for number in numbers:
        if number in plan.searches:
            by_column[plan.searches[number].column].append(number)
    return [group for group in by_column.values() if len(group) >= WORTH_JOINING]


def _search(plan: Plan, numbers: Sequence[int], frame: pl.DataFrame, found: Bitmaps) -> None:
    """Search for several texts in one column.

    Raises:
        EvaluationError: Polars cannot evaluate the texts to search in.
    """
    texts = _evaluate(plan, numbers, frame, [plan.searches[numbers[0]].texts])
    joined = JoinedTexts(texts.to_series())
    for number in numbers:
        found[number] = joined.find(plan.searches[number].text)


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
