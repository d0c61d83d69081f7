"""The keys of a file, which a server and the command line use at the same time."""

import hmac
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from segbatch.errors import KeysError, NotFoundError, UsageError
from segbatch.interfaces.api.keys.key import Key, digest_of, new_id, new_secret
from segbatch.interfaces.api.keys.key_file import Record, Signature, read_records, signature_of, write_records
from segbatch.platform.file_lock import holding
from segbatch.platform.files import UnflushedError, Warn, unflushed, warn_caller
from segbatch.text import did_you_mean, printable, shown

__all__ = ["KeyRing"]

_PATIENCE = 30.0
_TICK = 50_000_000
"""So many nanoseconds after a change, the next one has other times on any file system in use."""

_LONGEST = 200


@dataclass(frozen=True, slots=True)
class _Seen:
    """The file as it was when it was read."""

    signature: Signature | None
    records: tuple[Record, ...]


class KeyRing:
    """The keys of a file. Threads can share one, and processes can each have one of the same file."""

    def __init__(
        self, path: Path, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC), warn: Warn = warn_caller
    ) -> None:
        """Open the keys of a file; nothing is read yet.

        Args:
            path: The file, which need not be there before the first key is.
            clock: Tells when a key is made or revoked.
            warn: Takes the warning that a change is made and may not survive a power failure.
        """
        self._path = path
        self._clock = clock
        self._warn = warn
        self._seen: _Seen | None = None

    def is_there(self) -> bool:
        """Return whether the file is there.

        Raises:
            KeysError: It cannot be looked at, is not a file, or other users may write it.
        """
        return signature_of(self._path) is not None

    def create(self, projects: Sequence[str], *, read_only: bool = False, name: str | None = None) -> tuple[Key, str]:
        """Make a key.

        Args:
            projects: The projects whose segments it opens; at least one.
            read_only: Whether it opens them for reading alone.
            name: What it is for.

        Returns:
            The key, and its secret, which is kept nowhere.

        Raises:
            UsageError: There is no project, or a project or the name cannot be one.
            KeysError: The file is broken or cannot be written.
            BusyError: Somebody else keeps writing it.
        """
        if not projects:
            raise UsageError("a key is for at least one project; name it (--project)")
        for text in (*projects, *([] if name is None else [name])):
            _ensure_is_a_word(text)
        secret = new_secret()
        with self._writing() as file:
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
        """Return all keys, the oldest first, revoked ones among them.

        Raises:
            KeysError: The file is broken or cannot be read.
        """
        return tuple(record.key for record in self._records())

    def revoke(self, key_id: str) -> Key:
        """Let a key open nothing any more. One that is revoked stays so, since when it was.

        Raises:
            NotFoundError: There is no such key.
            KeysError: The file is broken or cannot be written.
            BusyError: Somebody else keeps writing it.
        """
        with self._writing() as file:
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
        """Return the key of a secret; None where there is none, or it is revoked, as the file says this instant.

        All keys are compared, each in constant time, so that how long it takes tells nothing.

        Raises:
            KeysError: The file is broken or cannot be read.
        """
        digest = digest_of(secret).encode()
        found = [record for record in self._records() if hmac.compare_digest(record.sha256.encode(), digest)]
        return found[0].key if found and found[0].revoked_at is None else None

    def _records(self) -> tuple[Record, ...]:
        """Return all keys, read again where the file changed, or did so lately that it could have once more."""
        signature = signature_of(self._path)
        seen = self._seen
        if seen is None or seen.signature != signature or _is_fresh(signature):
            seen = self._seen = _Seen(signature, read_records(self._path))
        return seen.records

    def _write(self, file: Path, records: Sequence[Record]) -> None:
        try:
            write_records(file, records)
        except UnflushedError as error:
            self._warn(unflushed(self._path, error))

    @contextmanager
    def _writing(self) -> Iterator[Path]:
        """Keep all other writers out of the file, and return where it really is, if a link leads to it."""
        signature_of(self._path)
        file = Path(os.path.realpath(self._path))
        try:
            with holding(file.with_name(f".{file.name}.lock"), _PATIENCE, 0o600):
                yield file
        except OSError as error:
            message = f"cannot be written: {error.strerror}; nothing was changed"
            raise KeysError(f"{printable(str(self._path))}: {message}") from None

    def _now(self) -> datetime:
        return self._clock().astimezone(UTC).replace(microsecond=0)


def _is_fresh(signature: Signature | None) -> bool:
    """Tell whether a file changed so lately that its times may not show the next change."""
    return signature is not None and max(signature[2:]) > time.time_ns() - _TICK


def _free_id(records: Sequence[Record]) -> str:
    taken = {record.id for record in records}
    while (free := new_id()) in taken:
        continue
    return free


def _ensure_is_a_word(text: str) -> None:
    """Refuse what could not be shown, or not be sent in a header."""
    if not text.strip() or not text.isprintable() or len(text) > _LONGEST:
        raise UsageError(f"{shown(text)} is no project and no name; it has 1 to {_LONGEST} characters that can be seen")
