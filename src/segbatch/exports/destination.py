"""The exported file: written under a temporary name, then moved to its path in one step."""

import errno
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from segbatch.errors import ExportError, UsageError
from segbatch.platform.checksum_file import DigestingFile
from segbatch.platform.files import (
    UncertainError,
    UnflushedError,
    link_file,
    replace_file,
    resolve_destination,
    temporary_file,
)
from segbatch.platform.io_errors import describe_write_error
from segbatch.platform.shutdown import shutdown
from segbatch.platform.urls import is_url, redact_url
from segbatch.storage.layout import _real, ensure_unpublished
from segbatch.text import printable

_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV}
"""Errors of file systems that do not support a second name for a file (a hard link)."""


def check_destination(path: Path, output: Path, *, force: bool) -> Path:
    """Check that a file can be written and is not a part of the published data.

    Returns:
        The path; for a link, its target.

    Raises:
        UsageError: A file exists that must not be replaced, or the folder does not exist.
    """
    if is_url(str(path)):
        message = "exports are written to a disk; use a pipe to object storage"
        raise UsageError(f"{redact_url(str(path))}: {message}: segbatch export … --to - | aws s3 cp - s3://…")
    found, name = resolve_destination(path, "--to", instead="export to -, the standard output"), printable(str(path))
    ensure_unpublished(found, name, output, "export elsewhere (--to)")
    if os.path.lexists(found) and not force:
        raise UsageError(f"{name}: already exists; choose another file, or overwrite it with --force")
    return found


def ensure_not_in_snapshot(path: Path, files: Sequence[str]) -> None:
    """Check that a file is not one of the snapshot's files.

    Raises:
        UsageError: The file belongs to the snapshot.
    """
    if path in {_real(Path(file)) for file in files}:
        raise UsageError(f"{printable(str(path))}: is a file of the snapshot; choose another file (--to)")


@contextmanager
def open_destination(path: Path, *, force: bool) -> Iterator[DigestingFile]:
    """Open a file for writing. If an error occurs, nothing is left of it, and an existing file is unchanged.

    Raises:
        UsageError: Another program has created the file in the meantime.
        ExportError: The file cannot be written.
    """
    try:
        with temporary_file(path) as new:
            with DigestingFile(new) as file, file.translate_errors():
                yield file
            with shutdown.uninterruptible(f"{printable(str(path))} may be written"):
                _move(new, path, force=force)
                shutdown.done_message = f"{printable(str(path))} is written"
    except FileExistsError:
        message = "was created by another program; choose another file, or overwrite it with --force"
        raise UsageError(f"{printable(str(path))}: {message}") from None
    except BrokenPipeError:
        raise
    except OSError as error:
        raise ExportError(f"{printable(str(path))}: {describe_write_error(error)}") from None


def _move(new: Path, path: Path, *, force: bool) -> None:
    if force:
        with suppress(FileNotFoundError):
            shutil.copymode(path, new)
        replace_file(new, path)
        return
    try:
        link_file(new, path)
    except (UnflushedError, UncertainError):
        raise
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        if os.path.lexists(path):
            raise FileExistsError from None
        replace_file(new, path)
