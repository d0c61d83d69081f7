"""What a key is: for whom it opens what, and the secret by which it is known."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime

__all__ = ["SECRET_PREFIX", "Key", "digest_of", "new_id", "new_secret"]

SECRET_PREFIX = "segbatch_"  # noqa: S105 - what all secrets begin with, so that scanners of repositories find one
_SECRET_BYTES = 32
_ID_BYTES = 4


@dataclass(frozen=True, slots=True)
class Key:
    """A key, without its secret, which is nowhere.

    Attributes:
        id: What it is revoked by, and called in logs.
        name: What it is for, if that was said.
        projects: The projects whose segments it opens; at least one.
        read_only: Whether it opens them for reading alone.
        created_at: When it was made, UTC.
        revoked_at: When it was revoked, UTC; None while it is good.
    """

    id: str
    name: str | None
    projects: tuple[str, ...]
    read_only: bool
    created_at: datetime
    revoked_at: datetime | None


def new_secret() -> str:
    """Return a secret that nobody can guess: 256 random bits."""
    return SECRET_PREFIX + secrets.token_hex(_SECRET_BYTES)


def new_id() -> str:
    """Return an id for a key."""
    return secrets.token_hex(_ID_BYTES)


def digest_of(secret: str) -> str:
    """Return what is kept of a secret; a secret of 256 random bits needs no slow hash to be safe from guessing."""
    return hashlib.sha256(secret.encode(errors="surrogatepass")).hexdigest()
