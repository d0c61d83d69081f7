"""From a folder that nobody looks at to the published run, in one step (see `places` for what stands where)."""

import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import takewhile
from pathlib import Path

from segbatch.disk import replace_file, sync_folder, sync_tree
from segbatch.publishing.catalogue import build_catalogue, discard_catalogue, ensure_place, place_catalogue
from segbatch.publishing.durable import NOTHING, ensure_no_folder, writing
from segbatch.publishing.lock import Patience, locked
from segbatch.publishing.places import (
    CHANGES,
    CURRENT,
    HISTORY,
    LOCK,
    MANIFEST,
    RUNS,
    UNFINISHED,
    UNPUBLISHED,
    free_folder,
)
from segbatch.publishing.pruning import discard_run
from segbatch.publishing.records import History, Manifest, PastRun
from segbatch.publishing.underway import underway

__all__ = ["at_work", "emptied", "ensure_places", "point_to", "publish", "staging"]

_NO_TABLES = "the run is published, but not its tables; make them with segbatch relink"


@contextmanager
def at_work(output: Path, what: str, patience: Patience) -> Iterator[None]:
    """Hold the lock of an output folder, which is made if it is not there.

    Args:
        output: The output folder.
        what: What is done under the lock, to be told to those who have to wait.
        patience: What to do while another holds it.

    Raises:
        UsageError: The output is where DuckDB cannot open a file.
        LockedError: Another run is at work on the output.
        PublishError: The output cannot be written, inside the block too.
    """
    with writing(output), _made(output / RUNS):
        ensure_places(output)
        with locked(output / LOCK, what, patience), underway.ending(lambda: _discard_asides(output)):
            yield


@contextmanager
def staging(output: Path, run_id: str) -> Iterator[Path]:
    """Make a folder in which a run can be written; what is still there at the end is thrown away."""
    folder = output / RUNS / f"{UNFINISHED}{run_id}"
    with underway.ending(lambda: discard_run(folder)):
        folder.mkdir(parents=True)
        yield folder


def emptied(folder: Path) -> Path:
    """Return a folder with nothing in it any more, for another try."""
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    return folder


@contextmanager
def _made(folder: Path) -> Iterator[None]:
    """Make a folder and those above it, and remove those again that were not there and into which nothing came."""
    missing = list(takewhile(lambda path: not os.path.lexists(path), (folder, *folder.parents)))
    with underway.ending(lambda: _remove_unused(missing, folder)):
        folder.mkdir(parents=True, exist_ok=True)
        yield


def _remove_unused(missing: Iterable[Path], runs: Path) -> None:
    """Remove folders that are empty, and the lock of an output in which nothing was ever published."""
    if missing:
        with suppress(OSError):
            runs.rmdir()
            (runs.parent / LOCK).unlink(missing_ok=True)
    for path in missing:
        with suppress(OSError):
            path.rmdir()


def _discard_asides(output: Path) -> None:
    """Remove what was made aside and did not come into its place."""
    with suppress(OSError):
        _aside(output).unlink(missing_ok=True)
    with suppress(OSError):
        discard_catalogue(output)


def ensure_places(output: Path) -> None:
    """Check that the files that make a run public can be put in their places."""
    ensure_place(output)
    for path in (output / CURRENT, _aside(output), output / LOCK):
        ensure_no_folder(path)


def publish(output: Path, staged: Path, manifest: Manifest, history: History) -> History:
    """Publish a run: from now on readers see it, and until now they saw the one before.

    Args:
        output: The output folder.
        staged: The folder from `staging`, with all of the run's files in it.
        manifest: The run.
        history: The runs before it.

    Returns:
        The runs with the new one.

    Raises:
        PublishError: The output cannot be written.
    """
    folder = free_folder(output, manifest.run.run_id)
    rows, size = next(((file.rows, file.size) for file in manifest.files if file.path == CHANGES), (0, None))
    past = PastRun(folder=folder, run=manifest.run, changes=rows, changes_size=size)
    history = history.model_copy(update={"runs": (*history.runs, past)})
    with _undone_unless_published(output, folder) as place:
        with writing(output):
            for name, model in ((MANIFEST, manifest), (HISTORY, history)):
                (staged / name).write_text(model.model_dump_json(indent=1) + "\n", encoding="utf-8")
            (staged / UNPUBLISHED).touch()
            sync_tree(staged)
            staged.rename(place)
            build_catalogue(output, place, manifest, history, NOTHING)
            sync_folder(output / RUNS)
            ensure_places(output)
        with underway.finishing("the run may be published"):
            with writing(output):
                point_to(output, folder)
            underway.published = manifest.run.run_id
            underway.done = f"run {underway.published} is published"
            with writing(output, _NO_TABLES):
                (place / UNPUBLISHED).unlink()
                place_catalogue(output)
    return history


@contextmanager
def _undone_unless_published(output: Path, folder: str) -> Iterator[Path]:
    """Give a run its folder, and remove that again if the run is not published in the end."""
    place = output / RUNS / folder

    def undo() -> None:
        if not _is_published(output, folder):
            discard_run(place)

    with underway.ending(undo):
        yield place


def _is_published(output: Path, folder: str) -> bool:
    """Tell whether readers may see a run already; where that cannot be read, they may."""
    pointer = output / CURRENT
    try:
        return pointer.is_file() and pointer.read_bytes().decode(errors="replace").strip() == folder
    except OSError:
        return True


def point_to(output: Path, folder: str) -> None:
    """Let `current` name the folder of a run, in one step: this is what publishes it."""
    aside = _aside(output)
    aside.unlink(missing_ok=True)
    aside.write_text(folder + "\n", encoding="utf-8")
    replace_file(aside, output / CURRENT)


def _aside(output: Path) -> Path:
    return output / f".{CURRENT}.new"
