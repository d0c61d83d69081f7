"""A store that dies at a call, as a killed process does: that call and all later ones have no effect."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from threading import Lock
from typing import TypeVar

from segbatch.storage.remote.store import Content, Store, StoredFile

_Result = TypeVar("_Result")


class Killed(BaseException):
    """The process was killed."""


class FaultyStore:
    """A store before another. It implements `Store`.

    Attributes:
        calls: The calls that had an effect: the method, and the key.
        dies_before: The number of the call that is not made any more; None for none.
        dies_after: The number of the call whose result is lost; None for none.
    """

    def __init__(self, store: Store) -> None:
        self._store, self._lock = store, Lock()
        self.calls = list[tuple[str, str]]()
        self.dies_before: int | None = None
        self.dies_after: int | None = None

    @property
    def address(self) -> str:
        return self._store.address

    def _call(self, method: str, key: str, action: Callable[[], _Result]) -> _Result:
        with self._lock:
            number = len(self.calls)
            if number == self.dies_before or (self.dies_after is not None and number > self.dies_after):
                raise Killed
            self.calls.append((method, key))
            result = action()
        if number == self.dies_after:
            raise Killed
        return result

    def upload(self, source: Path, key: str) -> None:
        self._call("upload", key, lambda: self._store.upload(source, key))

    def write_new(self, key: str, data: bytes) -> str:
        return self._call("write_new", key, lambda: self._store.write_new(key, data))

    def replace(self, key: str, data: bytes, tag: str) -> str:
        return self._call("replace", key, lambda: self._store.replace(key, data, tag))

    def read(self, key: str) -> Content | None:
        return self._call("read", key, lambda: self._store.read(key))

    def download(self, key: str, target: Path) -> None:
        self._call("download", key, lambda: self._store.download(key, target))

    def files(self, prefix: str) -> Iterator[StoredFile]:
        return iter(self._call("files", prefix, lambda: list(self._store.files(prefix))))

    def remove(self, keys: Iterable[str]) -> None:
        some = list(keys)
        self._call("remove", ",".join(some), lambda: self._store.remove(some))
