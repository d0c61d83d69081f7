"""The exported file: written under a temporary name, then moved to its path in one step."""

import errno
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from segbatch.errors import ExportError, UsageError
from segbatch.platform.files import UncertainError, UnflushedError, find_file, link_file, replace_file, temporary_file
from segbatch.platform.shutdown import shutdown
from segbatch.platform.urls import is_address, without_secrets
from segbatch.storage.checksum_file import DigestingFile
from segbatch.storage.layout import _real, ensure_unpublished
from segbatch.text import printable

_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV}
"""Errors of file systems that do not support a second name for a file (a hard link)."""


def ensure_free(place: Path, output: Path, *, force: bool) -> Path:
    """Check that a file can be written and is not a part of the published data.

    Args:
        place: The path of the file.
        output: The folder that runs publish in.
        force: Whether an existing file may be replaced.

    Returns:
        The path; for a link, its target.

    Raises:
        UsageError: A file exists that must not be replaced, or the folder does not exist.
    """
    if is_address(str(place)):
        message = "an export is written to a disk; to object storage it goes through a pipe"
        raise UsageError(f"{without_secrets(str(place))}: {message}: segbatch export … --to - | aws s3 cp - s3://…")
    found, name = find_file(place, "--to", instead="export to -, the standard output"), printable(str(place))
    ensure_unpublished(found, name, output, "export elsewhere (--to)")
    if os.path.lexists(found) and not force:
        raise UsageError(f"{name}: is there already; export to another file, or write over it with --force")
    return found


def ensure_not_read(place: Path, files: Sequence[str]) -> None:
    """Check that a file is not one of the snapshot's files.

    Raises:
        UsageError: The file belongs to the snapshot.
    """
    if place in {_real(Path(file)) for file in files}:
        raise UsageError(f"{printable(str(place))}: is a file of the snapshot; export to another (--to)")


@contextmanager
def written(place: Path, *, force: bool) -> Iterator[DigestingFile]:
    """Open a file for writing. If an error occurs, nothing is left of it, and an existing file is unchanged.

    Args:
        place: The path of the file.
        force: Whether an existing file may be replaced.

    Raises:
        UsageError: Another program has created the file in the meantime.
        ExportError: The file cannot be written.
    """
    try:
        with temporary_file(place) as aside:
            with DigestingFile(aside) as file, file.translate_errors():
                yield file
            with shutdown.uninterruptible(f"{printable(str(place))} may be written"):
                _put(aside, place, force=force)
                shutdown.done_message = f"{printable(str(place))} is written"
    except FileExistsError:
        message = "came to be there meanwhile; export to another file, or write over it with --force"
        raise UsageError(f"{printable(str(place))}: {message}") from None
    except BrokenPipeError:
        raise
    except UnflushedError as error:
        message = f"is written, but that may not survive a power failure: {error.strerror}; check the disk"
        raise ExportError(f"{printable(str(place))}: {message}") from None
    except UncertainError as error:
        message = f"cannot be written: {error.strerror}; it may be complete, or as it was, so look at it"
        raise ExportError(f"{printable(str(place))}: {message}") from None
    except OSError as error:
        raise ExportError(f"{printable(str(place))}: cannot be written: {error.strerror}; it is as it was") from None


def _put(aside: Path, place: Path, *, force: bool) -> None:
    if force:
        with suppress(FileNotFoundError):
            shutil.copymode(place, aside)
        replace_file(aside, place)
        return
    try:
        link_file(aside, place)
    except (UnflushedError, UncertainError):
        raise
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        if os.path.lexists(place):
            raise FileExistsError from None
        replace_file(aside, place)
