"""The lease of an output in a store: an object that tells other runs which run is at work.

It is a courtesy. The conditional write that publishes a run protects the output, also if two runs work at once.
"""

import json
import os
import secrets
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from threading import Event, Lock, Thread
from typing import Self

from segbatch.errors import PublishError
from segbatch.platform.portability import is_running
from segbatch.platform.shutdown import shutdown
from segbatch.storage.layout import LOCK
from segbatch.storage.output_lock import LockedError, LockPolicy
from segbatch.storage.remote.store import Content, OutdatedError, Store
from segbatch.text import clipped

LEASE_TIME = timedelta(minutes=3)
"""The time after which a lease that is not renewed can be taken over."""

_RENEWALS = 4
"""Number of renewals in that time."""

_PAUSE = 2.0
_IGNORED = (
    "the storage ignores the conditions of conditional writes, so that two runs could overwrite each other; "
    "publish to a storage that supports If-None-Match and If-Match"
)
_tokens_of_this_process = set[str]()


@dataclass(frozen=True, slots=True)
class Owner:
    """The owner of a lease.

    Attributes:
        what: The work that is done, such as `run 20251105T020000Z`.
        since: The time when the lease was taken.
        until: The time when it expires.
        token: A random text that is different for each lease.
    """

    what: str
    pid: int
    host: str
    since: str
    until: str
    token: str

    @classmethod
    def new(cls, what: str) -> Self:
        """Return this process as the owner, from now on."""
        now = datetime.now(UTC)
        return cls(
            what=what,
            pid=os.getpid(),
            host=socket.gethostname(),
            since=now.isoformat(timespec="seconds"),
            until=(now + LEASE_TIME).isoformat(timespec="seconds"),
            token=secrets.token_hex(8),
        )

    @classmethod
    def read(cls, data: bytes) -> Self | None:
        """Return the owner that is described in a file; None if the file is damaged."""
        with suppress(ValueError, TypeError, AttributeError):
            owner = cls(**json.loads(data))
            if all(datetime.fromisoformat(time).tzinfo for time in (owner.since, owner.until)):
                return owner
        return None

    @property
    def data(self) -> bytes:
        """The content of the file."""
        return json.dumps(asdict(self)).encode()

    @property
    def is_at_work(self) -> bool:
        """Whether the lease has not expired, and its process is alive as far as this machine knows."""
        if datetime.fromisoformat(self.until) < datetime.now(UTC):
            return False
        if self.host != socket.gethostname():
            return True
        return self.token in _tokens_of_this_process if self.pid == os.getpid() else is_running(self.pid)

    def renewed(self) -> Self:
        """Return the owner with a later expiry."""
        return replace(self, until=(datetime.now(UTC) + LEASE_TIME).isoformat(timespec="microseconds"))

    def __str__(self) -> str:
        """Describe the work."""
        since = datetime.fromisoformat(self.since).astimezone(UTC)
        who = f"process {self.pid} on {clipped(str(self.host))}"
        return f"{clipped(str(self.what))} ({who}) has been at work on it since {since:%Y-%m-%d %H:%M:%S} UTC"


@contextmanager
def hold_lease(store: Store, name: str, what: str, policy: LockPolicy, key: str = LOCK) -> Iterator[None]:
    """Hold a lease during the block. It is renewed by a thread, and removed at the end.

    Args:
        name: The output in messages.
        what: The work that is done, for messages of other processes.
        policy: The behaviour when another process has the lease.
        key: The key of the object.

    Raises:
        LockedError: Another process has the lease.
        PublishError: The storage refused, or ignores conditions.
    """
    lease = _acquire(store, name, what, policy, key)
    with shutdown.cleanup(lease.release):
        lease.check_conditions()
        lease.start()
        yield


def _acquire(store: Store, name: str, what: str, policy: LockPolicy, key: str) -> "_Lease":
    is_reported = False
    while True:
        owner = Owner.new(what)
        found = _try(store, key, owner)
        if isinstance(found, str):
            return _Lease(store, key, owner, found)
        if found is None:
            continue
        if not policy.wait:
            raise LockedError(f"{name}: {found}; run again when that is done, or with --wait")
        if policy.on_wait and not is_reported:
            policy.on_wait(f"{name}: {found}; waiting")
            is_reported = True
        time.sleep(_PAUSE)


def _try(store: Store, key: str, owner: Owner) -> str | Owner | None:
    """Return the tag of the lease, or the other process that has it; None if that has just changed."""
    with suppress(OutdatedError):
        return store.write_new(key, owner.data)
    found = store.read(key)
    if found is None:
        return None
    other = Owner.read(found.data)
    if other is not None and other.is_at_work:
        return other
    with suppress(OutdatedError):
        return store.replace(key, owner.data, found.tag)
    return None


class _Lease:
    """A lease of this process."""

    def __init__(self, store: Store, key: str, owner: Owner, tag: str) -> None:
        self._store, self._key, self._owner, self._tag = store, key, owner, tag
        self._ended, self._writing = Event(), Lock()
        _tokens_of_this_process.add(owner.token)

    def start(self) -> None:
        """Start the renewal."""
        Thread(target=self._renew_regularly, name="lease", daemon=True).start()

    def check_conditions(self) -> None:
        """Check that the storage refuses a conditional write if its condition is not met."""
        other = replace(self._owner, token=secrets.token_hex(8)).data
        with suppress(OutdatedError):
            self._store.write_new(self._key, other)
            raise PublishError(f"{self._store.address}: {_IGNORED}")
        with suppress(OutdatedError):
            self._store.replace(self._key, other, "0")
            raise PublishError(f"{self._store.address}: {_IGNORED}")

    def _renew_regularly(self) -> None:
        while not self._ended.wait(LEASE_TIME.total_seconds() / _RENEWALS):
            with suppress(PublishError):  # tried again in time, and otherwise the lease expires
                if not self.renew():
                    return

    def renew(self) -> bool:
        """Renew the lease, and return whether it is still that of this process."""
        with self._writing:
            if self._ended.is_set():
                return False
            owner = self._owner.renewed()
            try:
                self._tag = self._store.replace(self._key, owner.data, self._tag)
            except OutdatedError:
                return False
            return True

    def release(self) -> None:
        """Remove the lease, unless another process took it over."""
        self._ended.set()
        with self._writing, suppress(PublishError):
            found = self._store.read(self._key)
            if found is not None and self._is_own(found):
                self._store.remove([self._key])
        _tokens_of_this_process.discard(self._owner.token)

    def _is_own(self, found: Content) -> bool:
        owner = Owner.read(found.data)
        return owner is not None and owner.token == self._owner.token
