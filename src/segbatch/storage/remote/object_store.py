"""A store in S3, Google Cloud Storage or Azure, through obstore, whose writes can be conditional."""

import re
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segbatch.errors import PublishError, UsageError
from segbatch.snapshot.object_store.requests import CREDENTIALS, ENDPOINT
from segbatch.snapshot.object_store.url import Address, Service, read_address
from segbatch.storage.remote.clients import OF_OUTPUT, open_client
from segbatch.storage.remote.store import Content, OutdatedError, StoredFile

if TYPE_CHECKING:
    from obstore import ObjectMeta, PutMode
    from obstore.store import ObjectStore as Client

_PIECE = 8 << 20
"""Bytes that are sent or received in one request. S3 takes at most 10,000 pieces for an object."""

_AT_ONCE = 4
"""Number of pieces that are sent or received at the same time, which also bounds the memory."""

_REMOVED_AT_ONCE = 1000
_TRIES = 4
_PARTS = {"", ".", ".."}
"""Parts of a prefix that not every client keeps."""

_UNCLEAR = "the storage keeps refusing to write it, although no other process wrote it; run again"

_STATUS = re.compile(r"non-2xx status code: (\d+)")
_NO_BUCKET = re.compile("NoSuchBucket|ContainerNotFound|bucket does not exist", re.IGNORECASE)
_OUTDATED = {"AlreadyExistsError", "PreconditionError"}
_NO_CREDENTIALS = re.compile("credential|oauth|metadata endpoint|169[.]254[.]169[.]254", re.IGNORECASE)
_DENIED = {"401", "403"}
_OTHER_REGION = "incorrectly configured region"
_REDIRECTED = {"301", "307"}
_UNSUPPORTED = "501"


class ObjectStore:
    """A store below a key in object storage. It implements `Store`, which describes the methods."""

    def __init__(self, address: Address) -> None:
        """Create the store below a bucket and key, without sending requests."""
        self._place = address

    @classmethod
    def at(cls, address: str) -> "ObjectStore":
        """Return the store at an address such as `s3://bucket/prefix`.

        Raises:
            UsageError: The address is not valid.
        """
        place = read_address(address, OF_OUTPUT)
        if place.key and not _PARTS.isdisjoint(place.key.strip("/").split("/")):
            raise UsageError(
                f"{place}: the prefix has an empty part, '.' or '..'; write {place.root}/PREFIX (--output)"
            )
        return cls(place)

    @cached_property
    def _client(self) -> "Client":
        return open_client(self._place)

    @property
    def address(self) -> str:
        return str(self._place).rstrip("/")

    def upload(self, source: Path, key: str) -> None:
        client = self._client
        import obstore  # noqa: PLC0415 - an extra, which the client checks

        with source.open("rb"):  # an unreadable file is an error of this machine
            pass
        with self._translated(key):
            obstore.put(client, key, source, chunk_size=_PIECE, max_concurrency=_AT_ONCE)

    def write_new(self, key: str, data: bytes) -> str:
        return self._write(key, data, "create", None)

    def replace(self, key: str, data: bytes, tag: str) -> str:
        return self._write(key, data, {"version": tag} if self._place.service == "gs" else {"e_tag": tag}, tag)

    def _write(self, key: str, data: bytes, mode: "PutMode", expected: str | None) -> str:
        """Write an object under a condition.

        If the response to a request is lost, the client sends it again, and the condition is no longer met because of
        the first request. S3 also refuses a write while another one is in progress, which may then fail. So the object
        is read after a refusal: it has this content, it is unchanged, or another process wrote it.

        Args:
            expected: The tag that the object must have; None if it must not exist.
        """
        client = self._client
        import obstore  # noqa: PLC0415 - an extra, which the client checks

        for _ in range(_TRIES):
            with suppress(OutdatedError), self._translated(key):
                return self._tag(obstore.put(client, key, data, mode=mode))
            found = self.read(key)
            if found is not None and found.data == data:
                return found.tag
            if (found.tag if found else None) != expected:
                raise OutdatedError
        raise PublishError(f"{self.address}/{key}: {_UNCLEAR}")

    def read(self, key: str) -> Content | None:
        client = self._client
        import obstore  # noqa: PLC0415 - an extra, which the client checks

        with suppress(FileNotFoundError), self._translated(key, can_be_missing=True):
            found = obstore.get(client, key)
            return Content(bytes(found.bytes()), self._tag(found.meta))
        return None

    def download(self, key: str, target: Path) -> None:
        client = self._client
        import obstore  # noqa: PLC0415 - an extra, which the client checks

        with self._translated(key, can_be_missing=True):
            found = obstore.get(client, key)
            size = found.meta["size"]
            first = bytes(found.bytes()) if size <= _PIECE else None
        with target.open("wb") as file:
            for piece in self._pieces(key, found.meta) if first is None else (first,):
                file.write(piece)

    def _pieces(self, key: str, found: "ObjectMeta") -> Iterator[bytes]:
        """Yield the pieces of a large object, of which some are fetched at the same time."""
        import obstore  # noqa: PLC0415 - an extra

        def fetch(start: int) -> bytes:
            end = min(start + _PIECE, found["size"])
            options: Any = {"range": (start, end), "if_match": found["e_tag"]}
            return bytes(obstore.get(self._client, key, options=options).bytes())

        starts = iter(range(0, found["size"], _PIECE))
        with ThreadPoolExecutor(_AT_ONCE, "download") as pool:
            while some := list(islice(starts, _AT_ONCE)):
                try:
                    with self._translated(key):
                        pieces = list(pool.map(fetch, some))
                except OutdatedError:
                    raise PublishError(f"{self.address}/{key}: was replaced while it was read; run again") from None
                yield from pieces

    def files(self, prefix: str) -> Iterator[StoredFile]:
        client = self._client
        import obstore  # noqa: PLC0415 - an extra, which the client checks

        batches = iter(obstore.list(client, prefix.rstrip("/") or None, chunk_size=_REMOVED_AT_ONCE))
        while True:
            with self._translated(prefix):
                found = next(batches, None)
            if found is None:
                return
            yield from (StoredFile(one["path"], one["size"], one["last_modified"]) for one in found)

    def remove(self, keys: Iterable[str]) -> None:
        client, rest = self._client, iter(keys)
        import obstore  # noqa: PLC0415 - an extra, which the client checks

        while some := list(islice(rest, _REMOVED_AT_ONCE)):
            try:
                with self._translated("", can_be_missing=True):
                    obstore.delete(client, some)
            except FileNotFoundError:  # an error in Google and Azure, after which others may still exist
                for key in some:
                    with suppress(FileNotFoundError), self._translated(key, can_be_missing=True):
                        obstore.delete(client, key)

    def _tag(self, found: Any) -> str:
        """Return the tag of an object. Google compares the number of the version, the others the ETag."""
        tag = found["version"] if self._place.service == "gs" else found["e_tag"]
        return str(tag or "")

    def _translated(self, key: str, *, can_be_missing: bool = False) -> AbstractContextManager[None]:
        place = f"{self.address}/{key}".rstrip("/")
        return _translate_errors(place, self._place.service, can_be_missing=can_be_missing)


