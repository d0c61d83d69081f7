"""The publication at an address of Delta tables: `delta+PATH`, `delta+s3://BUCKET/PREFIX` and the like."""

from functools import cache
from pathlib import Path

from segbatch.errors import PublishError, SnapshotError, UsageError
from segbatch.platform.urls import is_url
from segbatch.snapshot.lakehouse.address import DELTA, TableAddress, read_table_address
from segbatch.snapshot.object_store.clients import Bucket
from segbatch.snapshot.object_store.delta_options import delta_options, delta_url
from segbatch.snapshot.object_store.url import Address, read_address
from segbatch.storage.remote.clients import OF_OUTPUT
from segbatch.storage.remote.folder_store import FolderStore
from segbatch.storage.remote.object_store import ObjectStore
from segbatch.storage.remote.publication import Publication


def open_delta_publication(text: str) -> Publication:
    """Return the publication at an address. No request is sent.

    Raises:
        UsageError: The address is not valid, or the library deltalake is not installed.
    """
    address = _address(text)
    try:
        from segbatch.storage.remote.delta.publication import DeltaPublication  # noqa: PLC0415 - needs an extra
        from segbatch.storage.remote.delta.tables import DeltaTables  # noqa: PLC0415 - needs an extra
    except ImportError:
        hint = "run: pip install 'segbatch[delta]'"
        message = "Delta tables are written with deltalake, which is not installed"
        raise UsageError(f"{address}: {message}; {hint}") from None
    if is_url(address.table):
        store, place = ObjectStore.at(address.table), read_address(address.table, OF_OUTPUT)
        return DeltaPublication(store, DeltaTables(str(address), delta_url(place), cache(lambda: _options(place))))
    path = Path(address.table).absolute()  # the name of the copy on this machine depends on it
    return DeltaPublication(FolderStore(path), DeltaTables(f"{DELTA}{path}", str(path)))


def _address(text: str) -> TableAddress:
    address = read_table_address(text)
    if address.version is not None:
        newest = address.at(None)
        raise UsageError(f"{address}: runs cannot be published to a version of a table; write {newest} (--output)")
    if not is_url(address.table) and "%" in str(Path(address.table).absolute()):
        raise UsageError(f"{address}: deltalake cannot open a table whose path has a '%'; publish elsewhere (--output)")
    return address


def _options(place: Address) -> dict[str, str]:
    try:
        return delta_options(place, Bucket(place))
    except SnapshotError as error:
        raise PublishError(str(error)) from None
