"""Combination of the results of predicates to the members of segments, 64 contacts at a time."""

from collections.abc import Mapping, Sequence
from typing import assert_never

import numpy as np

from segbatch.compiler.conditions import BoolExpr, Condition, SegmentRef
from segbatch.compiler.plan import Plan
from segbatch.platform.bitmaps import Bitmap, Bitmaps, full_bitmap, words_of


def combine_predicates(plan: Plan, predicates: Bitmaps, contacts: int) -> Bitmaps:
    """Return the bitmap of each segment of a plan for a batch of contacts.

    Args:
        predicates: The bitmap of each predicate of the plan.
    """
    combiner = _Combiner(predicates, full_bitmap(contacts))
    conditions = {segment.definition.segment_id: segment.condition for segment in plan.segments}
    members: dict[str, Bitmap] = {}
    for segment_id in plan.shared_segments:
        members[segment_id] = combiner.of(conditions[segment_id], members)
    found: Bitmaps = np.empty((len(plan.segments), words_of(contacts)), dtype="<u8")
    for bitmap, (segment_id, condition) in zip(found, conditions.items(), strict=True):
        bitmap[:] = members[segment_id] if segment_id in members else combiner.of(condition, members)
    return found


class _Combiner:
    def __init__(self, predicates: Bitmaps, everyone: Bitmap) -> None:
        self._predicates: list[Bitmap] = [*predicates]  # rows are made once: that takes as long as combining two
        self._everyone = everyone

    def of(self, condition: Condition, members: Mapping[str, Bitmap]) -> Bitmap:
        """Return the bitmap of a condition; `members` has those of the segments that it references."""
        match condition:
            case int():
                return self._predicates[condition]
            case SegmentRef(segment_id):
                return members[segment_id]
            case BoolExpr(op, args):
                found = self._combined(np.bitwise_and if op == "all" else np.bitwise_or, args, members)
                return found ^ self._everyone if op == "none" else found
            case _:
                assert_never(condition)

    def _combined(self, combine: np.ufunc, args: Sequence[Condition], members: Mapping[str, Bitmap]) -> Bitmap:
        # Most arguments are predicates. To select them here takes a third less time than a call for each.
        first, *others = [self._predicates[arg] if isinstance(arg, int) else self.of(arg, members) for arg in args]
        if not others:
            return first
        found: Bitmap = combine(first, others[0])  # in memory of its own, as `first` may be a predicate
        for bitmap in others[1:]:
            combine(found, bitmap, out=found)
        return found