@contextmanager
def _translate_errors(place: str, service: Service, *, can_be_missing: bool = False) -> Iterator[None]:
    """Convert errors of obstore to errors that say what to do.

    The messages of obstore are paragraphs and may contain parts of credentials.

    Args:
        place: The address of the object, for the message.
        can_be_missing: Whether the object can be missing. Otherwise only its bucket can.

    Raises:
        OutdatedError: The condition of a write is not met.
        FileNotFoundError: The object does not exist, and can be missing.
        PublishError: The storage refused, or cannot be reached.
    """
    from obstore.exceptions import BaseError  # noqa: PLC0415 - an extra

    try:
        yield
    except (BaseError, FileNotFoundError, NotImplementedError) as error:
        if type(error).__name__ in _OUTDATED:
            raise OutdatedError from None
        text = str(error)
        is_missing = isinstance(error, FileNotFoundError)
        if is_missing and can_be_missing and not _NO_BUCKET.search(text):
            raise FileNotFoundError(place) from None
        raise PublishError(f"{place}: {_meaning(service, error, text)}") from None


def _meaning(service: Service, error: Exception, text: str) -> str:
    found = _STATUS.search(text)
    status = found[1] if found else ""
    if _NO_BUCKET.search(text) or isinstance(error, FileNotFoundError):
        return "the bucket does not exist; create it first, or check its name"
    if status in _DENIED or type(error).__name__ == "PermissionDeniedError":
        return f"access is denied; {CREDENTIALS[service]}, of a user with the permissions in docs/object-storage.md"
    if type(error).__name__ == "UnauthenticatedError" or (not status and _NO_CREDENTIALS.search(text)):
        return f"no credentials were found; {CREDENTIALS[service]}"
    if status in _REDIRECTED or _OTHER_REGION in text:
        return "the bucket is in another region; set AWS_REGION"
    if status == _UNSUPPORTED or isinstance(error, NotImplementedError):
        return "the storage does not support this request; see docs/object-storage.md for what publishing needs"
    if not status or status >= "429":
        return f"the storage cannot be reached; check the network, and {ENDPOINT[service]}"
    return f"the storage refused a request (HTTP status {status})"
