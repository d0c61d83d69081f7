"""The contacts and related tables that the last run read."""

import os
from collections.abc import Collection, Sequence

from segbatch.errors import UsageError
from segbatch.interfaces.api.problems import HttpProblem
from segbatch.model.input_records import SnapshotRecord, SourceRecord
from segbatch.model.manifest import Manifest
from segbatch.snapshot.discovery import find_files
from segbatch.snapshot.lakehouse.address import address_of
from segbatch.snapshot.related.sources import TableSource


def contacts_of(manifest: Manifest) -> str:
    """Return the contacts that a run read.

    Raises:
        HttpProblem: Their files are gone, or others are among them.
    """
    return _location_of(manifest.snapshot, manifest.source, "the contacts", "--contacts")


def tables_of(manifest: Manifest, needed: Collection[str]) -> dict[str, TableSource]:
    """Return the related tables that a run read.

    Args:
        needed: The names of the tables that rules read. Others are left out if their files are gone.

    Raises:
        HttpProblem: The files of a needed table are gone, or others are among them.
    """
    found = dict[str, TableSource]()
    for table in manifest.tables:
        what = f"the files of the related table '{table.name}'"
        try:
            location = _location_of(table.files, table.source, what, "--table")
        except HttpProblem:
            if table.name in needed:
                raise
        else:
            found[table.name] = TableSource(location, table.contact, table.time)
    return found


def _location_of(read: Sequence[SnapshotRecord], source: SourceRecord | None, what: str, option: str) -> str:
    """Return the version of a table, the only file, or the folder that contains exactly the files.

    Raises:
        HttpProblem: The files are gone, or others are in their folder. Trying again does not help.
    """
    if source is not None:
        return str(address_of(source))
    files = [file.path for file in read]
    remedy = f"start the server with {option}"
    local = (path for path in files if "://" not in path)
    if not all(map(os.path.exists, local)):
        gone = f"{what} of the last run are gone"
        raise HttpProblem("unavailable", f"{gone}: {remedy}", log=gone, is_lasting=True)
    if len(files) == 1:
        return files[0]
    folder = os.path.commonpath(files)
    message = f"new files are among {what} of the last run: {remedy}"
    try:
        are_same = {str(place) for place in find_files(folder)} == set(files)
    except UsageError as error:
        raise HttpProblem("unavailable", message, log=error.without_ids, is_lasting=True) from None
    if not are_same:
        log = f"{folder}: contains files that the last run did not read; choose {what} with {option}"
        raise HttpProblem("unavailable", message, log=log, is_lasting=True)
    return folder
