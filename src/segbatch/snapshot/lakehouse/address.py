"""Addresses of Delta and Iceberg tables: `delta+PATH[@VERSION]` and `iceberg://CATALOG/NAMESPACE.TABLE[@SNAPSHOT]`."""

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from segbatch.errors import UsageError
from segbatch.platform.urls import redact_url
from segbatch.text import clipped

if TYPE_CHECKING:
    from segbatch.model.input_records import SourceRecord

TableFormat = Literal["delta", "iceberg"]

DELTA = "delta+"
_ICEBERG = re.compile("iceberg:/*", re.IGNORECASE)
_VERSION = re.compile(r"(.*?)@([0-9]*)", re.DOTALL)
_MOST_DIGITS = 19
_ICEBERG_TABLE = re.compile(r"[^/@:]+/[^/@:.]+(?:\.[^/@:.]+)+")

_NAMES: dict[TableFormat, str] = {"delta": "Delta", "iceberg": "Iceberg"}


@dataclass(frozen=True, slots=True)
class TableAddress:
    """The address of a table, or of one version of it.

    Attributes:
        table: The path or URL of a Delta table; the catalog, namespace and name of an Iceberg table.
        version: The version of a Delta table, or the snapshot of an Iceberg table; None for the newest one.
    """

    format: TableFormat
    table: str
    version: int | None = None

    def __str__(self) -> str:
        """Return the address as a user would write it."""
        prefix = DELTA if self.format == "delta" else "iceberg://"
        if self.version is None:
            return f"{prefix}{self.table}@" if _VERSION.fullmatch(self.table) else f"{prefix}{self.table}"
        return f"{prefix}{self.table}@{self.version}"

    @property
    def words(self) -> str:
        """The format and the version in words, for messages."""
        unit = "version" if self.format == "delta" else "snapshot"
        of = "" if self.version is None else f"{unit} {self.version} of "
        return f"{of}the {_NAMES[self.format]} table"

    def at(self, version: int | None) -> "TableAddress":
        """Return the address of a version of the table."""
        return replace(self, version=version)


def is_table_address(text: str) -> bool:
    """Return whether a text is the address of a table rather than a path or the address of files."""
    return text.startswith(DELTA) or is_iceberg_address(text)


def is_iceberg_address(text: str) -> bool:
    """Return whether a text is the address of something in an Iceberg catalog."""
    return _ICEBERG.match(text) is not None


def read_table_address(text: str) -> TableAddress:
    """Parse the address of a table.

    Digits after the last `@` are the version. After a path that ends in `@` and digits itself, a version or another `@`
    follows.

    Raises:
        UsageError: The table is missing, or the address does not have the form of a table's address or has credentials.
    """
    if redact_url(text).count("@") < text.count("@"):
        raise UsageError(f"{_shown(text)}: the address has credentials; set them in the environment")
    if text.startswith(DELTA):
        table, version = _split(text.removeprefix(DELTA), text)
        table = table.rstrip("/") or table[:1]
        if not table:
            raise UsageError(f"{_shown(text)}: has no path; write delta+PATH or delta+PATH@VERSION")
        return TableAddress("delta", table, version)
    table, version = _split(_ICEBERG.sub("", text, count=1), text)
    if not _ICEBERG_TABLE.fullmatch(table):
        form = "iceberg://CATALOG/NAMESPACE.TABLE or iceberg://CATALOG/NAMESPACE.TABLE@SNAPSHOT"
        raise UsageError(f"{_shown(text)}: is not the address of an Iceberg table; write {form}")
    return TableAddress("iceberg", table, version)


def address_of(source: "SourceRecord") -> TableAddress:
    """Return the address of the version of a table that a run read."""
    return TableAddress(source.format, source.table, source.version)


def _split(text: str, address: str) -> tuple[str, int | None]:
    found = _VERSION.fullmatch(text)
    if found is None:
        return text, None
    if len(found[2]) > _MOST_DIGITS:
        raise UsageError(f"{_shown(address)}: the version after '@' has too many digits")
    return found[1], int(found[2]) if found[2] else None


def _shown(text: str) -> str:
    return clipped(redact_url(text))
