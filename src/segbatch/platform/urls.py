"""URLs such as `s3://bucket/key`, and their display without secrets."""

import re
from pathlib import Path

from segbatch.platform.database_url import is_database_url, redact_database_url

_ADDRESS = re.compile("[A-Za-z][A-Za-z0-9+.-]+:/")
"""The beginning of a URL, also if it was converted to a path and lost a slash."""

_SLASHES = re.compile(":/+")
_USER = re.compile(r"^(?!(?:delta\+)?abfs)([A-Za-z][A-Za-z0-9+.-]*:/+)(?:[^/]*:.*|[^/@]*)@", re.DOTALL)
"""User info before an `@`; a password can contain slashes. In Azure URLs, this part is a container and not secret."""

_QUERY = re.compile(r"^(https?:[^?]*)\?.*", re.DOTALL | re.IGNORECASE)

_PARAMETERS = re.compile(r"^(sc:/+[^/?#;]*/?).*", re.DOTALL)
"""The parameters of a Spark Connect server, one of which is a token, also if they are written in another form."""

_TYPO = re.compile(
    r"^(postgres(?:ql)?|snowflake|bigquery|grpc(?:\+\w+)?|[a-z][a-z0-9+.-]*(?=//))\b.*:.*@", re.DOTALL | re.IGNORECASE
)
"""The beginning of a URL whose colon or slashes are missing, up to the end of a user and a password."""

_IN_ARGUMENT = re.compile(r"(\A|=)([A-Za-z][A-Za-z0-9+.-]+:/.*)", re.DOTALL)


def is_url(text: str) -> bool:
    """Return whether a text is a URL rather than a path."""
    return _ADDRESS.match(text) is not None


def is_output_address(text: str) -> bool:
    """Return whether the text of an output is an address rather than the path of a folder."""
    return text.startswith("delta+") or is_url(text)


def full_output(output: str | Path) -> str:
    """Return an output as hooks, logs and metrics name it: an absolute path, or an address without credentials."""
    text = str(output)
    return redact_url(text) if is_output_address(text) else str(Path(text).absolute())


def redact_url(text: str) -> str:
    """Return a URL without passwords and signatures, and with both slashes. Paths are returned unchanged.

    A text that looks like a mistyped URL with a password is reduced, too.
    """
    if not is_url(text):
        return _TYPO.sub(r"\1//...@", text)
    if is_database_url(text):
        return redact_database_url(text)
    shown = _PARAMETERS.sub(r"\1", _QUERY.sub(r"\1", _USER.sub(r"\1", text)))
    return _SLASHES.sub("://", shown, count=1)


def redact_argument(text: str) -> str:
    """Return an argument such as `--contacts=URL` or `orders=URL` with the URL as `redact_url` shows it."""
    return _IN_ARGUMENT.sub(lambda found: found[1] + redact_url(found[2]), text, count=1)
