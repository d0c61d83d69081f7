"""Counts, over all contacts, of what each rule and group of a segment keeps."""

from collections import Counter
from collections.abc import Iterable, Iterator

import polars as pl

from segbatch.authoring.explain.reasons import rule_text
from segbatch.authoring.explain.reports import Funnel, Step
from segbatch.authoring.explain.trace import Part, trace
from segbatch.compiler.prepare import PreparedEvaluation
from segbatch.engine.local import batch_rows, evaluate_predicates
from segbatch.snapshot.id_checks import IdCheck, ids_as_series


def count_steps(prepared: PreparedEvaluation, segment_id: str) -> Funnel:
    """Count the contacts that each rule of a segment keeps, on its own and after the rules before it.

    The segment must be one that can be evaluated.

    Raises:
        SnapshotError: The snapshot cannot be read to its end, or has ids that a run rejects.
    """
    planned, snapshot = prepared.plan_of(segment_id), prepared.snapshot
    top = trace(planned)
    every = list(_flat(top))
    keeps, left, members = Counter[str](), Counter[str](), 0
    check = IdCheck(snapshot.id_column)
    for batch in snapshot.batches(prepared.plan.leaves, batch_rows(len(every))):
        check.add(ids_as_series(batch.ids))
        results = evaluate_predicates(prepared.plan, batch.frame)
        held = results.frame.select(results.expression_of(part.condition).alias(part.path) for part in every)
        keeps.update({name: int(column.sum()) for name, column in zip(held.columns, held.iter_columns(), strict=True)})
        left.update(_in_turn(held, top))
        members += int(results.frame.select(results.expression_of(planned.condition)).to_series().sum())
    check.finish(snapshot.ids, snapshot.file_rows)
    steps = tuple(_step(part, keeps, left, snapshot.rows) for part in top)
    share = members / snapshot.rows if snapshot.rows else None
    return Funnel(segment_id, snapshot.rows, members, share, steps, tuple(prepared.warnings), tuple(prepared.notes))


def _flat(parts: Iterable[Part]) -> Iterator[Part]:
    for part in parts:
        yield part
        yield from _flat(part.parts)


def _in_turn(held: pl.DataFrame, parts: Iterable[Part]) -> dict[str, int]:
    """Return, for each part, the number of contacts that match it and all parts before it."""
    left, counts = pl.repeat(value=True, n=held.height, dtype=pl.Boolean, eager=True), dict[str, int]()
    for part in parts:
        left &= held.get_column(part.path)
        counts[part.path] = int(left.sum())
    return counts


def _step(part: Part, keeps: Counter[str], left: Counter[str], contacts: int) -> Step:
    """Convert the counts of a part to a step. A part inside a group has no count in `left`."""
    inner = tuple(_step(child, keeps, left, contacts) for child in part.parts)
    number = keeps[part.path]
    share = number / contacts if contacts else None
    return Step(part.path, rule_text(part.node), number, share, left.get(part.path), inner)
