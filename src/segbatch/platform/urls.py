"""URLs such as `s3://bucket/key`, and their display without secrets."""

import re

_ADDRESS = re.compile("[A-Za-z][A-Za-z0-9+.-]+:/")
"""The beginning of a URL, also if it was converted to a path and lost a slash."""

_SLASHES = re.compile(":/+")
_USER = re.compile("^(?!abfs)([A-Za-z][A-Za-z0-9+.-]*:/+)(?:[^/]*:.*|[^/@]*)@", re.DOTALL)
"""User info before an `@`; a password can contain slashes. In Azure URLs, this part is a container and not secret."""

_QUERY = re.compile(r"^(https?:[^?]*)\?.*", re.DOTALL | re.IGNORECASE)


def is_url(text: str) -> bool:
    """Return whether a text is a URL rather than a path."""
    return _ADDRESS.match(text) is not None


def redact_url(text: str) -> str:
    """Return a URL without passwords and signatures, and with both slashes. Paths are returned unchanged."""
    if not is_url(text):
        return text
    return _SLASHES.sub("://", _QUERY.sub(r"\1", _USER.sub(r"\1", text)), count=1)
