"""The contacts and related tables that the last run read."""

import os
from collections.abc import Sequence

from segbatch.errors import UsageError
from segbatch.interfaces.api.problems import HttpProblem
from segbatch.model.input_records import SnapshotRecord, SourceRecord, TableRecord
from segbatch.model.manifest import Manifest
from segbatch.snapshot.discovery import find_files
from segbatch.snapshot.lakehouse.address import address_of
from segbatch.snapshot.related.sources import TableSource

_GONE = "the contacts of the last run are gone: start the server with --contacts"
_OTHER_FILES = "new files are among the contacts of the last run: start the server with --contacts"


def contacts_of(manifest: Manifest) -> str:
    """Return the contacts that a run read.

    Raises:
        HttpProblem: Their files are gone, or others are among them.
    """
    local = (file.path for file in manifest.snapshot if "://" not in file.path)
    if manifest.source is None and not all(map(os.path.exists, local)):
        raise HttpProblem("unavailable", _GONE, log="the contacts of the last run are gone")
    try:
        return _location_of(manifest.snapshot, manifest.source)
    except UsageError as error:
        raise HttpProblem("unavailable", _OTHER_FILES, log=error.without_ids) from None


def source_of(table: TableRecord) -> TableSource:
    """Return a related table that a run read."""
    return TableSource(_location_of(table.files, table.source, "--table"), table.contact, table.time)


def _location_of(read: Sequence[SnapshotRecord], source: SourceRecord | None, option: str = "--contacts") -> str:
    """Return the version of a table, the only file, or the folder that contains exactly the files."""
    if source is not None:
        return str(address_of(source))
    files = [file.path for file in read]
    if len(files) == 1:
        return files[0]
    folder = os.path.commonpath(files)
    if {str(place) for place in find_files(folder)} != set(files):
        what = "contacts" if option == "--contacts" else "tables"
        raise UsageError(f"{folder}: contains files that the last run did not read; choose the {what} with {option}")
    return folder
