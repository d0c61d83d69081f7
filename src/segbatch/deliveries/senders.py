"""Sending a delivery: to a command of the user, on its standard input, or to a webhook, as the body of a request."""

import http.client
import os
import ssl
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any, Protocol
from urllib.error import HTTPError, URLError
from urllib.request import HTTPRedirectHandler, OpenerDirector, Request, build_opener

from segbatch.deliveries.destination import Destination, PayloadFormat
from segbatch.deliveries.state import Kind
from segbatch.errors import ExportError, UsageError
from segbatch.observability.hook_runner import NOT_FOR_HOOKS, end_command
from segbatch.platform.shutdown import shutdown
from segbatch.platform.version import __version__
from segbatch.platform.webhook_url import check_webhook_url, expand_references, host_of

_STDERR = 2
_NOT_FOR_COMMANDS = (*NOT_FOR_HOOKS, "SEGBATCH_DELIVER")
"""Variables that the command does not get. A command that runs segbatch would otherwise trigger itself endlessly."""

_TYPES: dict[PayloadFormat, str] = {
    "ndjson": "application/x-ndjson",
    "parquet": "application/vnd.apache.parquet",
}
_BUSY = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.CONFLICT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS}
_LONGEST_PAUSE = 60.0


class SendError(ExportError):
    """The receiver did not confirm a delivery. The message has no ids and no secrets.

    Attributes:
        is_temporary: Whether another attempt may succeed.
        pause: The seconds that the receiver asks to wait before it; None if it did not ask.
    """

    def __init__(self, message: str, *, is_temporary: bool = True, pause: float | None = None) -> None:
        self.is_temporary, self.pause = is_temporary, pause
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Message:
    """A delivery, as a sender gets it.

    Attributes:
        key: The idempotency key: the same for each attempt.
        entered: The number of contacts that entered.
        exited: The number of contacts that left.
        path: The file with the rows.
    """

    destination: str
    segment_id: str
    run_id: str
    kind: Kind
    key: str
    entered: int
    exited: int
    format: PayloadFormat
    path: Path


class Sender(Protocol):
    """Sends deliveries to a destination."""

    def send(self, message: Message) -> None:
        """Make one attempt.

        Raises:
            SendError: The receiver did not confirm it.
        """


def open_sender(destination: Destination) -> Sender:
    """Return the sender of a destination.

    Raises:
        UsageError: The address or a header refers to a variable that is not set, or is not valid.
    """
    if destination.command is not None:
        return CommandSender(destination.command, destination.timeout)
    return WebhookSender.of(destination.name, destination.url or "", destination.headers, destination.timeout)


@dataclass(frozen=True, slots=True)
class CommandSender:
    """Runs a command with `/bin/sh` for each delivery.

    Attributes:
        timeout: The time limit, in seconds.
    """

    command: str
    timeout: float

    def send(self, message: Message) -> None:
        """Run the command, and wait for it. Exit status 0 confirms the delivery."""
        inherited = {name: value for name, value in os.environ.items() if name not in _NOT_FOR_COMMANDS}
        with message.path.open("rb") as rows:
            process = subprocess.Popen(  # noqa: S603 - the command is set by the user
                ["/bin/sh", "-c", self.command],
                stdin=rows,
                stdout=_STDERR,
                env=inherited | variables_of(message),
                process_group=0,
            )
        with shutdown.cleanup(lambda: _end_if_running(process)):
            try:
                ended = process.wait(self.timeout)
            except subprocess.TimeoutExpired:
                end_command(process)
                raise SendError(f"the command took longer than {self.timeout:g} s and was ended") from None
        if ended:
            raise SendError(f"the command ended with {ended if ended > 0 else 128 - ended}")


