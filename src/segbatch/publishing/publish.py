"""From a folder that nobody looks at to the published run, in one step.

```
OUTPUT/runs/.tmp-RUN/    written while the run goes on
OUTPUT/runs/RUN/         the same folder, complete, with manifest.json written last
OUTPUT/current           the id of the published run: replacing this small file publishes
OUTPUT/segbatch.duckdb   built from `current` and the manifests; can be made again at any time
```
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import ValidationError

from segbatch.errors import PublishError, UsageError
from segbatch.publishing.catalogue import build_catalogue, place_catalogue
from segbatch.publishing.durable import replace_file, sync_folder, sync_tree, writing
from segbatch.publishing.records import Manifest, RunRecord

__all__ = ["CURRENT", "MANIFEST", "RUNS", "publish", "rebuild_catalogue", "staging"]

RUNS = "runs"
CURRENT = "current"
MANIFEST = "manifest.json"


@contextmanager
def staging(output: Path, run_id: str) -> Iterator[Path]:
    """Make a folder in which a run can be written; what is still there at the end is thrown away.

    Args:
        output: The output folder, which is made if it is not there.
        run_id: The run's id.

    Yields:
        The empty folder.

    Raises:
        PublishError: The output cannot be written, inside the block too.
    """
    folder = output / RUNS / f".tmp-{run_id}"
    with writing(output), _made(output), _made(output / RUNS):
        try:
            folder.mkdir()
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _made(folder: Path) -> Iterator[None]:
    """Make a folder if it is not there, and remove it again if nothing came into it."""
    is_new = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        yield
    finally:
        if is_new and not any(folder.iterdir()):
            folder.rmdir()


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
        place = output / RUNS / manifest.run.run_id
        folder.rename(place)
        try:
            build_catalogue(output, place, manifest, _all_runs(output))
        except BaseException:
            shutil.rmtree(place, ignore_errors=True)
            raise
        sync_folder(output / RUNS)
        _point_to(output, manifest.run.run_id)
        return place_catalogue(output)


def rebuild_catalogue(output: Path) -> Path:
    """Make `segbatch.duckdb` again from the published run, as is needed after the folder was moved.

    Returns:
        The path of the catalogue.

    Raises:
        UsageError: Nothing is published there.
        PublishError: What is published cannot be read, or the output cannot be written.
    """
    with writing(output):
        pointer = output / CURRENT
        if not pointer.is_file():
            raise UsageError(
                f"{output}: nothing is published there; name the folder that a run published in (--output)"
            )
        folder = output / RUNS / pointer.read_text(encoding="utf-8").strip()
        build_catalogue(output, folder, _read_manifest(folder), _all_runs(output))
        return place_catalogue(output)


def _point_to(output: Path, run_id: str) -> None:
    aside = output / f".{CURRENT}.new"
    aside.write_text(run_id + "\n", encoding="utf-8")
    replace_file(aside, output / CURRENT)


def _all_runs(output: Path) -> list[RunRecord]:
    folders = (path.parent for path in (output / RUNS).glob(f"*/{MANIFEST}"))
    runs = [_read_manifest(folder).run for folder in folders if not folder.name.startswith(".")]
    return sorted(runs, key=lambda run: run.started_at)


def _read_manifest(folder: Path) -> Manifest:
    path = folder / MANIFEST
    try:
        return Manifest.model_validate_json(path.read_bytes())
    except (FileNotFoundError, ValidationError):
        raise PublishError(f"{path}: is missing or damaged; run again to publish anew") from None
