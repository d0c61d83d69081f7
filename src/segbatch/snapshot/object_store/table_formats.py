"""Detection of Delta, Iceberg and Hudi tables in object storage."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import PurePosixPath

import pyarrow as pa
from pyarrow import fs

from segbatch.snapshot.object_store.clients import Store
from segbatch.snapshot.object_store.timeouts import LONGEST, begin
from segbatch.snapshot.object_store.url import Address
from segbatch.snapshot.table_formats import LakeFormat, is_iceberg_metadata, refusal

_FOLDERS: dict[str, LakeFormat] = {"_delta_log": "Delta", ".hoodie": "Hudi"}
_METADATA = "metadata"


def ensure_no_table(store: Store, folder: Address, listed: Iterable[str], found: Iterable[Address]) -> None:
    """Raise an error if an object of a snapshot belongs to a table.

    Args:
        store: The client for the bucket.
        folder: The folder that was searched, or the folder of the only object.
        listed: The paths in the folder, including the bucket.
        found: The objects of the snapshot.

    Raises:
        SnapshotError: An object belongs to a table.
    """
    above = _tables_above(store, folder.path)
    inside = dict(_tables_in(listed))
    parents = {str(parent) for one in found for parent in PurePosixPath(one.path).parents}
    tables = {path: kind for path, kind in inside.items() if path in parents} | above
    for path, kind in sorted(tables.items()):
        raise refusal(kind, str(folder.at(path)))


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
    answers = [begin(partial(_listed, store, path, is_folder=is_folder)) for path, is_folder in questions]
    found = list[str]()
    for answer in answers:
        with suppress(OSError, pa.ArrowException):
            found += answer.result(LONGEST)
    return dict(_tables_in(found))


def _listed(store: Store, path: str, *, is_folder: bool) -> list[str]:
    if is_folder:
        return [entry.path for entry in store.get_file_info(fs.FileSelector(path, allow_not_found=True))]
    return [path] if store.get_file_info(path).type == fs.FileType.Directory else []
