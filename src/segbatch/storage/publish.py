"""Publishing a run in one step. See `layout` for the files."""

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from itertools import takewhile
from pathlib import Path

import duckdb

from segbatch.errors import BusyError, Problem, PublishError
from segbatch.model.manifest import History, Manifest, PastRun
from segbatch.platform.file_lock import lock_file
from segbatch.platform.files import UnflushedError, new_file, replace_file, sync_file, sync_folder, sync_tree
from segbatch.platform.shutdown import shutdown
from segbatch.storage.catalog import (
    build_catalogue,
    discard_catalogue,
    ensure_catalogue_possible,
    replace_catalogue,
    start_duckdb,
)
from segbatch.storage.layout import (
    CURRENT,
    HISTORY,
    LOCK,
    MANIFEST,
    RUNS,
    UNFINISHED,
    UNPUBLISHED,
)
from segbatch.storage.output_lock import LockPolicy, lock_output
from segbatch.storage.retention import discard_run
from segbatch.storage.run_files import is_changes, written_files
from segbatch.storage.segment_history import find_reused, segments_in
from segbatch.storage.targets.base import Published, Staged
from segbatch.storage.write_errors import IN_DOUBT, NOTHING, Leftovers, ensure_no_folder, translate_write_errors

_NO_TABLES = "segbatch.duckdb still shows the previous run; run segbatch relink, or wait for the next run"
_UNMARKED = "its folder is still marked as unpublished; the next run removes the mark"
_UNFLUSHED = "that may not survive a power failure; check the disk"


@contextmanager
def own_output(output: Path, what: str, policy: LockPolicy, outcome: str = NOTHING) -> Iterator[None]:
    """Own the lock of an output folder during the block. The folder is created if missing.

    Args:
        what: The work that is done under the lock, for messages of waiting processes.
        policy: The behaviour when another process owns the lock.
        outcome: The consequence of an error inside the block, for its message.

    Raises:
        UsageError: DuckDB cannot open files in the folder.
        LockedError: Another run is at work on the output.
        PublishError: The output cannot be written, also inside the block.
    """
    with translate_write_errors(output, outcome), _created(output / RUNS) as is_new:
        ensure_replaceable(output)
        with lock_output(output / LOCK, what, policy), shutdown.cleanup(lambda: _clean_up(output, is_new=is_new)):
            yield


@contextmanager
def stage(output: Path, run_id: str) -> Iterator[Path]:
    """Create a hidden folder for the files of a run. It is removed at the end, unless it was renamed."""
    folder = output / RUNS / f"{UNFINISHED}{run_id}"
    with shutdown.cleanup(lambda: discard_run(folder)):
        folder.mkdir(parents=True)
        yield folder


def empty_folder(folder: Path) -> Path:
    """Empty a folder for another attempt, and return it."""
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    return folder


@contextmanager
def _created(runs: Path) -> Iterator[bool]:
    """Create a folder and its missing parents, and yield whether any was missing. Remove unused ones at the end."""
    missing = list(takewhile(lambda path: not os.path.lexists(path), (runs, *runs.parents)))
    with shutdown.cleanup(lambda: _remove_unused(missing, runs)):
        runs.mkdir(parents=True, exist_ok=True)
        yield bool(missing)


def _remove_unused(missing: Sequence[Path], runs: Path) -> None:
    """Remove the folders that this process created, as far as they are empty, after a failure to take the lock too.

    An empty `runs` belongs to the owner of the lock: it may be about to create a folder in it.
    """
    lock = runs.parent / LOCK
    if missing:
        try:
            with lock_file(lock, timeout=0):  # after a failure to write the owner
                _remove_unused_lock(lock, runs)
        except BusyError:
            return
        except OSError:
            with suppress(OSError):
                runs.rmdir()
    for path in missing:
        if path != runs:
            with suppress(OSError):
                path.rmdir()


def _remove_unused_lock(lock: Path, runs: Path) -> None:
    """Remove the lock of an output that has no run.

    The caller owns the lock. Otherwise the file could be the lock of another run that has not yet written anything.
    """
    with suppress(OSError):
        with suppress(FileNotFoundError):
            runs.rmdir()
        lock.unlink()


def _clean_up(output: Path, *, is_new: bool) -> None:
    """Remove temporary files that were not moved to their final paths, and the lock if it is not needed any more."""
    with suppress(OSError):
        _aside(output).unlink(missing_ok=True)
    with suppress(OSError):
        discard_catalogue(output)
    if is_new:
        _remove_unused_lock(output / LOCK, output / RUNS)


def ensure_replaceable(output: Path) -> None:
    """Check that no folder has the name of a file that publishing replaces."""
    ensure_catalogue_possible(output)
    for path in (output / CURRENT, _aside(output), output / LOCK):
        ensure_no_folder(path)


