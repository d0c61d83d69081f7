"""An object of a snapshot, checked remotely and read from a local copy.

A check fetches only the end of the object, which has the columns in Parquet. When contacts are read, the whole object
is fetched once, into a file without a name. So one version of the object is read, even if the object changes; its
digest is known; and the copy disappears with the process, however the process ends.
"""

import hashlib
import mmap
import os
import shutil
import tempfile
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Event, Lock
from typing import IO, Any

import pyarrow as pa

from segbatch.errors import SnapshotError
from segbatch.snapshot.object_store.clients import Bucket
from segbatch.snapshot.object_store.requests import start, translate_errors, with_timeout
from segbatch.snapshot.object_store.url import Address, read_address
from segbatch.snapshot.temporary_folder import temporary_folder

_PIECE = 8 << 20
_AT_ONCE = 6
_LONGEST_PIECE = 300.0
"""Maximum number of seconds for a piece. A slower connection is not practical for reading a snapshot."""

_VERSION_KEYS = ("ETag", "generation", "Last-Modified")
"""Metadata that distinguishes versions of an object: the first in S3 and Azure, the second in Google Cloud Storage."""

_CHANGED = "was written while it was read; run again when the export is done"


@dataclass(frozen=True, slots=True)
class _Version:
    """The version of an object at one point in time."""

    size: int
    keys: tuple[object, ...]


@dataclass(frozen=True, slots=True)
class _Copy:
    """A copy of a whole object."""

    data: pa.Buffer
    sha256: str


