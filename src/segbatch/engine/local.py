"""Evaluating a plan on this machine.

The evaluation of a batch is a pure function of plan and batch; reading the next batch goes on beside it.
"""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import polars as pl
import pyarrow as pa

from segbatch.compiler.conditions import Condition, numbers_in, to_expression
from segbatch.compiler.plan import Plan
from segbatch.errors import EvaluationError
from segbatch.snapshot.snapshot import Batch, Snapshot

__all__ = ["Answers", "Members", "answer", "batch_rows", "evaluate", "evaluate_batch"]

_MOST_ROWS = 100_000
_FEWEST_ROWS = 1_000
_MOST_ANSWERS = 100_000_000
"""Contacts times segments in a batch: what bounds the memory of a run with very many segments."""

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Members:
    """Who of a batch is in which segment.

    Attributes:
        ids: The ids of the batch's contacts.
        frame: For each segment of the plan a column of booleans with its id as its name, a row a contact.
    """

    ids: pa.Array
    frame: pl.DataFrame


def batch_rows(segments: int) -> int:
    """Return how many contacts to read at once, so that memory stays bounded however many segments there are."""
    return max(_FEWEST_ROWS, min(_MOST_ROWS, _MOST_ANSWERS // max(segments, 1)))


def evaluate(plan: Plan, snapshot: Snapshot) -> Iterator[Members]:
    """Evaluate every segment of a plan over a snapshot, in one pass.

    Yields:
        The members, a batch of contacts at a time, in the order of the snapshot.

    Raises:
        SnapshotError: The snapshot cannot be read to its end.
    """
    batches = snapshot.batches(plan.leaves, batch_rows(len(plan.segments)))
    return (evaluate_batch(plan, batch) for batch in _read_ahead(batches))


@dataclass(frozen=True, slots=True)
class Answers:
    """What the predicates of a plan, and the segments that others name, say of some contacts.

    Attributes:
        frame: A column of booleans for each.
        predicates: The columns of the predicates.
        members: For each segment that others name, its column.
    """

    frame: pl.DataFrame
    predicates: Sequence[pl.Expr]
    members: Mapping[str, pl.Expr]

    def to(self, condition: Condition) -> pl.Expr:
        """Return which contacts meet a condition of the plan, as an expression over the frame."""
        return to_expression(condition, self.predicates, self.members)


def answer(plan: Plan, frame: pl.DataFrame) -> Answers:
    """Ask each distinct predicate once, and then each segment that others name.

    Raises:
        EvaluationError: Polars cannot evaluate a predicate over these contacts.
    """
    try:
        answers = frame.select(predicate.alias(str(number)) for number, predicate in enumerate(plan.predicates))
    except pl.exceptions.PolarsError as error:
        raise _evaluation_error(plan, frame) from error
    found = Answers(answers, [pl.col(name) for name in answers.columns], {})
    conditions = {segment.definition.segment_id: segment.condition for segment in plan.segments}
    for segment_id in plan.named:
        name = f"in {segment_id}"
        answers = found.frame.with_columns(found.to(conditions[segment_id]).alias(name))
        found = Answers(answers, found.predicates, {**found.members, segment_id: pl.col(name)})
    return found


def _evaluation_error(plan: Plan, frame: pl.DataFrame) -> EvaluationError:
    """Name a segment whose rule it is; what Polars says is kept out of the message, for it quotes contacts."""
    segments = [entry for entry in plan.segments if not _can_evaluate(plan, entry.condition, frame)]
    named = f"segment '{segments[0].definition.segment_id}'" if segments else "a segment that failed"
    message = f"a rule of {named} cannot be evaluated over these contacts, which is a fault of segbatch"
    return EvaluationError(f"{message}; please report it with the rule, and leave the segment out meanwhile")


def _can_evaluate(plan: Plan, condition: Condition, frame: pl.DataFrame) -> bool:
    try:
        frame.select(plan.predicates[number].alias(str(number)) for number in sorted(numbers_in(condition)))
    except pl.exceptions.PolarsError:
        return False
    return True


def evaluate_batch(plan: Plan, batch: Batch) -> Members:
    """Evaluate every segment over one batch: each distinct predicate once, then each segment from their answers."""
    if not plan.segments:
        return Members(batch.ids, pl.DataFrame(height=len(batch.ids)))
    answers = answer(plan, batch.frame)
    return Members(
        batch.ids,
        answers.frame.select(
            answers.to(segment.condition).alias(segment.definition.segment_id) for segment in plan.segments
        ),
    )


def _read_ahead(items: Iterator[_T]) -> Iterator[_T]:
    """Take the next item in another thread while the caller works on this one."""
    with ThreadPoolExecutor(1, "read") as pool:
        waiting = pool.submit(next, items, None)
        while (item := waiting.result()) is not None:
            waiting = pool.submit(next, items, None)
            yield item