def publish(output: Path, staged: Staged, manifest: Manifest, history: History) -> Published:
    """Publish a run. Readers see the previous run until `current` is replaced, and then the new one.

    Args:
        staged: The folder from `stage`, with all data files of the run, and its final name.
        history: The runs before it.

    Returns:
        The history with the new run, and a warning for each step that failed after publication.

    Raises:
        PublishError: The output cannot be written. The run is not published, unless the message says that it may be.
    """
    folder, reused = staged.folder, find_reused(segments_in(output), history.runs, manifest.renamed)
    history = extend_history(history, folder, manifest, reused)
    left = Leftovers(output, f"run {manifest.run.run_id} is published")
    with _remove_unless_published(output, folder) as run_folder, ThreadPoolExecutor(1, "duckdb") as pool:
        connect = pool.submit(start_duckdb).result  # DuckDB starts while the files are flushed
        with translate_write_errors(output):
            write_record(staged.path / MANIFEST, manifest)
            write_record(staged.path / HISTORY, history)
            (staged.path / UNPUBLISHED).touch()
            sync_tree(staged.path)
            staged.path.rename(run_folder)
            left.warnings += _build(output, run_folder, manifest, history, connect)
            sync_folder(output / RUNS)
            ensure_replaceable(output)
        with shutdown.uninterruptible("the run may be published"):
            _point(output, folder, left)
            shutdown.published_run_id = manifest.run.run_id
            shutdown.done_message = f"run {shutdown.published_run_id} is published"
            with left.collect_errors(_UNMARKED):
                (run_folder / UNPUBLISHED).unlink()
            _place(output, left)
    return Published(history, left.warnings)


def extend_history(history: History, folder: str, manifest: Manifest, reused: tuple[str, ...]) -> History:
    """Return a history with one more run.

    Args:
        reused: The new ids of renamed segments that other segments had in earlier runs.
    """
    changes = written_files(manifest, is_changes)
    past = PastRun(
        folder=folder,
        run=manifest.run,
        changes=sum(file.rows for file in changes),
        changes_size=sum(file.size for file in changes) if changes else None,
        buckets=manifest.buckets.number if manifest.buckets else None,
        renamed=manifest.renamed,
        reused=reused,
    )
    return history.model_copy(update={"runs": (*history.runs, past)})


def write_record(path: Path, model: Manifest | History) -> None:
    """Write the manifest or the history of a run."""
    path.write_text(model.model_dump_json(indent=1) + "\n", encoding="utf-8")


def _build(
    output: Path,
    run_folder: Path,
    manifest: Manifest,
    history: History,
    connect: Callable[[], duckdb.DuckDBPyConnection],
) -> list[Problem]:
    """Build the catalogue.

    Args:
        connect: Returns what `start_duckdb` returns.

    Returns:
        One warning per change file that was lost since the run began.

    Raises:
        PublishError: The run's own changes cannot be read.
    """
    lost = build_catalogue(output, run_folder, manifest, history, NOTHING, connect=connect)
    files = {str(run_folder / file.path) for file in written_files(manifest, is_changes)}
    own = next((problem for problem in lost if problem.file in files), None)
    if own:
        fault = own.message.partition(";")[0]
        raise PublishError(f"{own.file}: was just written and {fault}; {NOTHING}; check the disk and run again")
    new = [problem for problem in lost if str(problem) not in manifest.warnings]
    if new:
        warnings = (*manifest.warnings, *map(str, new))
        write_record(run_folder / MANIFEST, manifest.model_copy(update={"warnings": warnings}))
        sync_file(run_folder / MANIFEST)
    return new


def _place(output: Path, left: Leftovers) -> None:
    """Replace the catalogue. An error becomes a warning."""
    with left.collect_errors(_NO_TABLES):
        try:
            replace_catalogue(output)
        except UnflushedError:
            with left.collect_errors(_UNFLUSHED):
                raise


def _point(output: Path, folder: str, left: Leftovers) -> None:
    """Replace `current`. An error after the replacement becomes a warning."""
    with translate_write_errors(output):
        try:
            set_current(output, folder)
        except OSError:
            is_published = _names(output, folder)
            if is_published is None:
                with translate_write_errors(output, IN_DOUBT):
                    raise
            if not is_published:
                raise
            with left.collect_errors(_UNFLUSHED):
                raise


@contextmanager
def _remove_unless_published(output: Path, folder: str) -> Iterator[Path]:
    """Yield the final folder of a run, and remove the folder if the run is not published in the end."""
    run_folder = output / RUNS / folder

    def undo() -> None:
        if _names(output, folder) is False:
            discard_run(run_folder)

    with shutdown.cleanup(undo):
        yield run_folder


def _names(output: Path, folder: str) -> bool | None:
    """Return whether `current` names a folder; None if it cannot be read, so readers may see the run."""
    try:
        with (output / CURRENT).open("rb") as pointer:
            return pointer.read().decode(errors="replace").strip() == folder
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return False
    except OSError:
        return None


def set_current(output: Path, folder: str) -> None:
    """Write the folder name of a run to `current` in one step, which publishes the run."""
    with new_file(_aside(output), f"{folder}\n".encode()) as new:
        replace_file(new, output / CURRENT)


def _aside(output: Path) -> Path:
    return output / f".{CURRENT}.new"
