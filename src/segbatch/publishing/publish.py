"""From a folder that nobody looks at to the published run, in one step.

```
OUTPUT/runs/.tmp-RUN/    written while the run goes on
OUTPUT/runs/RUN/         the same folder, complete, with manifest.json written last
OUTPUT/current           the id of the published run: replacing this small file publishes
OUTPUT/segbatch.duckdb   built from `current` and the manifests; can be made again at any time
```
"""

import os
import re
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import takewhile
from pathlib import Path

from pydantic import ValidationError

from segbatch.errors import PublishError, UsageError
from segbatch.publishing.catalogue import build_catalogue, discard_catalogue, ensure_place, place_catalogue
from segbatch.publishing.durable import ensure_no_folder, replace_file, sync_folder, sync_tree, writing
from segbatch.publishing.lock import locked
from segbatch.publishing.records import Manifest, RunRecord

__all__ = ["CURRENT", "MANIFEST", "RUNS", "publish", "rebuild_catalogue", "staging"]

RUNS = "runs"
CURRENT = "current"
MANIFEST = "manifest.json"

_RUN_ID = re.compile(r"[0-9A-Za-z-]+")
_NO_TABLES = "the run is published, but not its tables; make them with segbatch relink"
_AS_BEFORE = "the tables are as they were"


@contextmanager
def staging(output: Path, run_id: str) -> Iterator[Path]:
    """Make a folder in which a run can be written; what is still there at the end is thrown away.

    Args:
        output: The output folder, which is made if it is not there.
        run_id: The run's id.

    Yields:
        The empty folder.

    Raises:
        UsageError: The output is where DuckDB cannot open a file.
        LockedError: Another run is at work on the output.
        PublishError: The output cannot be written, inside the block too.
    """
    folder = output / RUNS / f".tmp-{run_id}"
    with writing(output), _made(output / RUNS), locked(output):
        _ensure_places(output)
        for left in (output / RUNS).glob(".tmp-*"):  # by a run that was killed: under the lock, nobody else's
            shutil.rmtree(left, ignore_errors=True)
        try:
            folder.mkdir()
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _made(folder: Path) -> Iterator[None]:
    """Make a folder and those above it, and remove those again that were not there and into which nothing came."""
    missing = list(takewhile(lambda path: not os.path.lexists(path), (folder, *folder.parents)))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    finally:
        for path in missing:
            with suppress(OSError):
                path.rmdir()


def _ensure_places(output: Path) -> None:
    """Check that the files that make a run public can be put in their places."""
    ensure_place(output)
    for path in (output / CURRENT, _aside(output)):
        ensure_no_folder(path)


def publish(output: Path, folder: Path, manifest: Manifest) -> Path:
    """Publish a run: from now on readers see it, and until now they saw the one before.

    Args:
        output: The output folder.
        folder: The folder from `staging`, with all of the run's files in it.
        manifest: The run.

    Returns:
        The path of the catalogue.

    Raises:
        PublishError: The output cannot be written.
    """
    with writing(output):
        (folder / MANIFEST).write_text(manifest.model_dump_json(indent=2) + "\n", encoding="utf-8")
        sync_tree(folder)
        with _undone_unless_published(output, manifest.run.run_id) as place:
            folder.rename(place)
            build_catalogue(output, place, manifest, _all_runs(output, manifest.run))
            sync_folder(output / RUNS)
            _ensure_places(output)
            _point_to(output, manifest.run.run_id)
    with writing(output, _NO_TABLES):
        return place_catalogue(output)


@contextmanager
def _undone_unless_published(output: Path, run_id: str) -> Iterator[Path]:
    """Give a run its folder; whatever fails before it is published leaves neither that nor what was made aside."""
    place = output / RUNS / run_id
    try:
        yield place
    except BaseException:
        if not _is_published(output, run_id):
            shutil.rmtree(place, ignore_errors=True)
            with suppress(OSError):
                _aside(output).unlink(missing_ok=True)
            with suppress(OSError):
                discard_catalogue(output)
        raise


def _is_published(output: Path, run_id: str) -> bool:
    """Tell whether readers may see a run already; where that cannot be read, they may."""
    pointer = output / CURRENT
    try:
        return pointer.is_file() and pointer.read_bytes().decode(errors="replace").strip() == run_id
    except OSError:
        return True


def rebuild_catalogue(output: Path) -> Path:
    """Make `segbatch.duckdb` again from the published run, as is needed after the folder was moved.

    Returns:
        The path of the catalogue.

    Raises:
        UsageError: Nothing is published there.
        PublishError: What is published cannot be read, or the output cannot be written.
    """
    folder = _published_run(output)
    manifest = _read_manifest(folder)
    for file in manifest.files:
        _ensure_there(folder / file.path, file.size)
    with writing(output, _AS_BEFORE):
        ensure_place(output)
        build_catalogue(output, folder, manifest, _all_runs(output, manifest.run))
        return place_catalogue(output)


def _published_run(output: Path) -> Path:
    """Return the folder of the published run."""
    pointer = output / CURRENT
    try:
        content = pointer.read_bytes() if stat.S_ISREG(pointer.stat().st_mode) else b""
    except (FileNotFoundError, NotADirectoryError):
        message = "nothing is published there; name the folder that a run published in (--output)"
        raise UsageError(f"{output}: {message}") from None
    except OSError as error:
        raise PublishError(f"{pointer}: cannot be read: {error.strerror}") from None
    run_id = content.decode(errors="replace").strip()
    if not _RUN_ID.fullmatch(run_id):
        raise PublishError(f"{pointer}: does not name a run; run again to publish anew")
    return output / RUNS / run_id


def _ensure_there(path: Path, size: int) -> None:
    with _reading(path), path.open("rb") as file:
        if os.fstat(file.fileno()).st_size != size:
            raise FileNotFoundError


def _point_to(output: Path, run_id: str) -> None:
    aside = _aside(output)
    aside.unlink(missing_ok=True)
    aside.write_text(run_id + "\n", encoding="utf-8")
    replace_file(aside, output / CURRENT)


def _aside(output: Path) -> Path:
    return output / f".{CURRENT}.new"


def _all_runs(output: Path, published: RunRecord) -> list[RunRecord]:
    """Return the published run and all others that can be read; an old one that is damaged stands in nobody's way."""
    runs = [published]
    for path in (output / RUNS).glob(f"*/{MANIFEST}"):
        folder = path.parent
        if not folder.name.startswith(".") and folder.name != published.run_id:
            with suppress(PublishError):
                runs.append(_read_manifest(folder).run)
    return sorted(runs, key=lambda run: run.started_at)


def _read_manifest(folder: Path) -> Manifest:
    path = folder / MANIFEST
    with _reading(path):
        if not path.is_file():
            raise FileNotFoundError
        return Manifest.model_validate_json(path.read_bytes())


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Turn errors of reading what a run left into ones that say what to do."""
    try:
        yield
    except (FileNotFoundError, NotADirectoryError, ValidationError):
        raise PublishError(f"{path}: is missing or damaged; run again to publish anew") from None
    except OSError as error:
        raise PublishError(f"{path}: cannot be read: {error.strerror}") from None
