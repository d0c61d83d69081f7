"""Clearing away the members of old runs on demand."""

from datetime import datetime
from pathlib import Path

from segbatch.runs.history import published_history
from segbatch.storage.output_lock import NO_PATIENCE, Patience
from segbatch.storage.publish import at_work
from segbatch.storage.retention import Keep, Pruned, prune
from segbatch.storage.write_errors import writing

__all__ = ["prune_runs"]

_UNTOUCHED = "nothing was removed"
_INCOMPLETE = "not all members of old runs are removed; run it again"


def prune_runs(
    output: Path, keep: Keep, now: datetime, patience: Patience = NO_PATIENCE, *, dry_run: bool = False
) -> Pruned:
    """Remove the members of old runs, while no run is at work.

    Args:
        output: The output folder.
        keep: Which runs keep their members.
        now: What time it is.
        patience: What to do while a run is at work.
        dry_run: Whether to tell what would be removed, and remove nothing.

    Raises:
        UsageError: Nothing is published there.
        LockedError: A run is at work on the output.
        PublishError: What is published cannot be read, or the output cannot be written.
    """
    history = published_history(output)
    if dry_run:
        return prune(output, history, keep, now, dry_run=True)
    with at_work(output, "runs prune", patience, _UNTOUCHED), writing(output, _INCOMPLETE):
        return prune(output, published_history(output), keep, now)
