"""The address of an output that views are made of, which needs no access to it."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from segbatch.errors import UsageError
from segbatch.platform.urls import is_url, redact_url

OutputFormat = Literal["parquet", "delta", "iceberg"]

_DELTA = "delta+"
_STORES = ("s3://", "gs://", "az://", "abfss://")
_ICEBERG = re.compile(r"iceberg://([^/@:]+)/([^/@:]+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class OutputAddress:
    """An output that is not a folder on this machine.

    Attributes:
        location: The URL or the absolute path below which the files are; the catalog's name for Iceberg.
        namespace: The namespace of the tables in an Iceberg catalog; else empty.
    """

    format: OutputFormat
    location: str
    namespace: str = ""

    def __str__(self) -> str:
        """Return the address as a user would write it."""
        match self.format:
            case "parquet":
                return self.location
            case "delta":
                return f"{_DELTA}{self.location}"
            case "iceberg":
                return f"iceberg://{self.location}/{self.namespace}"


def read_output_address(text: str) -> OutputAddress:
    """Parse the address of an output.

    Raises:
        UsageError: It is a folder, which has its tables in `segbatch.duckdb`, or no address of an output.
    """
    shown = redact_url(text)
    if shown.count("@") < text.count("@"):
        raise UsageError(f"{shown}: the address has credentials; leave them out, views have none (--output)")
    if found := _ICEBERG.fullmatch(text):
        return OutputAddress("iceberg", found[1], found[2])
    if text.startswith(_DELTA):
        return OutputAddress("delta", _location(text.removeprefix(_DELTA), shown))
    if not is_url(text):
        message = "is a folder on this machine, which has its views in segbatch.duckdb; open that with DuckDB"
        raise UsageError(f"{shown}: {message}, or give an output in object storage, Delta or Iceberg (--output)")
    return OutputAddress("parquet", _location(text, shown))


def _location(text: str, shown: str) -> str:
    """Return a URL of object storage or an absolute path, without a slash at the end.

    Raises:
        UsageError: It is neither.
    """
    if not text.strip("/"):
        raise UsageError(f"{shown}: has no path; write delta+PATH or delta+s3://BUCKET/PREFIX (--output)")
    if not is_url(text):
        return str(Path(text).resolve())
    scheme = next((scheme for scheme in _STORES if text.startswith(scheme)), None)
    if scheme is None or not text.removeprefix(scheme).strip("/"):
        forms = "s3://BUCKET/PREFIX (also gs://, az://, abfss://), delta+ADDRESS or iceberg://CATALOG/NAMESPACE"
        raise UsageError(f"{shown}: is not the address of an output; write {forms} (--output)")
    return text.rstrip("/")
