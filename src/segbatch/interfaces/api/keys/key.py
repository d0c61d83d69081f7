"""An API key and its secret."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime

SECRET_PREFIX = "segbatch_"  # noqa: S105 - a prefix of all secrets, so that secret scanners find them
_SECRET_BYTES = 32
_ID_BYTES = 4


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
