"""Reading the manifest and the history of published runs."""

import re
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel, ValidationError

from segbatch.errors import PublishError, UsageError
from segbatch.model.manifest import History, Manifest
from segbatch.storage.layout import CURRENT, HISTORY, MANIFEST, RUNS, UNFINISHED, UNPUBLISHED
from segbatch.text import clipped

if TYPE_CHECKING:
    from datetime import datetime

NOTHING_PUBLISHED = "nothing is published there; name the folder that a run published in (--output)"

_FOLDER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:+@=~-]*")

_Model = TypeVar("_Model", bound=BaseModel)


class UnnamedError(PublishError):
    """The file `current` does not identify the published run.

    Attributes:
        fault: The fault of the file.
    """

    def __init__(self, pointer: Path, fault: str, last: str | None) -> None:
        self.fault = fault
        if last is None:
            remedy = "restore the folder, or remove this file"
        elif fault.startswith("names"):
            remedy = f"restore it, or go back to {last} with segbatch relink"
        else:
            remedy = "fix it with segbatch relink"
        super().__init__(f"{pointer}: {fault}; {remedy}")


def is_folder_name(text: str) -> bool:
    """Return whether a text can be the folder name of a run."""
    return _FOLDER.fullmatch(text) is not None


def published_folder(output: Path) -> str | None:
    """Return the folder name of the published run; None if nothing was published yet.

    Raises:
        UnnamedError: `current` is missing, is damaged, or names a folder that does not exist.
        PublishError: `current` cannot be read.
    """
    pointer = output / CURRENT
    try:
        content = pointer.read_bytes() if stat.S_ISREG(pointer.stat().st_mode) else b""
    except (FileNotFoundError, NotADirectoryError):
        last = last_published(output)
        if last:
            raise UnnamedError(pointer, "is missing", last) from None
        return None
    except OSError as error:
        raise PublishError(f"{pointer}: cannot be read: {error.strerror}") from None
    folder = content.decode(errors="replace").strip()
    if not is_folder_name(folder):
        raise UnnamedError(pointer, "does not name a run", last_published(output))
    if not (output / RUNS / folder).is_dir():
        raise UnnamedError(pointer, f"names {clipped(folder)}, whose folder is missing", last_published(output))
    return folder


def last_published(output: Path) -> str | None:
    """Return the folder name of the run that was published last, regardless of `current`; None if no run exists.

    Raises:
        PublishError: The folders of the runs cannot be listed.
    """
    found: dict[str, datetime] = {}
    for folder in run_folders(output):
        path = folder / HISTORY
        if not folder.name.startswith(UNFINISHED) and not (folder / UNPUBLISHED).exists():
            with suppress(PublishError):
                last = _read(path, History).runs[-1]
                found |= {folder.name: last.run.finished_at} if last.folder == folder.name else {}
    return max(found, key=found.__getitem__, default=None)


def run_folders(output: Path) -> Sequence[Path]:
    """Return the folders of all runs, published or not; none if there is no folder of runs.

    Raises:
        PublishError: They cannot be listed.
    """
    runs = output / RUNS
    try:
        return list(runs.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return ()
    except OSError as error:
        raise PublishError(f"{runs}: cannot be read: {error.strerror}") from None


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of a run.

    Raises:
        PublishError: The manifest is missing or damaged.
    """
    return read_manifest_as(folder, Manifest)


def read_manifest_as(folder: Path, model: type[_Model]) -> _Model:
    """Read the part of a run's manifest that a model describes.

    Raises:
        PublishError: The manifest is missing or damaged.
    """
    return _read(folder / MANIFEST, model)


def read_history(output: Path) -> History:
    """Read the history of published runs; empty if nothing was published yet.

    Raises:
        PublishError: `current` or the history is missing or damaged.
    """
    folder = published_folder(output)
    return History(runs=()) if folder is None else read_history_of(output / RUNS / folder)


def read_history_of(folder: Path) -> History:
    """Read the history of a run: the runs up to and including that run.

    Raises:
        PublishError: The history is missing or damaged.
    """
    return _read(folder / HISTORY, History)


def ensure_published(output: Path) -> str:
    """Return the folder name of the published run.

    Raises:
        UsageError: Nothing is published in the folder.
        PublishError: `current` cannot be read.
    """
    folder = published_folder(output)
    if folder is None:
        raise UsageError(f"{output}: {NOTHING_PUBLISHED}")
    return folder


def ensure_readable(path: Path, size: int) -> None:
    """Check that a file of a run exists, is readable and has its recorded size.

    Raises:
        PublishError: The check failed.
    """
    with _translate_read_errors(path):
        if path.stat().st_size != size:
            raise FileNotFoundError
        path.open("rb").close()


def _read(path: Path, model: type[_Model]) -> _Model:
    with _translate_read_errors(path):
        if not path.is_file():
            raise FileNotFoundError
        return model.model_validate_json(path.read_bytes())


@contextmanager
def _translate_read_errors(path: Path) -> Iterator[None]:
    """Convert errors of reading a run's file to errors that say what to do."""
    try:
        yield
    except (FileNotFoundError, NotADirectoryError, ValidationError):
        raise PublishError(
            f"{path}: is missing or damaged; restore it, or publish into another folder (--output)"
        ) from None
    except OSError as error:
        raise PublishError(f"{path}: cannot be read: {error.strerror}") from None
