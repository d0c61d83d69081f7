"""Addresses of webhooks: what is allowed, the variables in them, and their display without secrets."""

import os
import re
from collections.abc import Mapping
from urllib.parse import SplitResult, urlsplit

from segbatch.errors import UsageError
from segbatch.text import shown

_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_LOCAL = {"localhost", "127.0.0.1", "::1"}
_FIRST_VISIBLE, _LAST_VISIBLE = 0x21, 0x7E


def has_references(text: str) -> bool:
    """Return whether a text refers to environment variables, as `${NAME}`."""
    return _REFERENCE.search(text) is not None


def expand_references(text: str, variables: Mapping[str, str] = os.environ) -> str:
    """Replace each `${NAME}` by the value of the environment variable.

    Raises:
        UsageError: A variable is not set, or is empty.
    """

    def value(found: re.Match[str]) -> str:
        if not variables.get(found[1]):
            raise UsageError(f"the environment variable {found[1]} is not set")
        return variables[found[1]]

    return _REFERENCE.sub(value, text)


def check_webhook_url(url: str) -> str:
    """Return the address of a webhook. No message contains the address, which may be a secret.

    Raises:
        UsageError: It is not an `https` address, or contains a password. `http` is allowed on this machine only.
    """
    parts = _split(url)
    if parts is None or parts.scheme not in {"http", "https"} or not parts.hostname:
        raise UsageError("is not an address such as https://example.com/hook")
    if parts.scheme == "http" and parts.hostname not in _LOCAL:
        host = shown(parts.hostname)
        raise UsageError(f"sends ids to {host} without encryption; use https, or http to localhost only")
    if parts.username is not None or parts.password is not None:
        raise UsageError("contains a user name or a password; write a header such as Authorization instead")
    return url


def host_of(url: str) -> str:
    """Return the scheme, the host and the port of an address: the part that is not secret."""
    parts = _split(url)
    if parts is None or not parts.hostname:
        return "the address"
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}" + (f":{parts.port}" if parts.port else "")


def _split(url: str) -> SplitResult | None:
    """Return the parts of an address; None if it is not valid."""
    if not all(_FIRST_VISIBLE <= ord(char) <= _LAST_VISIBLE for char in url):
        return None
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - raises an error if it is not a number
    except ValueError:
        return None
    return parts
