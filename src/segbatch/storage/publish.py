"""From a folder that nobody looks at to the published run, in one step (see `places` for what stands where)."""

import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from segbatch.errors import Problem, PublishError
from segbatch.model.manifest import History, Manifest, PastRun
from segbatch.platform.files import UnflushedError, replace_file, sync_file, sync_folder, sync_tree
from segbatch.platform.shutdown import underway
from segbatch.storage.catalog import build_catalogue, discard_catalogue, ensure_place, place_catalogue
from segbatch.storage.layout import (
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
from segbatch.storage.output_lock import Patience, locked
from segbatch.storage.retention import discard_run
from segbatch.storage.write_errors import NOTHING, Leftovers, ensure_no_folder, writing

__all__ = ["Published", "at_work", "emptied", "ensure_places", "point_to", "publish", "staging"]

_NO_TABLES = "segbatch.duckdb still shows the run before; run segbatch relink, or let the next run do so"
_UNMARKED = "its folder is still marked as unpublished; the next run removes the mark"
_UNFLUSHED = "that may not survive a power failure; check the disk"
_IN_DOUBT = "the run may be published; segbatch runs shows whether it is"


@dataclass(frozen=True, slots=True)
class Published:
    """A run that was published.

    Attributes:
        history: The runs, with the new one.
        left: What failed since, and changes of older runs that the tables lack.
    """

    history: History
    left: Leftovers


@contextmanager
def at_work(output: Path, what: str, patience: Patience, outcome: str = NOTHING) -> Iterator[None]:
    """Hold the lock of an output folder, which is made if it is not there.

    Args:
        output: The output folder.
        what: What is done under the lock, to be told to those who have to wait.
        patience: What to do while another holds it.
        outcome: The result of an error inside the block, for its message.

    Raises:
        UsageError: The output is where DuckDB cannot open a file.
        LockedError: Another run is at work on the output.
        PublishError: The output cannot be written, inside the block too.
    """
    with writing(output, outcome), _made(output / RUNS):
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


def publish(output: Path, staged: Path, manifest: Manifest, history: History) -> Published:
    """Publish a run: from now on readers see it, and until now they saw the one before.

    Args:
        output: The output folder.
        staged: The folder from `staging`, with all of the run's files in it.
        manifest: The run.
        history: The runs before it.

    Returns:
        The runs with the new one, and a warning for each step that failed after readers saw it.

    Raises:
        PublishError: The output cannot be written; the run is not published, unless the message says that it may be.
    """
    folder = free_folder(output, manifest.run.run_id)
    rows, size = next(((file.rows, file.size) for file in manifest.files if file.path == CHANGES), (0, None))
    past = PastRun(folder=folder, run=manifest.run, changes=rows, changes_size=size)
    history = history.model_copy(update={"runs": (*history.runs, past)})
    left = Leftovers(output, f"run {manifest.run.run_id} is published")
    with _undone_unless_published(output, folder) as place:
        with writing(output):
            _write(staged / MANIFEST, manifest)
            _write(staged / HISTORY, history)
            (staged / UNPUBLISHED).touch()
            sync_tree(staged)
            staged.rename(place)
            left.warnings += _build(output, place, manifest, history)
            sync_folder(output / RUNS)
            ensure_places(output)
        with underway.finishing("the run may be published"):
            _point(output, folder, left)
            underway.published = manifest.run.run_id
            underway.done = f"run {underway.published} is published"
            with left.collecting(_UNMARKED):
                (place / UNPUBLISHED).unlink()
            _place(output, left)
    return Published(history, left)


def _write(path: Path, model: Manifest | History) -> None:
    path.write_text(model.model_dump_json(indent=1) + "\n", encoding="utf-8")


def _build(output: Path, place: Path, manifest: Manifest, history: History) -> list[Problem]:
    """Build the catalogue, and return a warning for each file of changes that was lost since the run began.

    Raises:
        PublishError: The run's own changes cannot be read.
    """
    lost = build_catalogue(output, place, manifest, history, NOTHING)
    own = next((problem for problem in lost if problem.file == str(place / CHANGES)), None)
    if own:
        fault = own.message.partition(";")[0]
        raise PublishError(f"{own.file}: was just written and {fault}; {NOTHING}; check the disk and run again")
    new = [problem for problem in lost if str(problem) not in manifest.warnings]
    if new:
        warnings = (*manifest.warnings, *map(str, new))
        _write(place / MANIFEST, manifest.model_copy(update={"warnings": warnings}))
        sync_file(place / MANIFEST)
    return new


def _place(output: Path, left: Leftovers) -> None:
    """Replace the catalogue; an error is a warning."""
    with left.collecting(_NO_TABLES):
        try:
            place_catalogue(output)
        except UnflushedError:
            with left.collecting(_UNFLUSHED):
                raise


def _point(output: Path, folder: str, left: Leftovers) -> None:
    """Replace `current`; an error after that is a warning."""
    with writing(output):
        try:
            point_to(output, folder)
        except OSError:
            is_published = _names(output, folder)
            if is_published is None:
                with writing(output, _IN_DOUBT):
                    raise
            if not is_published:
                raise
            with left.collecting(_UNFLUSHED):
                raise


@contextmanager
def _undone_unless_published(output: Path, folder: str) -> Iterator[Path]:
    """Give a run its folder, and remove that again if the run is not published in the end."""
    place = output / RUNS / folder

    def undo() -> None:
        if _names(output, folder) is False:
            discard_run(place)

    with underway.ending(undo):
        yield place


def _names(output: Path, folder: str) -> bool | None:
    """Return whether `current` names a folder; None if it cannot be read, so that readers may see the run."""
    try:
        with (output / CURRENT).open("rb") as pointer:
            return pointer.read().decode(errors="replace").strip() == folder
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return False
    except OSError:
        return None


def point_to(output: Path, folder: str) -> None:
    """Let `current` name the folder of a run, in one step: this is what publishes it."""
    aside = _aside(output)
    aside.unlink(missing_ok=True)
    with aside.open("x", encoding="utf-8") as file:  # a new file, so that no link is followed
        file.write(folder + "\n")
    replace_file(aside, output / CURRENT)


def _aside(output: Path) -> Path:
    return output / f".{CURRENT}.new"
