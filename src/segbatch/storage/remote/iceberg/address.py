"""Addresses of outputs in Iceberg: `iceberg://CATALOG/NAMESPACE`."""

import re

from segbatch.errors import UsageError
from segbatch.platform.urls import redact_url
from segbatch.storage.remote.iceberg.tables import IcebergTables
from segbatch.text import clipped

_ICEBERG = re.compile("iceberg:/*", re.IGNORECASE)
_NAMESPACE = re.compile(r"([^/@:]+)/([^/@:.]+(?:\.[^/@:.]+)*)/?")


def read_namespace(text: str) -> IcebergTables:
    """Return the tables at the address of an output. No request is sent.

    Raises:
        UsageError: The text does not have the form of such an address, or has credentials.
    """
    found = _NAMESPACE.fullmatch(_ICEBERG.sub("", text, count=1))
    if found is None:
        shown = clipped(redact_url(text))
        raise UsageError(f"{shown}: is not the address of a namespace; write iceberg://CATALOG/NAMESPACE (--output)")
    return IcebergTables(found[1], found[2])
