"""Removal of the members of old runs on demand."""

from contextlib import nullcontext
from datetime import datetime
from pathlib import Path

from segbatch.errors import UsageError
from segbatch.runs.history import published_history
from segbatch.storage.keep import Keep
from segbatch.storage.manifest_io import NOTHING_PUBLISHED
from segbatch.storage.output_lock import FAIL_IF_LOCKED, LockPolicy
from segbatch.storage.publish import own_output
from segbatch.storage.remote.addresses import open_publication
from segbatch.storage.retention import Pruned, prune
from segbatch.storage.targets.remote import RemoteTarget
from segbatch.storage.write_errors import translate_write_errors

_PRUNE = "runs prune"
_UNTOUCHED = "nothing was removed"
_INCOMPLETE = "not all members of old runs are removed; run it again"


def prune_runs(
    output: str | Path, keep: Keep, now: datetime, policy: LockPolicy = FAIL_IF_LOCKED, *, dry_run: bool = False
) -> Pruned:
    """Remove the members of old runs, under the lock of the output.

    Args:
        output: The folder that runs publish in, or an address in object storage.
        policy: The behaviour when a run is at work on the output.
        dry_run: Only return the runs that would be pruned, and remove nothing.

    Raises:
        UsageError: Nothing is published in the folder.
        LockedError: A run is at work on the output.
        PublishError: The published runs cannot be read, or the output cannot be written.
    """
    publication = open_publication(output)
    if publication is not None:
        return _prune_stored(RemoteTarget(publication), keep, now, policy, dry_run=dry_run)
    output = Path(output)
    history = published_history(output)
    if dry_run:
        return prune(output, history, keep, now, dry_run=True)
    with own_output(output, _PRUNE, policy, _UNTOUCHED), translate_write_errors(output, _INCOMPLETE):
        return prune(output, published_history(output), keep, now)


def _prune_stored(target: RemoteTarget, keep: Keep, now: datetime, policy: LockPolicy, *, dry_run: bool) -> Pruned:
    """Remove the members of old runs from a store."""
    with nullcontext() if dry_run else target.lock(_PRUNE, policy):
        history = target.history()
        if not history.runs:
            raise UsageError(f"{target.name}: {NOTHING_PUBLISHED}")
        return target.remove_old(history, keep, now, dry_run=dry_run)
