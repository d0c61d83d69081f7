"""The comparison of a run with the previous run, as the records of both runs and their warnings show it."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from segbatch.errors import Problem
from segbatch.storage.complete_changes import Sizes

if TYPE_CHECKING:
    from segbatch.model.manifest import Manifest, SegmentRecord
    from segbatch.storage.recorder import Recorded

_REPEATED = (
    "the changes did not match the numbers of members, because contacts in other segments than before had the same "
    "digest of their memberships; all memberships were compared instead, and the changes are complete"
)


def comparison_notices(recorded: "Recorded") -> Iterator[Problem]:
    """Yield a warning if the run was recorded again without digests."""
    if recorded.is_repeated:
        yield Problem(_REPEATED, severity="warning")


def recorded_sizes(
    before: Mapping[str, "SegmentRecord"], manifest: "Manifest", recorded: "Recorded"
) -> Iterator[Sizes]:
    """Yield the sizes of each segment in the records of both runs, with its changes.

    They also differ if the state of the previous run is not the one that was published with its record.

    Args:
        before: The segments of the previous run, by id.
        manifest: The record of this run.
        recorded: The changes.
    """
    counts = {name: record.member_count for name, record in before.items()}
    for record in manifest.segments:
        name = record.segment_id
        if record.entered is not None and record.exited is not None:
            yield Sizes(name, counts.get(name, 0), record.entered, record.exited, record.member_count)
    for gone in manifest.deleted:
        yield Sizes(gone.segment_id, counts[gone.segment_id], 0, recorded.exited[gone.segment_id], 0)
