"""Requests to object storage: timeouts, and errors of one line.

Not every client has a timeout that can be set. So requests run in threads, which are abandoned if they take too long.
Errors of the clients are paragraphs and may contain keys, so they are not passed on.
"""

import re
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from threading import Thread
from typing import TypeVar

import pyarrow as pa

from segbatch.errors import SnapshotError
from segbatch.snapshot.locations import MissingFileError
from segbatch.snapshot.object_store.url import Address, Service

TIMEOUT = 60.0
"""Maximum number of seconds for a response."""

_Result = TypeVar("_Result")


def start(action: Callable[[], _Result]) -> Future[_Result]:
    """Run an action in another thread. The process does not wait for the thread when it exits."""
    future = Future[_Result]()

    def work() -> None:
        try:
            future.set_result(action())
        except BaseException as error:  # noqa: BLE001 - `result` raises it
            future.set_exception(error)

    Thread(target=work, name="storage", daemon=True).start()
    return future


def with_timeout(action: Callable[[], _Result], seconds: float | None = None) -> _Result:
    """Run an action and return its result.

    Args:
        seconds: The maximum duration. The default is `TIMEOUT`.

    Raises:
        TimeoutError: The action takes longer.
    """
    return start(action).result(TIMEOUT if seconds is None else seconds)


_CODE = re.compile(r"AWS Error ([A-Z_]+)(?: \(HTTP status (\d+)\))?|Azure Error: \[(\w*)\]|Status\(([A-Z_]+):")
_DENIED = re.compile("ACCESS|DENIED|SIGNATURE|TOKEN|AUTH|CREDENTIAL|FORBIDDEN", re.IGNORECASE)
_NO_BUCKET = re.compile("NO_SUCH_BUCKET|ContainerNotFound|^Bucket '.*' not found")
_NO_TOKEN = re.compile("Could not create a OAuth2 access token|AuthenticationException|DefaultAzureCredential")
_NETWORK = re.compile("NETWORK|UNAVAILABLE|DEADLINE|TIMEOUT|SLOW_DOWN|INTERNAL", re.IGNORECASE)
_REDIRECTED = {"301", "307", "400"}

CREDENTIALS: dict[Service, str] = {
    "s3": "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE",
    "gs": "set GOOGLE_APPLICATION_CREDENTIALS",
    "az": "set AZURE_STORAGE_KEY or AZURE_STORAGE_SAS_TOKEN, or log in",
}
ENDPOINT: dict[Service, str] = {
    "s3": "AWS_ENDPOINT_URL",
    "gs": "STORAGE_EMULATOR_HOST",
    "az": "AZURE_STORAGE_ACCOUNT",
}


@contextmanager
def translate_errors(address: Address) -> Iterator[None]:
    """Translate errors of a client into errors that name the object and the fix.

    Raises:
        SnapshotError: An operation on the object failed inside the block.
    """
    try:
        yield
    except TimeoutError:
        raise SnapshotError(f"{address}: {_silent(address)}") from None
    except FileNotFoundError:
        raise MissingFileError(f"{address}: no longer exists; run again when the export is done") from None
    except (pa.ArrowException, OSError) as error:
        raise SnapshotError(f"{address}: {_meaning(address.service, error)}") from None


def _meaning(service: Service, error: Exception) -> str:
    """Return the meaning of an error. Only the code is quoted from the client's message."""
    text = str(error)
    found = _CODE.search(text)
    code = next(filter(None, found.groups()), "") if found else ""
    status = found[2] if found else None
    if _NO_BUCKET.search(text):
        return "the bucket does not exist; check its name"
    if _NO_TOKEN.search(text):
        return f"no credentials were found; {CREDENTIALS[service]}"
    if status in {"401", "403"} or _DENIED.search(code):
        return f"access is denied ({code}); {CREDENTIALS[service]}, of a user with read access"
    if status in _REDIRECTED:
        return "the bucket is in another region; set AWS_REGION"
    if not code or _NETWORK.search(code) or (status or "") >= "429":
        return f"the storage cannot be reached; check the network, and {ENDPOINT[service]}"
    return f"cannot be read ({code})"


def _silent(address: Address) -> str:
    return f"the storage does not answer; check the network, and {ENDPOINT[address.service]}"
