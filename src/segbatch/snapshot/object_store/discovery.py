"""Discovery of the objects of a snapshot: one object, those of a folder, or those that match a glob."""

import fnmatch
import glob
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from itertools import islice
from pathlib import PurePosixPath
from typing import Any

import pyarrow as pa
from pyarrow import fs

from segbatch.errors import SnapshotError
from segbatch.snapshot.file_names import HEAD_SIZE, FileClassifier, is_hidden, is_in_progress, is_parquet_name
from segbatch.snapshot.hive_partitions import is_partition
from segbatch.snapshot.object_store.clients import Bucket, Store
from segbatch.snapshot.object_store.remote_file import RemoteFile
from segbatch.snapshot.object_store.requests import TIMEOUT, start, translate_errors, with_timeout
from segbatch.snapshot.object_store.url import Address, read_address
from segbatch.snapshot.source_words import OF_CONTACTS, SourceWords
from segbatch.snapshot.table_formats import LakeFormat, is_iceberg_metadata, table_error
from segbatch.text import did_you_mean

_LISTING = 600.0
"""Maximum number of seconds for listing many objects."""

_LOOKED_AT = 1_000
_FOLDERS_LOOKED_AT = 20


def find_objects(text: str, words: SourceWords = OF_CONTACTS) -> tuple[list[RemoteFile], FileClassifier]:
    """Find the objects of a snapshot.

    If the address is that of a folder, its Parquet objects and those in its `key=value` subfolders are read. Hidden
    names and names with a leading `_` are skipped.

    Args:
        text: The address of an object or folder, or a glob such as `s3://bucket/export/**/*.parquet`.
        words: The words for the snapshot in messages.

    Returns:
        The objects, sorted by name, at least one; and the names in a folder that are not read.

    Raises:
        UsageError: The address is not valid, or the environment lacks a setting.
        SnapshotError: No object was found, objects cannot be listed, or they belong to a Delta, Iceberg or Hudi table.
    """
    address, others = read_address(text, words), FileClassifier()
    bucket = Bucket(address)
    store = bucket.store
    with translate_errors(address):
        file_type = with_timeout(lambda: store.get_file_info(address.path)).type
        if file_type == fs.FileType.File and not address.key.endswith("/"):
            reject_tables(store, address.at(address.path.rpartition("/")[0]), (), [address], words)
            return [RemoteFile(bucket, address)], others
        if file_type == fs.FileType.Directory:
            found = sorted(_in_folder(bucket, address, others, words), key=str)
        elif glob.has_magic(address.key):
            found = sorted(_matching(store, address, words), key=str)
        else:
            raise SnapshotError(f"{address}: {_nothing(store, address)}")
    return [RemoteFile(bucket, one) for one in found], others


def _in_folder(bucket: Bucket, address: Address, others: FileClassifier, words: SourceWords) -> list[Address]:
    store = bucket.store
    entries = list(_entries(store, address.path))
    if any(not entry.is_file and is_partition(entry.base_name) for entry in entries):
        entries = [entry for entry in _entries(store, address.path, recursive=True) if entry.is_file]
    files = [address.at(entry.path) for entry in entries if entry.is_file and _takes(bucket, address, entry, others)]
    reject_tables(store, address, [entry.path for entry in entries], files, words)
    others.unread += _folders_beside(store, entries)
    if files:
        return files
    below = islice(_entries(store, address.path, recursive=True), _LOOKED_AT)
    if any(is_parquet_name(entry.base_name) for entry in below):
        pattern = f"{address.root}/{address.key}".rstrip("/")
        raise SnapshotError(f"{address}: has no .parquet object; for those below it write '{pattern}/**/*.parquet'")
    export = f"export {words.rows}"
    hint = f"it has {others.names}; {export} as Parquet" if others.unread else export
    raise SnapshotError(f"{address}: has no .parquet object; {hint}")


def _takes(bucket: Bucket, address: Address, entry: Any, others: FileClassifier) -> bool:
    """Return whether an object of a folder is read. If it is not read but looks like data, add its name to `others`."""
    *folders, name = _below(address, entry)
    outside = next((folder for folder in folders if not is_partition(folder) or is_hidden(folder)), None)
    if outside is None:
        return others.accepts(name, "/".join([*folders, name]), partial(_head, bucket, address.at(entry.path)))
    shown = "/".join(folders[: folders.index(outside) + 1]) + "/"
    is_data = is_in_progress(outside) or (not is_hidden(outside) and is_parquet_name(name))
    if is_data and shown not in others.unread:
        others.unread.append(shown)
    return False


def _folders_beside(store: Store, entries: Sequence[Any]) -> list[str]:
    """Return the first folders among `entries` that contain Parquet objects or are in progress, and are not read."""
    folders = [entry for entry in entries if not entry.is_file]
    beside = [entry for entry in folders if is_in_progress(entry.base_name) or not is_hidden(entry.base_name)]
    return [
        f"{entry.base_name}/"
        for entry in beside[:_FOLDERS_LOOKED_AT]
        if is_in_progress(entry.base_name) or any(is_parquet_name(one.base_name) for one in _entries(store, entry.path))
    ]


def _below(address: Address, entry: Any) -> list[str]:
    """Return the parts of an object's name below a folder."""
    return str(entry.path)[len(address.path) :].lstrip("/").split("/")


