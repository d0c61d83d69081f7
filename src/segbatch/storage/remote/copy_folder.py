"""The folder on this machine with the copy of an output that is stored elsewhere, and the lock of the copy."""

import errno
import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from segbatch.errors import PublishError
from segbatch.platform.cache_folder import VARIABLE, cache_folder
from segbatch.platform.files import is_writable_by_others, new_file, replace_file
from segbatch.platform.io_errors import io_reason
from segbatch.platform.portability import HAS_USERS
from segbatch.storage.layout import RUNS
from segbatch.storage.output_lock import LockPolicy, lock_output

ADDRESS = "address"
"""The file in a copy with the address of the output. Only copies have it."""

_LOCK = "refresh.lock"
_PRIVATE = 0o700
_READABLE = re.compile(r"[^A-Za-z0-9._-]+")
_LONGEST = 60
_DIGEST = 12


class CopyError(PublishError):
    """The copy of an output cannot be written. The message names its folder on this machine."""


def copy_folder(address: str) -> Path:
    """Return the folder with the copy of an output: a readable part of its address, and a checksum of all of it."""
    digest = hashlib.sha256(address.encode()).hexdigest()[:_DIGEST]
    readable = _READABLE.sub("-", address).strip("-.")[:_LONGEST]
    return cache_folder() / "outputs" / f"{readable}-{digest}"


@contextmanager
def own_copy(folder: Path, address: str, policy: LockPolicy) -> Iterator[None]:
    """Own a copy during the block: no other process or thread changes it. It is created if it is missing.

    Args:
        address: The address of the output.
        policy: The behaviour while another process refreshes the copy.

    Raises:
        LockedError: Another process refreshes the copy, and the policy does not wait.
        CopyError: The copy cannot be written, also inside the block.
    """
    with translate_copy_errors(folder, address):
        _create(folder)
        with lock_output(folder / _LOCK, "refresh", policy):
            if not (folder / ADDRESS).exists():
                with new_file(folder / f".{ADDRESS}.new", f"{address}\n".encode()) as new:
                    replace_file(new, folder / ADDRESS)
            yield


@contextmanager
def translate_copy_errors(folder: Path, address: str) -> Iterator[None]:
    """Convert errors of the disk to errors that say what to do."""
    try:
        yield
    except OSError as error:
        is_full = error.errno in {errno.ENOSPC, errno.EDQUOT}
        remedy = f"{'free some space, or ' if is_full else ''}name another folder in {VARIABLE}"
        raise CopyError(f"{address}: cannot be copied to {folder}: {io_reason(error) or error}; {remedy}") from None


def _create(folder: Path) -> None:
    """Create the folder of a copy, which only this user can read.

    Raises:
        CopyError: Another user owns the folder or can write to it.
    """
    for path in (folder.parent.parent, folder.parent, folder):
        path.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
    found = folder.stat()
    if (HAS_USERS and found.st_uid != os.geteuid()) or is_writable_by_others(found):
        message = "another user owns it or can write to it; remove it, or name another folder"
        raise CopyError(f"{folder}: is not used for a copy: {message} in {VARIABLE}")
    (folder / RUNS).mkdir(mode=_PRIVATE, exist_ok=True)
