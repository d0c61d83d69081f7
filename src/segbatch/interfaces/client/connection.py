"""The server's URL, the API key and the project, from arguments or environment variables."""

import os
from dataclasses import dataclass, field

import httpx

from segbatch.errors import UsageError
from segbatch.text import shown
from segbatch.version import __version__

URL_VARIABLE = "SEGBATCH_API_URL"
KEY_VARIABLE = "SEGBATCH_API_KEY"
PROJECT_VARIABLE = "SEGBATCH_PROJECT_ID"

_PREFIXES = ("/api/v1", "/api/v1/contacts", "/api/v1/contacts/segments")


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


def read_target(base_url: str | None, api_key: str | None, project_id: str | None) -> Target:
    """Read the server's URL, the API key and the project.

    Args:
        base_url: The URL of the server; by default the value of SEGBATCH_API_URL.
        api_key: The secret of an API key; by default the value of SEGBATCH_API_KEY, if set.
        project_id: The project; by default the value of SEGBATCH_PROJECT_ID, if set.

    Raises:
        UsageError: A value is not valid, or the URL is missing.
    """
    url = _else("base_url", base_url, URL_VARIABLE)
    key = _else("api_key", api_key, KEY_VARIABLE)
    project = _else("project_id", project_id, PROJECT_VARIABLE)
    if url is None:
        raise UsageError(f"say where the server is, by base_url or {URL_VARIABLE}, such as http://localhost:8765")
    return Target(_read_url(url), None if key is None else _read_key(key), _read_project(project))


def _else(name: str, given: object, variable: str) -> str | None:
    """Return the given value or the variable's. An empty variable counts as unset, as everywhere in segbatch."""
    if given is None:
        return os.environ.get(variable) or None
    if not isinstance(given, str):  # the message does not show the value, which may be a key
        raise UsageError(f"{name} cannot be of type '{type(given).__name__}'; it is a text")
    return given


def _read_url(text: str) -> str:
    example = "it looks like http://localhost:8765"
    try:
        url = httpx.URL(text.strip())
    except httpx.InvalidURL:
        raise UsageError(f"{shown(text)} is no base URL; {example}") from None
    if url.userinfo:  # the message does not show the URL, which has a password
        raise UsageError("the base URL has a user or a password in it; leave it out, and give api_key")
    if url.scheme not in {"http", "https"} or not url.host:
        raise UsageError(f"{shown(text)} is no base URL; {example}")
    if url.query or url.fragment:
        raise UsageError(f"the base URL {shown(text)} has a query or a fragment; leave it out")
    base = str(url).rstrip("/")
    if base.endswith(_PREFIXES):
        raise UsageError(f"the base URL {shown(text)} is that of the API; leave out its path, from /api/v1 on")
    return base


def _read_key(text: str) -> str:
    """Return a valid key. White space is removed, because keys are often read from files that end with a line break.

    Messages about a key never show it.
    """
    key = text.strip()
    if not key:
        raise UsageError(f"the key is empty; is a variable not set? (api_key or {KEY_VARIABLE})")
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise UsageError("the key has characters that no key has; is it something else? (api_key)")
    return key


def _read_project(text: str | None) -> str | None:
    if text is not None and (not text.strip() or not text.isprintable()):
        raise UsageError(f"{shown(text)} is no project (project_id or {PROJECT_VARIABLE})")
    return text
