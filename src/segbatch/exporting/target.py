"""The file that is written: aside, and put in its place in one step once it is complete."""

import errno
import fcntl
import hashlib
import os
import secrets
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from segbatch.addresses import is_address, without_secrets
from segbatch.disk import UncertainError, UnflushedError, find_file, link_file, replace_file
from segbatch.errors import ExportError, UsageError, printable
from segbatch.publishing.catalogue import CATALOGUE
from segbatch.publishing.digesting import DigestingFile
from segbatch.publishing.places import CURRENT, LOCK, RUNS
from segbatch.publishing.underway import underway

__all__ = ["aside_of", "ensure_free", "ensure_not_read", "ensure_unpublished", "written"]

_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV}
"""What systems say where a file can have one name only."""


def ensure_free(place: Path, output: Path, *, force: bool) -> Path:
    """Check that a file can be written, and hurts nothing that is published.

    Args:
        place: Where it is to be.
        output: The folder that runs publish in.
        force: Whether it may take the place of another.

    Returns:
        The place; of a link, what it leads to.

    Raises:
        UsageError: Something is there that has to stay, or no such folder.
    """
    if is_address(str(place)):
        message = "an export is written to a disk; to object storage it goes through a pipe"
        raise UsageError(f"{without_secrets(str(place))}: {message}: segbatch export … --to - | aws s3 cp - s3://…")
    found, name = find_file(place, "--to", instead="export to -, the standard output"), printable(str(place))
    ensure_unpublished(found, name, output, "export elsewhere (--to)")
    if os.path.lexists(found) and not force:
        raise UsageError(f"{name}: is there already; export to another file, or write over it with --force")
    return found


def ensure_unpublished(found: Path, name: str, output: Path, instead: str) -> None:
    """Check that a file is none of those that runs publish.

    Args:
        found: Where it is, past every link.
        name: What its writer calls it.
        output: The folder that runs publish in.
        instead: What to do where it is one.

    Raises:
        UsageError: It is.
    """
    if _is_published(found, _real(output)):
        raise UsageError(f"{name}: stands among what runs publish; {instead}")


def ensure_not_read(place: Path, files: Sequence[str]) -> None:
    """Check that a file is none of those of the snapshot.

    Raises:
        UsageError: It is.
    """
    if place in {_real(Path(file)) for file in files}:
        raise UsageError(f"{printable(str(place))}: is a file of the snapshot; export to another (--to)")


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))


def _is_published(place: Path, output: Path) -> bool:
    return output / RUNS in place.parents or (place.parent == output and place.name in {CATALOGUE, CURRENT, LOCK})


@contextmanager
def written(place: Path, *, force: bool) -> Iterator[DigestingFile]:
    """Write a file; unless all goes well, nothing of it is left, and what was in its place stays.

    Args:
        place: Where it is to be.
        force: Whether it may take the place of another.

    Raises:
        UsageError: A file came to be there meanwhile.
        ExportError: It cannot be written.
    """
    try:
        with aside_of(place) as aside:
            with DigestingFile(aside) as file, file.telling():
                yield file
            with underway.finishing(f"{printable(str(place))} may be written"):
                _put(aside, place, force=force)
                underway.done = f"{printable(str(place))} is written"
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


@contextmanager
def aside_of(place: Path) -> Iterator[Path]:
    """Make a hidden file in the same folder, to be put in a place once it is complete.

    It is removed at the end if it is still there, and so is what a killed process left of earlier ones.

    Args:
        place: Where the file is to be.
    """
    mark = hashlib.sha256(os.fsencode(place.name)).hexdigest()[:12]
    with suppress(OSError):  # a later one removes them
        for left in place.parent.glob(f".segbatch-{mark}-*"):
            _remove_if_left(left)
    aside = place.with_name(f".segbatch-{mark}-{secrets.token_hex(4)}")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    with underway.ending(lambda: _discard(aside)):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield aside
        finally:
            os.close(descriptor)


def _discard(aside: Path) -> None:
    """Remove a file, if that is possible: the next export removes what is left."""
    with suppress(OSError):
        aside.unlink(missing_ok=True)


def _remove_if_left(aside: Path) -> None:
    """Remove a file whose writer is dead: one that is alive holds a lock on it."""
    with suppress(OSError):
        descriptor = os.open(aside, os.O_WRONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            aside.unlink()
        finally:
            os.close(descriptor)


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
