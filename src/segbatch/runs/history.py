"""Looking at the runs that were published, long after."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from segbatch.errors import UsageError
from segbatch.model.manifest import History, Manifest, PastRun
from segbatch.storage.layout import LAST, PREVIOUS, RUNS
from segbatch.storage.manifest_io import ensure_published, read_history, read_manifest
from segbatch.storage.retention import has_members
from segbatch.text import did_you_mean, shown

__all__ = ["ListedRun", "RunDetails", "find_run", "list_runs", "published_history", "show_run"]


@dataclass(frozen=True, slots=True)
class ListedRun:
    """A published run.

    Attributes:
        past: The run, and where it stands.
        keeps_members: Whether its members are still there.
    """

    past: PastRun
    keeps_members: bool


@dataclass(frozen=True, slots=True)
class RunDetails:
    """All about a published run.

    Attributes:
        listed: The run, and where it stands.
        folder: Its folder.
        manifest: What is known of it.
    """

    listed: ListedRun
    folder: Path
    manifest: Manifest


def published_history(output: Path) -> History:
    """Read which runs are published.

    Raises:
        UsageError: Nothing is published there.
        PublishError: It cannot be read.
    """
    ensure_published(output)
    return read_history(output)


def list_runs(output: Path) -> Sequence[ListedRun]:
    """Return the published runs, in the order in which they follow each other.

    Raises:
        UsageError: Nothing is published there.
        PublishError: What is published cannot be read.
    """
    return [_listed(output, past) for past in published_history(output).runs]


def show_run(output: Path, name: str) -> RunDetails:
    """Return all about a run.

    Raises:
        UsageError: Nothing is published there, or no such run.
        PublishError: What is published cannot be read.
    """
    history = published_history(output)
    listed = _listed(output, history.runs[find_run(output, history, name)])
    folder = output / RUNS / listed.past.folder
    return RunDetails(listed, folder, read_manifest(folder))


def find_run(output: Path, history: History, name: str) -> int:
    """Return the place of a run among the published ones.

    Args:
        output: The output folder, for the message.
        history: The published runs.
        name: The id of the run; or `last`, or `previous` for the one before that.

    Raises:
        UsageError: There is no such run.
    """
    run_ids = [past.run.run_id for past in history.runs]
    places = {LAST: len(run_ids) - 1, PREVIOUS: len(run_ids) - 2}
    if places.get(name, -1) >= 0:
        return places[name]
    if name in run_ids:
        return run_ids.index(name)
    if name == PREVIOUS:
        raise UsageError(f"{output}: the last run is the first; there is none before it")
    hint = did_you_mean(name, [*run_ids, *places]) or "; segbatch runs lists those that there are"
    raise UsageError(f"{output}: there is no run {shown(name)}{hint}")


def _listed(output: Path, past: PastRun) -> ListedRun:
    return ListedRun(past, has_members(output / RUNS / past.folder))
