"""API keys, and the file with a hash of each secret: strict parsing and atomic replacement."""

import hashlib
import os
import secrets
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from segbatch.errors import KeysError
from segbatch.model.invalid_values import invalid_reason
from segbatch.platform.files import UncertainError, UnflushedError, is_writable_by_others, new_file, replace_file
from segbatch.text import cut, printable

SECRET_PREFIX = "segbatch_"  # noqa: S105 - a prefix of all secrets, so that secret scanners find them
_SECRET_BYTES = 32
_ID_BYTES = 4

Signature = tuple[int, int, int, int]

_OWNER_ONLY = 0o600
_REMEDY = "restore it from a backup, or delete it and create new keys"


@dataclass(frozen=True, slots=True)
class Key:
    """An API key without its secret, which is not stored.

    Attributes:
        id: The id, used in logs and to revoke the key.
        name: The purpose of the key, if given.
        projects: The projects whose segments it can access; at least one.
        read_only: Whether it cannot make changes.
        created_at: The time when it was created, UTC.
        revoked_at: The time when it was revoked, UTC; None if it is valid.
    """

    id: str
    name: str | None
    projects: tuple[str, ...]
    read_only: bool
    created_at: datetime
    revoked_at: datetime | None


def new_secret() -> str:
    """Return a random secret of 256 bits."""
    return SECRET_PREFIX + secrets.token_hex(_SECRET_BYTES)


def new_id() -> str:
    """Return a random id for a key."""
    return secrets.token_hex(_ID_BYTES)


def digest_of(secret: str) -> str:
    """Return the stored hash of a secret. Secrets of 256 random bits do not need a slow hash against guessing."""
    return hashlib.sha256(secret.encode(errors="surrogatepass")).hexdigest()


class _Strict(BaseModel):
    """A part of the file. Only segbatch writes the file, so unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Record(_Strict):
    """A key in the file."""

    id: Annotated[str, Field(min_length=1)]
    name: str | None
    projects: Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(min_length=1)]
    read_only: Annotated[bool, Field(strict=True)]
    created_at: AwareDatetime
    revoked_at: AwareDatetime | None
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]

    @property
    def key(self) -> Key:
        """Return the key without the hash of its secret."""
        return Key(self.id, self.name, self.projects, self.read_only, self.created_at, self.revoked_at)


class _Content(_Strict):
    """The content of the file."""

    version: Literal[1]
    keys: tuple[Record, ...]


def signature_of(path: Path) -> Signature | None:
    """Return a signature of a file that changes when the file does; None if the file is missing.

    Raises:
        KeysError: The file cannot be inspected, is not a regular file, or is writable by others, who could add a key.
    """
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _unreadable(path, error) from None
    if not stat.S_ISREG(found.st_mode):
        raise KeysError(f"{_shown(path)}: is not a file; pass the file of keys (--keys)")
    if is_writable_by_others(found):
        message = "other users may write it and could add a key; run 'chmod go-w', and check 'segbatch keys list'"
        raise KeysError(f"{_shown(path)}: {message}")
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def read_records(path: Path) -> tuple[Record, ...]:
    """Read all keys of a file.

    Raises:
        KeysError: The file cannot be read, or is not valid.
    """
    try:
        content = _Content.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise _unreadable(path, error) from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        path_in_file = ".".join(map(str, first["loc"]))
        what = f"'{cut(printable(path_in_file))}': {invalid_reason(first)}" if path_in_file else invalid_reason(first)
        raise KeysError(f"{_shown(path)}: is not a valid file of keys: {what}; {_REMEDY}") from None
    if len({record.id for record in content.keys}) < len(content.keys):
        raise KeysError(f"{_shown(path)}: two keys have the same id; {_REMEDY}")
    return content.keys


def write_records(path: Path, records: Sequence[Record]) -> None:
    """Replace the file in one step. The caller must own the lock.

    A new file is readable only by its owner from the start. A replaced file keeps its owner and permissions.

    Raises:
        KeysError: The file cannot be written. The old one is unchanged, unless the message reports a possible change.
        UnflushedError: The file was replaced, but may not survive a power failure.
    """
    new = path.with_name(f".{path.name}.new")
    content = _Content(version=1, keys=tuple(records)).model_dump_json(indent=2) + "\n"
    try:
        with new_file(new, content.encode(), _OWNER_ONLY):
            _keep_rights(new, path)
            replace_file(new, path)
    except UnflushedError:
        raise
    except UncertainError as error:
        message = "it may have been changed, see 'segbatch keys list'"
        raise KeysError(f"{_shown(path)}: cannot be written: {error.strerror}; {message}") from None
    except OSError as error:
        raise KeysError(f"{_shown(path)}: cannot be written: {error.strerror}; nothing was changed") from None


def _keep_rights(new: Path, path: Path) -> None:
    """Copy owner and permissions of the replaced file to the new one, so that the server can still read it."""
    if not path.exists():
        return
    old, own = path.stat(), new.stat()
    if (old.st_uid, old.st_gid) != (own.st_uid, own.st_gid):
        os.chown(new, old.st_uid, old.st_gid)
    new.chmod(stat.S_IMODE(old.st_mode))


def _unreadable(path: Path, error: OSError) -> KeysError:
    return KeysError(f"{_shown(path)}: cannot be read: {error.strerror}")


def _shown(path: Path) -> str:
    return printable(str(path))
