"""Addresses such as `s3://bucket/key`, which are no paths, and how they may be shown."""

import re

__all__ = ["is_address", "without_secrets"]

_ADDRESS = re.compile("[A-Za-z][A-Za-z0-9+.-]+:/")
"""What an address begins with, also where it became a path and lost a slash."""

_SLASHES = re.compile(":/+")
_USER = re.compile("^(?!abfs)([A-Za-z][A-Za-z0-9+.-]*:/+)(?:[^/]*:.*|[^/@]*)@", re.DOTALL)
"""Who stands before an `@`; a password can have slashes. In Azure's addresses it is a container, and no secret."""

_QUERY = re.compile(r"^(https?:[^?]*)\?.*", re.DOTALL | re.IGNORECASE)


def is_address(text: str) -> bool:
    """Tell whether a text is an address, and no path."""
    return _ADDRESS.match(text) is not None


def without_secrets(text: str) -> str:
    """Write an address without what may be a password or a signature, and with both of its slashes; a path as it is."""
    if not is_address(text):
        return text
    return _SLASHES.sub("://", _QUERY.sub(r"\1", _USER.sub(r"\1", text)), count=1)
