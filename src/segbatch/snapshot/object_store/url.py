"""Parsing of addresses in object storage."""

import re
from dataclasses import dataclass, replace
from typing import Literal

from segbatch.errors import UsageError
from segbatch.platform.urls import redact_url
from segbatch.snapshot.source_words import OF_CONTACTS, SourceWords
from segbatch.text import clipped

Service = Literal["s3", "gs", "az"]

_SERVICES: dict[str, Service] = {
    "s3": "s3",
    "s3a": "s3",
    "gs": "gs",
    "gcs": "gs",
    "az": "az",
    "abfs": "az",
    "abfss": "az",
}
_PARTS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):/+([^/]*)/?(.*)", re.DOTALL)
_ACCOUNT = re.compile(r"([^@]+)@([^.@]+)([.][^@]*)?")


@dataclass(frozen=True, slots=True)
class Address:
    """The address of one object, or of several.

    Attributes:
        service: The storage service: `s3`, `gs` or `az`.
        root: The part before the key, as it was written.
        bucket: The bucket, which is a container in Azure.
        key: The key, or the beginning of several keys.
        account: In Azure, the account that owns the container, if the address names it.
    """

    service: Service
    root: str
    bucket: str
    key: str
    account: str | None = None

    def __str__(self) -> str:
        """Return the address as a user would write it."""
        return f"{self.root}/{self.key}"

    @property
    def path(self) -> str:
        """Bucket and key, as PyArrow expects them."""
        return f"{self.bucket}/{self.key}".rstrip("/")

    def at(self, path: str) -> "Address":
        """Return the address of another object in the bucket, given by bucket and key."""
        return replace(self, key=path.removeprefix(self.bucket).removeprefix("/"))


def is_object_address(text: str) -> bool:
    """Return whether a text is the address of an object, rather than a path or another URL."""
    parts = _PARTS.match(text)
    return parts is not None and parts[1].lower() in _SERVICES


def read_address(text: str, words: SourceWords = OF_CONTACTS) -> Address:
    """Parse an address.

    Args:
        words: The words for the snapshot in messages.

    Raises:
        UsageError: The text is not an address in object storage, or has parts that do not belong there.
    """
    parts = _PARTS.match(text)
    service = _SERVICES.get(parts[1].lower()) if parts else None
    if parts is None or service is None:
        shown = clipped(redact_url(text))
        raise UsageError(
            f"{shown}: {words.rows.removeprefix('the ')} are read from files, s3://, gs:// and az:// ({words.path})"
        )
    scheme, bucket, key = parts[1].lower(), parts[2], parts[3]
    if not bucket:
        raise UsageError(f"{clipped(text)}: has no bucket; write {scheme}://BUCKET/KEY ({words.path})")
    account = _ACCOUNT.fullmatch(bucket) if service == "az" else None
    if account:
        return Address(service, f"{scheme}://{bucket}", account[1], key, account[2])
    if "@" in bucket or ":" in bucket:
        message = "the address has more than a bucket before its key; set credentials in the environment"
        raise UsageError(f"{scheme}://…: {message} ({words.path})")
    return Address(service, f"{scheme}://{bucket}", bucket, key)
