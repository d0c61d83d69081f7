"""The list and the details of published runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from segbatch.errors import UsageError
from segbatch.model.manifest import History, Manifest, PastRun
from segbatch.storage.layout import LAST, PREVIOUS, RUNS
from segbatch.storage.manifest_io import ensure_published, read_history, read_manifest
from segbatch.storage.remote.open_output import run_name
from segbatch.storage.retention import has_members
from segbatch.text import did_you_mean, shown


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


def _listed(output: Path, past: PastRun) -> ListedRun:
    return ListedRun(past, has_members(output / RUNS / past.folder))