def _head(bucket: Bucket, address: Address) -> bytes | None:
    with suppress(SnapshotError), RemoteFile(bucket, address).open_footer() as source:
        return bytes(source.read(HEAD_SIZE))
    return None


def _matching(store: Store, address: Address, words: SourceWords) -> list[Address]:
    parts = address.key.split("/")
    named = next(number for number, part in enumerate(parts) if glob.has_magic(part))
    base = "/".join([address.bucket, *parts[:named]])
    entries = list(_entries(store, base, recursive="**" in parts or len(parts) > named + 1))
    found = [
        one
        for entry in entries
        if entry.is_file
        and _matches((one := address.at(entry.path)).key.split("/"), parts)
        and _is_shown(one.key, named)
    ]
    reject_tables(store, address.at(base), [entry.path for entry in entries], found, words)
    if not found:
        reason = _no_bucket(store, address) or "matches no object; check the path of the export"
        raise SnapshotError(f"{address}: {reason}")
    return found


def _matches(names: list[str], parts: list[str]) -> bool:
    """Return whether the parts of a key match those of a glob; `**` matches any number of parts."""
    if not parts:
        return not names
    if parts[0] == "**":
        return any(_matches(names[skipped:], parts[1:]) for skipped in range(len(names) + 1))
    return bool(names) and fnmatch.fnmatchcase(names[0], parts[0]) and _matches(names[1:], parts[1:])


def _is_shown(key: str, named: int) -> bool:
    return not any(map(is_hidden, key.split("/")[named:]))


def _entries(store: Store, path: str, *, recursive: bool = False) -> Iterator[Any]:
    selector = fs.FileSelector(path, recursive=recursive, allow_not_found=True)
    return iter(with_timeout(lambda: store.get_file_info(selector), _LISTING))


def _nothing(store: Store, address: Address) -> str:
    """Return the problem with an address that has no object."""
    if no_bucket := _no_bucket(store, address):
        return no_bucket
    near = ""
    with suppress(OSError):
        folder, _, name = address.path.rpartition("/")
        near = did_you_mean(name, [entry.base_name for entry in _entries(store, folder)])
    return f"no such object{near or '; check the path of the export'}"


def _no_bucket(store: Store, address: Address) -> str | None:
    is_missing = with_timeout(lambda: store.get_file_info(address.bucket)).type == fs.FileType.NotFound
    return "the bucket does not exist; check its name" if is_missing else None


_FOLDERS: dict[str, LakeFormat] = {"_delta_log": "Delta", ".hoodie": "Hudi"}
_METADATA = "metadata"


def find_delta_table(text: str) -> tuple[Address, Bucket]:
    """Return the address of a Delta table and its bucket, if its log exists.

    Raises:
        UsageError: The address is not valid, or the environment lacks a setting.
        SnapshotError: There is no log at the address, or it cannot be looked up.
    """
    address = read_address(text)
    bucket = Bucket(address)
    store, path = bucket.store, address.path.rstrip("/")
    with translate_errors(address):
        if with_timeout(lambda: store.get_file_info(f"{path}/_delta_log")).type != fs.FileType.Directory:
            reason = _no_bucket(store, address) or "is not a Delta table; it has no _delta_log"
            raise SnapshotError(f"{address}: {reason}")
    return address, bucket


def reject_tables(
    store: Store, folder: Address, listed: Iterable[str], found: Iterable[Address], words: SourceWords
) -> None:
    """Raise an error if an object of a snapshot belongs to a table.

    Args:
        folder: The folder that was searched, or the folder of the only object.
        listed: The paths in the folder, including the bucket.

    Raises:
        SnapshotError: An object belongs to a table.
    """
    above = _tables_above(store, folder.path)
    inside = dict(_tables_in(listed))
    parents = {str(parent) for one in found for parent in PurePosixPath(one.path).parents}
    tables = {path: lake_format for path, lake_format in inside.items() if path in parents} | above
    for path, lake_format in sorted(tables.items()):
        raise table_error(lake_format, str(folder.at(path)), copy=words.copy)


def _tables_in(paths: Iterable[str]) -> Iterator[tuple[str, LakeFormat]]:
    for path in paths:
        parts = path.split("/")
        for index, part in enumerate(parts):
            if part in _FOLDERS:
                yield "/".join(parts[:index]), _FOLDERS[part]
            if part == _METADATA and len(parts) == index + 2 and is_iceberg_metadata(parts[-1]):
                yield "/".join(parts[:index]), "Iceberg"


def _tables_above(store: Store, path: str) -> dict[str, LakeFormat]:
    """Return the tables at a folder and its parents. Folders that the credentials cannot list are skipped."""
    folders = ["/".join(path.split("/")[:depth]) for depth in range(1, path.count("/") + 2)]
    questions = [(f"{folder}/{name}", False) for folder in folders for name in _FOLDERS]
    questions += [(f"{folder}/{_METADATA}", True) for folder in folders]
    answers = [start(partial(_listed, store, path, is_folder=is_folder)) for path, is_folder in questions]
    found = list[str]()
    for answer in answers:
        with suppress(OSError, pa.ArrowException):
            found += answer.result(TIMEOUT)
    return dict(_tables_in(found))


def _listed(store: Store, path: str, *, is_folder: bool) -> list[str]:
    if is_folder:
        return [entry.path for entry in store.get_file_info(fs.FileSelector(path, allow_not_found=True))]
    return [path] if store.get_file_info(path).type == fs.FileType.Directory else []
