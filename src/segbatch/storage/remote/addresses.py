"""The publication at an address, such as that of `--output`.

```
PATH                              a folder on a disk, which has no publication
s3://BUCKET/PREFIX and the like   plain Parquet files in object storage
delta+PATH, delta+s3://...        Delta tables
iceberg://CATALOG/NAMESPACE       Iceberg tables
```
"""

import re
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from segbatch.errors import PublishError, SnapshotError, UsageError
from segbatch.platform.urls import is_url, redact_url
from segbatch.snapshot.lakehouse.address import DELTA, TableAddress, is_iceberg_address, read_table_address
from segbatch.snapshot.object_store.url import Address, is_object_address, read_address
from segbatch.text import clipped

if TYPE_CHECKING:
    from segbatch.storage.remote.iceberg.tables import IcebergTables
    from segbatch.storage.remote.publication import Publication

_TARGETS = "runs are published to a folder, s3://, gs://, az://, delta+PATH or iceberg://CATALOG/NAMESPACE (--output)"
_ICEBERG = re.compile("iceberg:/*", re.IGNORECASE)
_NAMESPACE = re.compile(r"([^/@:]+)/([^/@:.]+(?:\.[^/@:.]+)*)/?")


def open_publication(output: str | Path) -> "Publication | None":
    """Return the publication at an address; None for a folder on a disk. No request is sent.

    Raises:
        UsageError: The text is a URL that runs cannot be published to.
    """
    text = str(output)
    if text.startswith(DELTA):
        return open_delta_publication(text)
    if is_object_address(text):
        from segbatch.storage.remote.object_store import ObjectStore  # noqa: PLC0415 - only if needed
        from segbatch.storage.remote.pointer_publication import PointerPublication  # noqa: PLC0415 - only if needed

        return PointerPublication(ObjectStore.at(text))
    if is_iceberg_address(text):
        from segbatch.storage.remote.iceberg.publication import IcebergPublication  # noqa: PLC0415 - only if needed

        return IcebergPublication(read_namespace(text))
    if is_url(text):
        raise UsageError(f"{redact_url(text)}: {_TARGETS}")
    return None


def open_delta_publication(text: str) -> "Publication":
    """Return the publication at an address of Delta tables. No request is sent.

    Raises:
        UsageError: The address is not valid, or the library deltalake is not installed.
    """
    address = _delta_address(text)
    try:
        from segbatch.storage.remote.delta.publication import DeltaPublication  # noqa: PLC0415 - needs an extra
        from segbatch.storage.remote.delta.tables import DeltaTables  # noqa: PLC0415 - needs an extra
    except ImportError:
        hint = "run: pip install 'segbatch[delta]'"
        message = "Delta tables are written with deltalake, which is not installed"
        raise UsageError(f"{address}: {message}; {hint}") from None
    if is_url(address.table):
        from segbatch.snapshot.object_store.delta_options import delta_url  # noqa: PLC0415 - only if needed
        from segbatch.storage.remote.clients import OF_OUTPUT  # noqa: PLC0415 - only if needed
        from segbatch.storage.remote.object_store import ObjectStore  # noqa: PLC0415 - only if needed

        store, place = ObjectStore.at(address.table), read_address(address.table, OF_OUTPUT)
        tables = DeltaTables(str(address), delta_url(place), cache(partial(_delta_options, place)))
        return DeltaPublication(store, tables)
    from segbatch.storage.remote.folder_store import FolderStore  # noqa: PLC0415 - only if needed

    path = Path(address.table).absolute()  # the name of the copy on this machine depends on it
    return DeltaPublication(FolderStore(path), DeltaTables(f"{DELTA}{path}", str(path)))


def read_namespace(text: str) -> "IcebergTables":
    """Return the Iceberg tables at an address. No request is sent.

    Raises:
        UsageError: The text does not have the form of such an address, or has credentials.
    """
    from segbatch.storage.remote.iceberg.tables import IcebergTables  # noqa: PLC0415 - only if needed

    found = _NAMESPACE.fullmatch(_ICEBERG.sub("", text, count=1))
    if found is None:
        shown = clipped(redact_url(text))
        raise UsageError(f"{shown}: is not the address of a namespace; write iceberg://CATALOG/NAMESPACE (--output)")
    return IcebergTables(found[1], found[2])


def _delta_address(text: str) -> TableAddress:
    address = read_table_address(text)
    if address.version is not None:
        newest = address.at(None)
        raise UsageError(f"{address}: runs cannot be published to a version of a table; write {newest} (--output)")
    if not is_url(address.table) and "%" in str(Path(address.table).absolute()):
        raise UsageError(f"{address}: deltalake cannot open a table whose path has a '%'; publish elsewhere (--output)")
    return address


def _delta_options(place: Address) -> dict[str, str]:
    from segbatch.snapshot.object_store.clients import Bucket  # noqa: PLC0415 - only if needed
    from segbatch.snapshot.object_store.delta_options import delta_options  # noqa: PLC0415 - only if needed

    try:
        return delta_options(place, Bucket(place))
    except SnapshotError as error:
        raise PublishError(str(error)) from None
