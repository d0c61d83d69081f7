"""Evaluation of a plan on this machine.

The evaluation of a batch is a pure function of plan and batch. The next batch is read at the same time.
"""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import polars as pl

from segbatch.compiler.conditions import Condition, to_expression
from segbatch.compiler.plan import Plan
from segbatch.engine.base import Members
from segbatch.engine.combiner import combine_predicates
from segbatch.engine.predicates import evaluate_numbers, predicate_bitmaps, text_sources
from segbatch.snapshot.batch import Batch
from segbatch.snapshot.snapshot import Snapshot

_MOST_ROWS = 1 << 16
"""Row numbers of a batch have 16 bits in the membership files."""
_FEWEST_ROWS = 1_000
_MOST_RESULTS = 100_000_000
"""Maximum of contacts times segments in a batch. It bounds the memory of a run with very many segments."""

_T = TypeVar("_T")


def batch_rows(segments: int) -> int:
    """Return the number of contacts to read at once, so that memory is bounded for any number of segments."""
    return max(_FEWEST_ROWS, min(_MOST_ROWS, _MOST_RESULTS // max(segments, 1)))


class LocalEngine:
    """The engine that evaluates batches in this process, with all processors."""

    def evaluate(self, plan: Plan, snapshot: Snapshot) -> Iterator[Members]:
        """Evaluate every segment of a plan over a snapshot, as `Engine` describes."""
        batches = snapshot.batches(plan.leaves, batch_rows(len(plan.segments)), text_sources(plan))
        return (evaluate_batch(plan, batch) for batch in _read_ahead(batches))


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


def evaluate_batch(plan: Plan, batch: Batch) -> Members:
    """Evaluate every segment over one batch.

    Each distinct predicate is evaluated once. The segments are then computed from the results.

    Raises:
        EvaluationError: Polars cannot evaluate a predicate over these contacts.
    """
    contacts = len(batch.ids)
    segment_ids = tuple(segment.definition.segment_id for segment in plan.segments)
    predicates = predicate_bitmaps(plan, batch)
    return Members(batch.ids, segment_ids, combine_predicates(plan, predicates, contacts), batch.tables)


def _read_ahead(items: Iterator[_T]) -> Iterator[_T]:
    """Yield items, and read the next item in another thread while the caller works on the current one."""
    with ThreadPoolExecutor(1, "read") as pool:
        waiting = pool.submit(next, items, None)
        while (item := waiting.result()) is not None:
            waiting = pool.submit(next, items, None)
            yield item
