"""Opening an output for reading: a folder as it is, and any other output through its copy on this machine."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from segbatch.errors import Problem, ProblemsError, PublishError, SegbatchError
from segbatch.storage.layout import RUNS
from segbatch.storage.manifest_io import ensure_published, read_manifest
from segbatch.storage.remote.addresses import open_publication
from segbatch.storage.remote.copied_files import Progress, WantedFile
from segbatch.storage.remote.copy_folder import CopyError

if TYPE_CHECKING:
    from segbatch.storage.remote.local_copy import LocalCopy
    from segbatch.storage.remote.publication import Publication

_COPIES: dict[Path, "LocalCopy"] = {}
"""The copies that this process opened, by their folders."""


@contextmanager
def open_output(
    output: str | Path,
    *,
    members: bool = True,
    must_exist: bool = True,
    progress: Progress | None = None,
    on_wait: Callable[[str], None] | None = None,
) -> Iterator[Path]:
    """Open an output for reading.

    A folder is yielded as it is. For an address, its copy on this machine is refreshed and yielded; errors inside the
    block name the address in place of the folder of the copy.

    Args:
        output: A folder, or an address such as `s3://bucket/prefix`.
        members: Whether the members of the published run, or the tables, are read.
        must_exist: Whether an address where nothing is published is an error. A folder is not checked.
        progress: Called with the number of bytes copied and in total.
        on_wait: Called once with a message if another process is refreshing the copy.

    Raises:
        UsageError: Outputs at this address cannot be read, or nothing is published there.
        PublishError: The storage cannot be reached, or the copy cannot be written.
    """
    copy = find_copy(output, progress, on_wait)
    if copy is None:
        yield Path(output)
        return
    folder = copy.refresh(members=members)
    with naming_address(folder, copy.publication):
        if must_exist:
            ensure_published(folder)
        yield folder


def find_copy(
    output: str | Path, progress: Progress | None = None, on_wait: Callable[[str], None] | None = None
) -> "LocalCopy | None":
    """Return the copy of an output on this machine, which is not refreshed yet; None for a folder.

    Raises:
        UsageError: Outputs at this address cannot be read.
    """
    publication = open_publication(output)
    if publication is None:
        return None
    from segbatch.storage.remote.local_copy import LocalCopy  # noqa: PLC0415 - loads Polars, only if needed

    copy = LocalCopy(publication, progress, on_wait)
    _COPIES[copy.folder] = copy
    return copy


def fetch_members(output: Path, folder: str) -> None:
    """Copy the members of a run, if an opened output is a copy that does not have them yet.

    Args:
        output: The folder that `open_output` yielded.
        folder: The folder name of the run.

    Raises:
        PublishError: The output does not have them any more, or cannot be reached.
    """
    copy = _COPIES.get(output)
    if copy is not None and not _has_all_files(output, folder):
        copy.fetch(folder)


def _has_all_files(output: Path, folder: str) -> bool:
    with suppress(PublishError):
        files = read_manifest(output / RUNS / folder).files
        return all(WantedFile.of(folder, file).is_copied(output) for file in files)
    return False


def run_name(output: Path, folder: str) -> str:
    """Return the place of a run of an opened output: an address if the output is a copy, else a path."""
    copy = _COPIES.get(output)
    return str(output / RUNS / folder) if copy is None else _address(copy.publication, folder, "")


def _address(publication: "Publication", folder: str, path: str) -> str:
    """Return the address of a file of a run, or that of the folder with its manifest."""
    return f"{publication.store.address}/{publication.key(folder, path)}".rstrip("/")


@contextmanager
def naming_address(folder: Path, publication: "Publication") -> Iterator[None]:
    """Name the address of an output in errors of the block, in place of the folder of its copy."""
    of_run = re.compile(rf"{re.escape(str(folder / RUNS))}/([^/\s]+)(?:/([A-Za-z0-9./_-]*[A-Za-z0-9]))?")

    def renamed(text: str) -> str:
        found = of_run.sub(lambda match: _address(publication, match[1], match[2] or ""), text)
        return found.replace(str(folder), publication.name)

    try:
        yield
    except CopyError:
        raise
    except SegbatchError as error:
        error.args = tuple(renamed(part) if isinstance(part, str) else part for part in error.args)
        error.without_ids = renamed(error.without_ids)
        if isinstance(error, ProblemsError):
            error.problems = tuple(_renamed(problem, renamed) for problem in error.problems)
        raise


def _renamed(problem: Problem, renamed: Callable[[str], str]) -> Problem:
    return replace(problem, message=renamed(problem.message), file=problem.file and renamed(problem.file))
