"""Which objects make up a snapshot: one, those of a folder, or those that match a pattern."""

import fnmatch
import glob
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import islice
from typing import Any

from pyarrow import fs

from segbatch.contacts.remote.address import Address, read_address
from segbatch.contacts.remote.faults import telling
from segbatch.contacts.remote.objects import RemoteFile
from segbatch.contacts.remote.stores import Store, open_store
from segbatch.contacts.remote.waiting import within
from segbatch.errors import SnapshotError, did_you_mean

__all__ = ["find_objects", "objects_at"]

_LISTING = 600.0
"""How many seconds it may take to list many objects."""

_LOOKED_AT = 1_000


def objects_at(texts: Iterable[str]) -> list[RemoteFile]:
    """Name objects; nothing is asked of them yet.

    Raises:
        UsageError: One is no address, or the environment lacks something.
    """
    addresses = [read_address(text) for text in texts]
    roots = {address.root: address for address in addresses}
    stores = {root: open_store(address) for root, address in roots.items()}
    return [RemoteFile(stores[address.root], address) for address in addresses]


def find_objects(text: str) -> list[RemoteFile]:
    """Find the objects of a snapshot.

    Args:
        text: The address of an object, of a folder (`*.parquet` in it, hidden ones and those with a leading `_` left
            out), or a pattern such as `s3://bucket/export/**/*.parquet`.

    Returns:
        The objects, sorted by name; at least one.

    Raises:
        UsageError: It is no address, or the environment lacks something.
        SnapshotError: There is none, or they cannot be listed.
    """
    address = read_address(text)
    store = open_store(address)
    with telling(address):
        kind = within(lambda: store.get_file_info(address.path)).type
        if kind == fs.FileType.File and not address.key.endswith("/"):
            return [RemoteFile(store, address)]
        if kind == fs.FileType.Directory:
            found = sorted(_in_folder(store, address), key=str)
        elif glob.has_magic(address.key):
            found = sorted(_matching(store, address), key=str)
        else:
            raise SnapshotError(f"{address}: {_nothing(store, address)}")
    return [RemoteFile(store, one) for one in found]


def _in_folder(store: Store, address: Address) -> list[Address]:
    entries = list(_entries(store, address.path))
    files = [address.at(entry.path) for entry in entries if entry.is_file and _is_to_read(entry.base_name)]
    if files:
        return files
    below = islice(_entries(store, address.path, recursive=True), _LOOKED_AT)
    if any(entry.base_name.endswith(".parquet") for entry in below):
        pattern = f"{address.root}/{address.key}".rstrip("/")
        raise SnapshotError(f"{address}: has no .parquet object; for those below it write '{pattern}/**/*.parquet'")
    raise SnapshotError(f"{address}: has no .parquet object; export the contacts")


def _matching(store: Store, address: Address) -> list[Address]:
    parts = address.key.split("/")
    named = next(number for number, part in enumerate(parts) if glob.has_magic(part))
    base = "/".join([address.bucket, *parts[:named]])
    found = [
        one
        for entry in _entries(store, base, recursive="**" in parts or len(parts) > named + 1)
        if entry.is_file
        and _matches((one := address.at(entry.path)).key.split("/"), parts)
        and _is_shown(one.key, named)
    ]
    if not found:
        reason = _no_bucket(store, address) or "matches no object; check the path of the export"
        raise SnapshotError(f"{address}: {reason}")
    return found


def _matches(names: list[str], parts: list[str]) -> bool:
    """Tell whether the parts of a key match those of a pattern; `**` stands for any number of them."""
    if not parts:
        return not names
    if parts[0] == "**":
        return any(_matches(names[skipped:], parts[1:]) for skipped in range(len(names) + 1))
    return bool(names) and fnmatch.fnmatchcase(names[0], parts[0]) and _matches(names[1:], parts[1:])


def _is_shown(key: str, named: int) -> bool:
    return not any(part.startswith(("_", ".")) for part in key.split("/")[named:])


def _is_to_read(name: str) -> bool:
    return name.endswith(".parquet") and not name.startswith(("_", "."))


def _entries(store: Store, path: str, *, recursive: bool = False) -> Iterator[Any]:
    selector = fs.FileSelector(path, recursive=recursive, allow_not_found=True)
    return iter(within(lambda: store.get_file_info(selector), _LISTING))


def _nothing(store: Store, address: Address) -> str:
    """Tell what is wrong with an address at which nothing is."""
    if no_bucket := _no_bucket(store, address):
        return no_bucket
    near = ""
    with suppress(OSError):
        folder, _, name = address.path.rpartition("/")
        near = did_you_mean(name, [entry.base_name for entry in _entries(store, folder)])
    return f"no such object{near or '; check the path of the export'}"


def _no_bucket(store: Store, address: Address) -> str | None:
    is_missing = within(lambda: store.get_file_info(address.bucket)).type == fs.FileType.NotFound
    return "there is no such bucket; check its name" if is_missing else None
