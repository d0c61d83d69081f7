"""Pruning the members of old runs on demand."""

from datetime import datetime
from pathlib import Path

from segbatch.runs.history import published_history
from segbatch.storage.output_lock import FAIL_IF_LOCKED, LockPolicy
from segbatch.storage.publish import own_output
from segbatch.storage.retention import Keep, Pruned, prune
from segbatch.storage.write_errors import writing

_UNTOUCHED = "nothing was removed"
_INCOMPLETE = "not all members of old runs are removed; run it again"


def prune_runs(
    output: Path, keep: Keep, now: datetime, policy: LockPolicy = FAIL_IF_LOCKED, *, dry_run: bool = False
) -> Pruned:
    """Remove the members of old runs, under the lock of the output folder.

    Args:
        output: The output folder.
        keep: The runs that keep their members.
        now: The current time.
        policy: The behaviour when a run is at work on the output.
        dry_run: Only return the runs that would be pruned, and remove nothing.

    Raises:
        UsageError: Nothing is published in the folder.
        LockedError: A run is at work on the output.
        PublishError: The published runs cannot be read, or the output cannot be written.
    """
    history = published_history(output)
    if dry_run:
        return prune(output, history, keep, now, dry_run=True)
    with own_output(output, "runs prune", policy, _UNTOUCHED), writing(output, _INCOMPLETE):
        return prune(output, published_history(output), keep, now)
