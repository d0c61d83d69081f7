"""The list and the details of published runs, and pruning on demand."""

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from segbatch.errors import UsageError
from segbatch.model.manifest import History, Manifest, PastRun
from segbatch.storage.layout import LAST, PREVIOUS, RUNS
from segbatch.storage.manifest_io import NOTHING_PUBLISHED, ensure_published, read_history, read_manifest
from segbatch.storage.output_lock import FAIL_IF_LOCKED, LockPolicy
from segbatch.storage.publish import own_output
from segbatch.storage.remote.addresses import open_publication
from segbatch.storage.remote.open_output import run_name
from segbatch.storage.retention import Keep, Pruned, has_members, prune
from segbatch.storage.targets.remote import RemoteTarget
from segbatch.storage.write_errors import translate_write_errors
from segbatch.text import did_you_mean, shown

_PRUNE = "runs prune"
_UNTOUCHED = "nothing was removed"
_INCOMPLETE = "not all members of old runs are removed; run it again"


@dataclass(frozen=True, slots=True)
class ListedRun:
    """A published run in the list of runs.

    Attributes:
        past: The run and its folder name.
        keeps_members: Whether its members still exist.
    """

    past: PastRun
    keeps_members: bool


@dataclass(frozen=True, slots=True)
class RunDetails:
    """The details of a published run.

    Attributes:
        listed: The run as it is in the list of runs.
        folder: The path or the address of its folder.
    """

    listed: ListedRun
    folder: str
    manifest: Manifest


def published_history(output: Path) -> History:
    """Read the history of published runs.

    Raises:
        UsageError: Nothing is published in the folder.
        PublishError: The history cannot be read.
    """
    ensure_published(output)
    return read_history(output)


def list_runs(output: Path) -> Sequence[ListedRun]:
    """Return the published runs, oldest first.

    Raises:
        UsageError: Nothing is published in the folder.
        PublishError: The published runs cannot be read.
    """
    return [_listed(output, past) for past in published_history(output).runs]


def show_run(output: Path, name: str) -> RunDetails:
    """Return the details of a run, given by its id, `last` or `previous`.

    Raises:
        UsageError: Nothing is published in the folder, or the run does not exist.
        PublishError: The published runs cannot be read.
    """
    history = published_history(output)
    listed = _listed(output, history.runs[find_run(output, history, name)])
    folder = output / RUNS / listed.past.folder
    return RunDetails(listed, run_name(output, listed.past.folder), read_manifest(folder))


def find_run(output: Path, history: History, name: str) -> int:
    """Return the index of a run in the history.

    Args:
        name: The run id; or `last`, or `previous` for the run before the last.

    Raises:
        UsageError: The run does not exist.
    """
    run_ids = [past.run.run_id for past in history.runs]
    aliases = {LAST: len(run_ids) - 1, PREVIOUS: len(run_ids) - 2}
    if aliases.get(name, -1) >= 0:
        return aliases[name]
    if name in run_ids:
        return run_ids.index(name)
    if name == PREVIOUS:
        raise UsageError(f"{output}: the last run is the first; it has no previous run")
    hint = did_you_mean(name, [*run_ids, *aliases]) or "; list the runs with segbatch runs"
    raise UsageError(f"{output}: run {shown(name)} does not exist{hint}")


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


def _listed(output: Path, past: PastRun) -> ListedRun:
    return ListedRun(past, has_members(output / RUNS / past.folder))
