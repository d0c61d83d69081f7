"""What a request is for, whichever way its first line says so (RFC 9112, section 3.2)."""

import re
from collections.abc import MutableMapping
from typing import Any
from urllib.parse import unquote

__all__ = ["in_origin_form", "is_framed_twice"]

_ABSOLUTE = re.compile(rb"https?://([^/]*)(/.*)?", re.IGNORECASE)


def in_origin_form(scope: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Return a request for `http://host/path`, as proxies send it, as one for `/path` of that host."""
    match = _ABSOLUTE.fullmatch(scope["raw_path"])
    if match is None:
        return scope
    host, path = match[1], match[2] or b"/"
    headers = [(b"host", host), *(header for header in scope["headers"] if header[0] != b"host")]
    return {**scope, "path": unquote(path.decode("ascii")), "raw_path": path, "headers": headers}


def is_framed_twice(scope: MutableMapping[str, Any]) -> bool:
    """Tell whether a request says in two ways where it ends, so that a proxy could see another end than the server."""
    return {b"content-length", b"transfer-encoding"} <= {name for name, _ in scope["headers"]}