class RemoteFile:
    """A Parquet file in object storage.

    A pickled file has the version that was found first. Another process reads that version, or raises an error.
    """

    def __init__(self, bucket: Bucket, address: Address, version: _Version | None = None) -> None:
        """Create the file without sending a request.

        Args:
            version: The version to read. The default is the version of the first request.
        """
        self._bucket, self._address = bucket, address
        self._expected = version
        self._connection: tuple[Any, _Version] | None = None
        self._copy: _Copy | None = None
        self._failure: SnapshotError | None = None
        self._lock = Lock()

    def __reduce__(self) -> tuple[type["RemoteFile"], tuple[Bucket, Address, _Version | None]]:
        """Return the address and the version, without connections and the copy."""
        return RemoteFile, (self._bucket, self._address, self._connection[1] if self._connection else self._expected)

    def __str__(self) -> str:
        """Return the address."""
        return str(self._address)

    @property
    def version(self) -> tuple[int, object]:
        """The size in bytes, and metadata that identifies the version. Both are those of the first request.

        Raises:
            SnapshotError: The size and metadata cannot be requested.
        """
        version = self._version()
        return version.size, version.keys

    @contextmanager
    def open(self) -> Iterator[pa.NativeFile]:
        """Open the file to read all of it.

        Raises:
            SnapshotError: The object cannot be fetched, or was written since the first request.
        """
        with pa.BufferReader(self._fetched(Event()).data) as reader:
            yield reader

    @contextmanager
    def open_footer(self) -> Iterator[pa.NativeFile]:
        """Open the file to read a small part of it. Only the parts that are read are fetched.

        Raises:
            SnapshotError: The object cannot be reached.
        """
        if self._copy is not None:
            with self.open() as reader:
                yield reader
            return
        with pa.PythonFile(_Pieces(self._version().size, self._read), "r") as reader:
            try:
                yield reader
            except (pa.ArrowException, OSError, SnapshotError):
                self._ensure_unchanged()  # pieces of two versions look like a damaged file
                raise

    def digest(self, stop: Event) -> str:
        """Return the SHA-256 of the object in hexadecimal.

        Raises:
            SnapshotError: The object cannot be fetched, or was written since the first request; or `stop` was set.
        """
        return self._fetched(stop).sha256

    def _version(self) -> _Version:
        with self._lock:
            return self._connect()[1]

    def _connect(self) -> tuple[Any, _Version]:
        """Return the object for reads, and its version. The first call sends the request."""
        if self._connection is None:
            source, version = self._request()
            if self._expected not in (None, version):
                raise SnapshotError(f"{self._address}: {_CHANGED}")
            self._connection = source, version
        return self._connection

    def _request(self) -> tuple[Any, _Version]:
        with translate_errors(self._address):
            source = with_timeout(lambda: self._bucket.store.open_input_file(self._address.path))
            metadata = with_timeout(source.metadata)
            return source, _Version(
                with_timeout(source.size), tuple(metadata[key] for key in _VERSION_KEYS if key in metadata)
            )

    def _read(self, offset: int, size: int) -> bytes:
        source = self._connect()[0]
        with translate_errors(self._address):
            return self._whole(with_timeout(lambda: source.read_at(size, offset)), size)

    def _whole(self, data: bytes, size: int) -> bytes:
        if len(data) != size:
            raise SnapshotError(f"{self._address}: {_CHANGED}")
        return data

    def _ensure_unchanged(self) -> None:
        if self._request()[1] != self._connect()[1]:
            raise SnapshotError(f"{self._address}: {_CHANGED}")

    def _fetched(self, stop: Event) -> _Copy:
        with self._lock:
            if self._failure is not None:
                raise self._failure  # several callers need the copy; a failed fetch is not repeated
            if self._copy is None:
                try:
                    self._copy = self._fetch(self._connect()[1], stop)
                except SnapshotError as error:
                    self._failure = error
                    raise
            return self._copy

    def _fetch(self, version: _Version, stop: Event) -> _Copy:
        folder = temporary_folder()
        if shutil.disk_usage(folder).free < version.size:
            raise self._no_room(folder, version.size, "has too little space")
        try:
            with tempfile.TemporaryFile(dir=folder, prefix="segbatch-") as file:
                digest = self._write(file, version.size, stop)
                size = version.size
                data = pa.py_buffer(mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ) if size else b"")
        except OSError as error:
            raise self._no_room(folder, version.size, f"cannot be written: {error.strerror}") from None
        self._ensure_unchanged()
        return _Copy(data, digest)

    def _write(self, file: IO[bytes], size: int, stop: Event) -> str:
        """Fetch all pieces, several at a time, and write them in order. Return the SHA-256 in hexadecimal."""
        digest, coming = hashlib.sha256(), deque[tuple[Future[Any], int]]()
        offsets, source = iter(range(0, size, _PIECE)), self._connect()[0]
        while True:
            for offset in offsets:
                length = min(_PIECE, size - offset)
                coming.append((start(partial(source.read_at, length, offset)), length))
                if len(coming) == _AT_ONCE:
                    break
            if not coming:
                break
            with translate_errors(self._address):
                reading, length = coming.popleft()
                piece = self._whole(reading.result(_LONGEST_PIECE), length)
            if stop.is_set():
                raise SnapshotError(f"{self._address}: was not read to its end")
            digest.update(piece)
            file.write(piece)
        file.flush()
        return digest.hexdigest()

    def _no_room(self, folder: Path, size: int, reason: str) -> SnapshotError:
        remedy = f"set TMPDIR to a folder with room for a copy of {size:,} bytes"
        return SnapshotError(f"{self._address}: cannot be fetched: {folder} {reason}; {remedy}")


def objects_at(texts: Iterable[str]) -> list[RemoteFile]:
    """Return the objects at some addresses, without sending requests for them.

    Raises:
        UsageError: An address is not valid, or the environment lacks a setting.
    """
    addresses = [read_address(text) for text in texts]
    buckets = {address.root: Bucket(address) for address in addresses}
    for bucket in buckets.values():
        _ = bucket.store  # an environment that lacks a setting is an error here, and not when contacts are read
    return [RemoteFile(buckets[address.root], address) for address in addresses]


class _Pieces:
    """A file-like object that fetches each piece when it is read."""

    def __init__(self, size: int, read: Any) -> None:
        self._size, self._fetch, self._at = size, read, 0
        self.closed = False

    def read(self, size: int = -1) -> bytes:
        rest = max(self._size - self._at, 0)
        wanted = rest if size < 0 else min(size, rest)
        data: bytes = self._fetch(self._at, wanted) if wanted else b""
        self._at += len(data)
        return data

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._at = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        return self._at

    def tell(self) -> int:
        return self._at

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def close(self) -> None:
        self.closed = True
