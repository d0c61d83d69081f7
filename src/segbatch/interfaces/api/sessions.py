"""Sign-ins of browsers: kept in memory, limited in time and number, and valid only as long as their key."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from time import monotonic

from segbatch.interfaces.api.keys.key_file import Key, digest_of
from segbatch.interfaces.api.keys.key_store import KeyRing
from segbatch.interfaces.api.limits import MAX_SESSIONS, MAX_SESSIONS_OF_KEY, SESSION_IDLE_TIME, SESSION_TIME

COOKIE = "segbatch_session"
_TOKEN_BYTES = 32


@dataclass(slots=True)
class _Session:
    """A sign-in.

    Attributes:
        secret_digest: The hash of the key's secret, which is looked up in each request.
        csrf_token: The token that changes send as well, because a page of another site cannot read it.
        started: The time of the sign-in.
        used: The time of the last request.
    """

    secret_digest: str
    csrf_token: str
    started: float
    used: float


@dataclass(frozen=True, slots=True)
class SignIn:
    """The key of a session, and the token that changes have to send."""

    key: Key
    csrf_token: str


class Sessions:
    """The sessions of a server. Only hashes of the secrets of keys and of the tokens of sessions are stored."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        """Create an empty store.

        Args:
            clock: Returns the time in seconds.
        """
        self._clock = clock
        self._lock = Lock()
        self._sessions: dict[str, _Session] = {}

    def __len__(self) -> int:
        """Return the number of sessions that have not expired."""
        with self._lock:
            self._remove_expired()
            return len(self._sessions)

    def open(self, secret: str, ring: KeyRing) -> tuple[str, SignIn] | None:
        """Start a session for a key.

        If there are too many sessions of the key, or of all keys, the one that was not used for longest is ended.

        Returns:
            The token of the session, and the sign-in; None if the key is unknown or revoked.
        """
        digest = digest_of(secret)
        key = ring.find_digest(digest)
        if key is None:
            return None
        token, now = secrets.token_urlsafe(_TOKEN_BYTES), self._clock()
        session = _Session(digest, secrets.token_urlsafe(_TOKEN_BYTES), now, now)
        with self._lock:
            self._remove_expired()
            own = [name for name, other in self._sessions.items() if other.secret_digest == digest]
            for names, most in ((own, MAX_SESSIONS_OF_KEY), ([*self._sessions], MAX_SESSIONS)):
                if len(names) >= most:
                    self._sessions.pop(min(names, key=lambda name: self._sessions[name].used), None)
            self._sessions[digest_of(token)] = session
        return token, SignIn(key, session.csrf_token)

    def find(self, token: str, ring: KeyRing) -> SignIn | None:
        """Return the sign-in of a token; None if it is unknown or expired, or its key is revoked."""
        with self._lock:
            self._remove_expired()
            session = self._sessions.get(digest_of(token))
            if session is None:
                return None
            session.used = self._clock()
        key = ring.find_digest(session.secret_digest)
        if key is None:
            self.close(token)
            return None
        return SignIn(key, session.csrf_token)

    def close(self, token: str) -> None:
        """End a session, if it exists."""
        with self._lock:
            self._sessions.pop(digest_of(token), None)

    def _remove_expired(self) -> None:
        now = self._clock()
        self._sessions = {
            name: session
            for name, session in self._sessions.items()
            if now - session.started < SESSION_TIME and now - session.used < SESSION_IDLE_TIME
        }
