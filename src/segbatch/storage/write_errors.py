"""Errors and warnings about output that cannot be written."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from segbatch.errors import Problem, PublishError
from segbatch.platform.io_errors import OUT_OF_MEMORY, io_reason

_IN_THE_WAY = {errno.ENOTDIR, errno.EEXIST, errno.EISDIR, errno.ENOTEMPTY}
_FORBIDDEN = {errno.EACCES, errno.EPERM}
_FULL = ("No space left", "Could not write", "CHECKPOINT during DETACH", "Could not truncate", "fsync")
"""Parts of DuckDB's messages when it cannot write a file, mostly because the disk is full."""

NOTHING = "nothing was published"
IN_DOUBT = "the run may be published; segbatch runs shows whether it is"


@contextmanager
def translate_write_errors(output: Path, outcome: str = NOTHING) -> Iterator[None]:
    """Convert write errors to errors that say what to do.

    Args:
        outcome: The consequence of the failure, for the message.

    Raises:
        PublishError: The disk is full, the folder cannot be written, memory ran out, or another I/O error occurred.
    """
    try:
        yield
    except OSError as error:
        raise PublishError(f"{_describe(output, error)}; {outcome}") from None
    except MemoryError:
        raise PublishError(f"{output}: {OUT_OF_MEMORY}; {outcome}") from None
    except duckdb.Error as error:
        raise PublishError(f"{output}: cannot be written: {_reason(error)}; {outcome}") from None
    except Exception as error:
        reason = io_reason(error)
        if reason is None:
            raise
        raise PublishError(f"{output}: cannot be read or written: {reason}; {outcome}") from None


class Leftovers:
    """A collection of steps that failed after the main step succeeded. Each failure is a warning."""

    def __init__(self, output: Path, done: str) -> None:
        """Create an empty collection.

        Args:
            done: The step that succeeded, such as `run 20251105T020000Z is published`.
        """
        self._output, self._done = output, done
        self.warnings: list[Problem] = []

    @contextmanager
    def collect_errors(self, outcome: str) -> Iterator[None]:
        """Convert write errors inside the block to a warning.

        Args:
            outcome: The consequence, and what to do.
        """
        try:
            with translate_write_errors(self._output, f"{self._done}, but {outcome}"):
                yield
        except PublishError as error:
            self.warnings.append(Problem(str(error), severity="warning"))


def is_of_disk(error: duckdb.Error) -> bool:
    """Return whether a DuckDB error means that it could not write to the disk."""
    return any(words in str(error) for words in _FULL)


def _reason(error: duckdb.Error) -> str:
    """Return why DuckDB could not write: the system's message if DuckDB passes it on, otherwise the usual cause."""
    first = str(error).splitlines()[0]
    reason = first.rpartition('": ')[2]
    if is_of_disk(error):
        return reason if reason != first else "is the disk full?"
    return first


def ensure_no_folder(path: Path) -> None:
    """Check that a path is not a folder, which a file could not replace.

    Raises:
        PublishError: It is a folder.
    """
    if path.is_dir() and not path.is_symlink():
        raise PublishError(f"{_in_the_way(path)}; {NOTHING}")


def _describe(output: Path, error: OSError) -> str:
    """Describe what cannot be written and why. If one path is to blame, the message names that path."""
    named = Path(str(error.filename2 or error.filename or output))
    culprit = next((path for path in (named, *named.parents) if os.path.lexists(path)), output)
    if error.errno in _IN_THE_WAY:
        return _in_the_way(culprit)
    path = culprit if error.errno in _FORBIDDEN else output
    return f"{path}: cannot be written: {io_reason(error)}"


def _in_the_way(path: Path) -> str:
    obstacle = "folder" if path.is_dir() else "link" if path.is_symlink() else "file"
    return f"{path}: a {obstacle} is in the way; remove it, or publish elsewhere (--output)"
