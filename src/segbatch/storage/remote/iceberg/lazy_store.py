"""A store in the folder of the tables, which is known only once the catalog was asked."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

from segbatch.errors import PublishError
from segbatch.snapshot.object_store.url import is_object_address
from segbatch.storage.remote.store import Content, Store, StoredFile


class LazyStore:
    """A store whose root is found by the first request. It implements `Store`, which describes the methods.

    Before the first run, there are no tables, so that reading finds no files. Writing creates the first table.
    """

    def __init__(self, address: str, find: Callable[[], str | None], create: Callable[[], str | None]) -> None:
        """Create the store without sending requests.

        Args:
            address: The output, until the root is known.
            find: Returns the address of the root; None if there is none yet.
            create: Returns the address of the root, which is created if necessary.
        """
        self._address, self._find, self._create = address, find, create
        self._store: Store | None = None

    @property
    def address(self) -> str:
        return self._address if self._store is None else self._store.address

    def upload(self, source: Path, key: str) -> None:
        self._writable().upload(source, key)

    def write_new(self, key: str, data: bytes) -> str:
        return self._writable().write_new(key, data)

    def replace(self, key: str, data: bytes, tag: str) -> str:
        return self._writable().replace(key, data, tag)

    def read(self, key: str) -> Content | None:
        store = self._readable()
        return None if store is None else store.read(key)

    def download(self, key: str, target: Path) -> None:
        store = self._readable()
        if store is None:
            raise FileNotFoundError(key)
        store.download(key, target)

    def files(self, prefix: str) -> Iterator[StoredFile]:
        store = self._readable()
        return iter(()) if store is None else store.files(prefix)

    def remove(self, keys: Iterable[str]) -> None:
        store = self._readable()
        if store is not None:
            store.remove(keys)

    def _readable(self) -> Store | None:
        return self._opened(self._find)

    def _writable(self) -> Store:
        store = self._opened(self._create)
        if store is None:
            raise PublishError(f"{self._address}: the table 'current' was removed meanwhile; run again")
        return store

    def _opened(self, root: Callable[[], str | None]) -> Store | None:
        if self._store is None and (found := root()) is not None:
            self._store = _open(self._address, found)
        return self._store


def _open(output: str, root: str) -> Store:
    """Return the store at the location of tables.

    Raises:
        PublishError: Runs cannot be published there.
    """
    parts = urlsplit(root)
    if parts.scheme in {"", "file"}:
        from segbatch.storage.remote.folder_store import FolderStore  # noqa: PLC0415 - only if needed

        return FolderStore(Path(root.removeprefix("file:").removeprefix("//")))
    address = f"s3{root[len(parts.scheme) :]}" if parts.scheme in {"s3a", "s3n"} else root
    if is_object_address(address):
        from segbatch.storage.remote.object_store import ObjectStore  # noqa: PLC0415 - an extra

        return ObjectStore.at(address)
    message = f"the tables are in {unquote(parts.scheme)}:, where segbatch cannot write"
    raise PublishError(f"{output}: {message}; use a catalog whose warehouse is a folder, s3://, gs:// or abfss://")