def _end_if_running(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        end_command(process)


def variables_of(message: Message) -> dict[str, str]:
    """Return the environment variables of a delivery."""
    return {
        "SEGBATCH_DESTINATION": message.destination,
        "SEGBATCH_SEGMENT_ID": message.segment_id,
        "SEGBATCH_RUN_ID": message.run_id,
        "SEGBATCH_DELIVERY": message.kind,
        "SEGBATCH_IDEMPOTENCY_KEY": message.key,
        "SEGBATCH_ENTERED": str(message.entered),
        "SEGBATCH_EXITED": str(message.exited),
        "SEGBATCH_DELIVERY_FILE": str(message.path),
    }


class _NoRedirects(HTTPRedirectHandler):
    """Follows no redirect: the request would become a GET without the rows, or send ids and secrets elsewhere."""

    def redirect_request(self, *_: Any) -> None:
        return None


@dataclass(frozen=True, slots=True)
class WebhookSender:
    """Posts each delivery to an address.

    Attributes:
        url: The address, with the values of variables.
        headers: The additional headers, with the values of variables.
        timeout: The time limit of each step of a request, in seconds.
    """

    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    timeout: float
    _opener: OpenerDirector = field(default_factory=lambda: build_opener(_NoRedirects), repr=False)

    @classmethod
    def of(cls, name: str, url: str, headers: Mapping[str, str], timeout: float) -> "WebhookSender":
        """Return a sender, with the variables in the address and in the headers replaced.

        Args:
            name: The name of the destination, for messages.

        Raises:
            UsageError: A variable is not set, or the result is not a valid address or header.
        """
        place = f"destinations.{name}.url"
        try:
            address = check_webhook_url(expand_references(url))
            values = dict[str, str]()
            for header, value in headers.items():
                place = f"destinations.{name}.headers.{header}"
                values[header] = _checked(expand_references(value))
        except UsageError as error:
            raise UsageError(f"{place}: {error}") from None
        return cls(address, values, timeout)

    def send(self, message: Message) -> None:
        """Post the rows. A status from 200 to 299 confirms the delivery."""
        with message.path.open("rb") as rows:
            size = message.path.stat().st_size
            headers = {**self.headers, **headers_of(message), "Content-Length": str(size)}
            request = Request(self.url, rows if size else b"", headers, method="POST")  # noqa: S310 - the scheme is checked
            try:
                self._opener.open(request, timeout=self.timeout).close()
            except HTTPError as error:
                with error:
                    raise self._rejected(error.code, error.headers) from None
            except (OSError, http.client.HTTPException) as error:
                raise SendError(f"{host_of(self.url)} {self._fault(error)}") from None

    def _rejected(self, status: int, headers: Any) -> SendError:
        is_temporary = status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in _BUSY
        redirect = "; redirects are not followed, set the final url" if 300 <= status < 400 else ""  # noqa: PLR2004 - HTTP
        pause = None
        with suppress(ValueError):
            pause = min(max(float(headers.get("Retry-After", "")), 0.0), _LONGEST_PAUSE)
        return SendError(f"{host_of(self.url)} answered {status}{redirect}", is_temporary=is_temporary, pause=pause)

    def _fault(self, error: Exception) -> str:
        """Describe an error. The texts of libraries may contain the address, which may be a secret."""
        reason = error.reason if isinstance(error, URLError) else error
        match reason:
            case TimeoutError():
                return f"did not answer within {self.timeout:g} s"
            case ssl.SSLCertVerificationError():
                return f"has no valid certificate: {reason.verify_message}"
            case OSError(strerror=str(text)):
                return f"cannot be reached: {text}"
            case _:
                return "did not answer as an HTTP server does"


def _checked(value: str) -> str:
    if not value.isprintable() or not value.isascii():
        raise UsageError("has characters that a header cannot have; use printable ASCII")
    return value


def headers_of(message: Message) -> Mapping[str, str]:
    """Return the headers of a delivery."""
    return {
        "Content-Type": _TYPES[message.format],
        "User-Agent": f"segbatch/{__version__}",
        "Idempotency-Key": message.key,
        "Segbatch-Destination": message.destination,
        "Segbatch-Segment-Id": message.segment_id,
        "Segbatch-Run-Id": message.run_id,
        "Segbatch-Delivery": message.kind,
        "Segbatch-Entered": str(message.entered),
        "Segbatch-Exited": str(message.exited),
    }
