"""Access to a file of keys, which the server and the command line use at the same time."""

import hmac
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from segbatch.errors import KeysError, NotFoundError, UsageError
from segbatch.interfaces.api.keys.key_file import (
    Key,
    Record,
    Signature,
    digest_of,
    new_id,
    new_secret,
    read_records,
    signature_of,
    write_records,
)
from segbatch.platform.file_lock import lock_file
from segbatch.platform.files import UnflushedError, Warn, unflushed, warn_caller
from segbatch.text import did_you_mean, printable, shown

_LOCK_TIMEOUT = 30.0
_TICK = 50_000_000
"""Changes of a file that are this many nanoseconds apart have different timestamps, on any common file system."""

_LONGEST = 200


@dataclass(frozen=True, slots=True)
class _CachedFile:
    """The content of the file when it was last read."""

    signature: Signature | None
    records: tuple[Record, ...]


class KeyRing:
    """The keys in a file. Threads can share an instance. Processes can have one each for the same file."""

    def __init__(
        self, path: Path, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC), warn: Warn = warn_caller
    ) -> None:
        """Open a file of keys without reading it.

        Args:
            path: The file. It is created with the first key.
            clock: Returns the time for new and revoked keys.
            warn: Called with a warning if a change was made but may not survive a power failure.
        """
        self._path = path
        self._clock = clock
        self._warn = warn
        self._cached: _CachedFile | None = None

    def exists(self) -> bool:
        """Return whether the file exists.

        Raises:
            KeysError: The file cannot be inspected, is not a regular file, or is writable by other users.
        """
        return signature_of(self._path) is not None

    def create(self, projects: Sequence[str], *, read_only: bool = False, name: str | None = None) -> tuple[Key, str]:
        """Create a key.

        Args:
            projects: The projects whose segments it can access; at least one.
            read_only: Whether it cannot make changes.
            name: The purpose of the key.

        Returns:
            The key, and its secret, which is not stored.

        Raises:
            UsageError: No project is given, or a project or the name is not valid.
            KeysError: The file is not valid or cannot be written.
            BusyError: Another process keeps the file locked.
        """
        if not projects:
            raise UsageError("a key needs at least one project (--project)")
        for text in (*projects, *([] if name is None else [name])):
            _ensure_printable(text)
        secret = new_secret()
        with self._locked() as file:
            records = read_records(file)
            record = Record(
                id=_free_id(records),
                name=name,
                projects=tuple(dict.fromkeys(projects)),
                read_only=read_only,
                created_at=self._now(),
                revoked_at=None,
                sha256=digest_of(secret),
            )
            self._write(file, [*records, record])
        return record.key, secret

    def list(self) -> tuple[Key, ...]:
        """Return all keys, including revoked ones, the oldest first.

        Raises:
            KeysError: The file is not valid or cannot be read.
        """
        return tuple(record.key for record in self._records())

    def revoke(self, key_id: str) -> Key:
        """Revoke a key. A key that is already revoked keeps its time of revocation.

        Raises:
            NotFoundError: The key does not exist.
            KeysError: The file is not valid or cannot be written.
            BusyError: Another process keeps the file locked.
        """
        with self._locked() as file:
            records = read_records(file)
            known = {record.id: record for record in records}
            if key_id not in known:
                near = did_you_mean(key_id[:_LONGEST], known) or "; 'segbatch keys list' shows all"
                raise NotFoundError(f"there is no key {shown(key_id)}{near}", printable(str(self._path)))
            record = known[key_id]
            if record.revoked_at is None:
                record = record.model_copy(update={"revoked_at": self._now()})
                self._write(file, [record if one.id == key_id else one for one in records])
            return record.key

    def find(self, secret: str) -> Key | None:
        """Return the valid key of a secret, according to the current file; None if it is unknown or revoked.

        All hashes are compared, each in constant time, so that the duration reveals nothing.

        Raises:
            KeysError: The file is not valid or cannot be read.
        """
        return self.find_digest(digest_of(secret))

    def find_digest(self, secret_digest: str) -> Key | None:
        """Return the valid key of the hash of a secret, as `find` does.

        Raises:
            KeysError: The file is not valid or cannot be read.
        """
        digest = secret_digest.encode()
        found = [record for record in self._records() if hmac.compare_digest(record.sha256.encode(), digest)]
        return found[0].key if found and found[0].revoked_at is None else None

    def _records(self) -> tuple[Record, ...]:
        """Return all keys. They are read again if the file has changed, or is too new to detect another change."""
        signature = signature_of(self._path)
        cached = self._cached
        if cached is None or cached.signature != signature or _is_fresh(signature):
            cached = self._cached = _CachedFile(signature, read_records(self._path))
        return cached.records

    def _write(self, file: Path, records: Sequence[Record]) -> None:
        try:
            write_records(file, records)
        except UnflushedError as error:
            self._warn(unflushed(self._path, error))

    @contextmanager
    def _locked(self) -> Iterator[Path]:
        """Lock the file against other writers and return its real path, with links resolved."""
        signature_of(self._path)
        file = Path(os.path.realpath(self._path))
        try:
            with lock_file(file.with_name(f".{file.name}.lock"), _LOCK_TIMEOUT, 0o600):
                yield file
        except OSError as error:
            message = f"cannot be written: {error.strerror}; nothing was changed"
            raise KeysError(f"{printable(str(self._path))}: {message}") from None

    def _now(self) -> datetime:
        return self._clock().astimezone(UTC).replace(microsecond=0)


def _is_fresh(signature: Signature | None) -> bool:
    """Return whether a file changed too recently for its timestamps to show the next change."""
    return signature is not None and max(signature[2:]) > time.time_ns() - _TICK


def _free_id(records: Sequence[Record]) -> str:
    taken = {record.id for record in records}
    while (free := new_id()) in taken:
        continue
    return free


def _ensure_printable(text: str) -> None:
    """Raise an error if a text cannot be displayed or sent in a header."""
    if not text.strip() or not text.isprintable() or len(text) > _LONGEST:
        raise UsageError(f"{shown(text)} is not a valid project or name; use 1 to {_LONGEST} printable characters")
