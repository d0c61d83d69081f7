"""Errors of object storage in one line. The messages of obstore are paragraphs and may contain parts of credentials."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from segbatch.errors import PublishError
from segbatch.snapshot.object_store.requests import CREDENTIALS, ENDPOINT
from segbatch.snapshot.object_store.url import Service
from segbatch.storage.remote.store import OutdatedError

_STATUS = re.compile(r"non-2xx status code: (\d+)")
_NO_BUCKET = re.compile("NoSuchBucket|ContainerNotFound|bucket does not exist", re.IGNORECASE)
_OUTDATED = {"AlreadyExistsError", "PreconditionError"}
_NO_CREDENTIALS = re.compile("credential|oauth|metadata endpoint|169[.]254[.]169[.]254", re.IGNORECASE)
_DENIED = {"401", "403"}
_OTHER_REGION = "incorrectly configured region"
_REDIRECTED = {"301", "307"}
_UNSUPPORTED = "501"


@contextmanager
def translate_store_errors(place: str, service: Service, *, can_be_missing: bool = False) -> Iterator[None]:
    """Convert errors of obstore to errors that say what to do.

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
