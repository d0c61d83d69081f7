"""Base class of both clients."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from segbatch.errors import UsageError
from segbatch.interfaces.client.connection import read_target
from segbatch.interfaces.client.endpoints import Calls
from segbatch.interfaces.client.retry import Ask
from segbatch.text import cut, printable, shown

LIMITS = httpx.Limits(max_connections=100, max_keepalive_connections=20, keepalive_expiry=2.0)
"""The limits on connections. Idle ones are closed before the server does, which could cut off a request being sent."""

_LONGEST_TIMEOUT = 24 * 60 * 60.0


@contextmanager
def connecting() -> Iterator[None]:
    """Translate errors that httpx raises when it is set up. It reads proxies and certificates from the environment.

    Raises:
        UsageError: The values in the environment cannot be used.
    """
    try:
        yield
    except (ImportError, OSError, ValueError, httpx.InvalidURL) as error:
        what = (
            "what the environment says of proxies or certificates cannot be used (HTTP_PROXY, SSL_CERT_FILE and others)"
        )
        raise UsageError(f"{what}: {printable(str(error))}") from None


class BaseClient:
    """The server, key, project, timeout and retries of a client. The `repr` does not include the key."""

    def __init__(
        self, base_url: str | None, api_key: str | None, project_id: str | None, timeout: float, retries: int
    ) -> None:
        self._timeout = _seconds(timeout)
        self._target = read_target(base_url, api_key, project_id)
        self._calls = Calls(self._target.base_url, retries)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._target.base_url!r}, project_id={self._target.project_id!r})"

    def _arguments(self, ask: Ask) -> dict[str, Any]:
        """Return the arguments of a request for httpx.

        Raises:
            UsageError: The URL is not valid.
        """
        try:
            url = httpx.URL(self._target.base_url + ask.path).copy_merge_params(ask.params)
        except httpx.InvalidURL as error:
            what = cut(printable(self._target.base_url + ask.path))
            raise UsageError(f"{what} cannot be asked for: {error}") from None
        return {
            "method": ask.method,
            "url": url,
            "headers": ask.headers,
            "content": ask.content,
            "timeout": max(self._timeout, ask.patience or 0.0),
        }


def _seconds(timeout: object) -> float:
    if isinstance(timeout, bool) or not isinstance(timeout, int | float) or not 0 < timeout <= _LONGEST_TIMEOUT:
        raise UsageError(f"timeout cannot be {shown(timeout)}; it is a number of seconds, a day's at most")
    return timeout
