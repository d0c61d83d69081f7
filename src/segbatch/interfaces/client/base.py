"""Base class of both clients: the server's URL, the API key, the project, and the settings of connections."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from segbatch.errors import UsageError
from segbatch.interfaces.client.endpoints import Calls
from segbatch.interfaces.client.retry import Request
from segbatch.platform.version import __version__
from segbatch.text import cut, printable, shown

_URL_VARIABLE = "SEGBATCH_API_URL"
_KEY_VARIABLE = "SEGBATCH_API_KEY"
_PROJECT_VARIABLE = "SEGBATCH_PROJECT_ID"

_PREFIXES = ("/api/v1", "/api/v1/contacts", "/api/v1/contacts/segments")
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
        what = "the environment has proxies or certificates that cannot be used (HTTP_PROXY, SSL_CERT_FILE and others)"
        raise UsageError(f"{what}: {printable(str(error))}") from None


@dataclass(frozen=True, slots=True)
class Target:
    """The server's URL, the API key and the project.

    Attributes:
        base_url: The URL of the server, without a trailing slash.
        key: The secret of an API key, if any. The `repr` does not include it.
        project_id: The project to work on, if given.
    """

    base_url: str
    key: str | None = field(repr=False)
    project_id: str | None

    @property
    def headers(self) -> dict[bytes, bytes]:
        """Return the headers that every request has."""
        found = {b"User-Agent": f"segbatch/{__version__}".encode()}
        if self.key is not None:
            found[b"Authorization"] = f"Bearer {self.key}".encode()
        if self.project_id is not None:
            found[b"X-Project-ID"] = self.project_id.encode()
        return found


class BaseClient:
    """The server, key, project, timeout and retries of a client. The `repr` does not include the key."""

    def __init__(
        self, base_url: str | None, api_key: str | None, project_id: str | None, timeout: float, retries: int
    ) -> None:
        self._timeout = _seconds(timeout)
        self._target = _read_target(base_url, api_key, project_id)
        self._calls = Calls(self._target.base_url, retries)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._target.base_url!r}, project_id={self._target.project_id!r})"

    def _arguments(self, request: Request) -> dict[str, Any]:
        """Return the arguments of a request for httpx.

        Raises:
            UsageError: The URL is not valid.
        """
        try:
            url = httpx.URL(self._target.base_url + request.path).copy_merge_params(request.params)
        except httpx.InvalidURL as error:
            what = cut(printable(self._target.base_url + request.path))
            raise UsageError(f"{what} is not a valid URL: {error}") from None
        return {
            "method": request.method,
            "url": url,
            "headers": request.headers,
            "content": request.content,
            "timeout": max(self._timeout, request.min_timeout or 0.0),
        }


def _seconds(timeout: object) -> float:
    if isinstance(timeout, bool) or not isinstance(timeout, int | float) or not 0 < timeout <= _LONGEST_TIMEOUT:
        raise UsageError(f"timeout must be a number of seconds, at most a day; found {shown(timeout)}")
    return timeout


def _read_target(base_url: str | None, api_key: str | None, project_id: str | None) -> Target:
    """Read the server's URL, the API key and the project.

    Args:
        base_url: The URL of the server; by default the value of SEGBATCH_API_URL.
        api_key: The secret of an API key; by default the value of SEGBATCH_API_KEY, if set.
        project_id: The project; by default the value of SEGBATCH_PROJECT_ID, if set.

    Raises:
        UsageError: A value is not valid, or the URL is missing.
    """
    url = _argument_or_variable("base_url", base_url, _URL_VARIABLE)
    key = _argument_or_variable("api_key", api_key, _KEY_VARIABLE)
    project = _argument_or_variable("project_id", project_id, _PROJECT_VARIABLE)
    if url is None:
        raise UsageError(
            f"the server's URL is missing; pass base_url or set {_URL_VARIABLE}, such as http://localhost:8765"
        )
    return Target(_read_url(url), None if key is None else _read_key(key), _read_project(project))


def _argument_or_variable(name: str, given: object, variable: str) -> str | None:
    """Return the given value or the variable's. An empty variable counts as unset, as everywhere in segbatch."""
    if given is None:
        return os.environ.get(variable) or None
    if not isinstance(given, str):  # the message does not show the value, which may be a key
        raise UsageError(f"{name} must be a text; found '{type(given).__name__}'")
    return given


def _read_url(text: str) -> str:
    example = "use one like http://localhost:8765"
    try:
        url = httpx.URL(text.strip())
    except httpx.InvalidURL:
        raise UsageError(f"{shown(text)} is not a base URL; {example}") from None
    if url.userinfo:  # the message does not show the URL, which has a password
        raise UsageError("the base URL contains a user or a password; remove it, and pass api_key")
    if url.scheme not in {"http", "https"} or not url.host:
        raise UsageError(f"{shown(text)} is not a base URL; {example}")
    if url.query or url.fragment:
        raise UsageError(f"the base URL {shown(text)} has a query or a fragment; remove it")
    base = str(url).rstrip("/")
    if base.endswith(_PREFIXES):
        raise UsageError(f"the base URL {shown(text)} includes the path of the API; remove it, from /api/v1 on")
    return base


def _read_key(text: str) -> str:
    """Return a valid key. White space is removed, because keys are often read from files that end with a line break.

    Messages about a key never show it.
    """
    key = text.strip()
    if not key:
        raise UsageError(f"the key is empty; is a variable not set? (api_key or {_KEY_VARIABLE})")
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise UsageError("the key has characters that keys cannot have; is it another value? (api_key)")
    return key


def _read_project(text: str | None) -> str | None:
    if text is not None and (not text.strip() or not text.isprintable()):
        raise UsageError(f"{shown(text)} is not a valid project id (project_id or {_PROJECT_VARIABLE})")
    return text
