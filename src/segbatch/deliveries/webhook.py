"""Sending a delivery to a webhook, as the body of a POST request."""

import http.client
import ssl
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import HTTPRedirectHandler, OpenerDirector, Request, build_opener

from segbatch.deliveries.destination import PayloadFormat
from segbatch.deliveries.sender import Message, SendError
from segbatch.errors import UsageError
from segbatch.platform.webhook_url import check_webhook_url, expand_references, host_of
from segbatch.version import __version__

_TYPES: dict[PayloadFormat, str] = {
    "ndjson": "application/x-ndjson",
    "parquet": "application/vnd.apache.parquet",
}
_BUSY = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.CONFLICT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS}
_LONGEST_PAUSE = 60.0


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
