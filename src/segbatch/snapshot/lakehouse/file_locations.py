"""Locations of the data files of a table, on a disk or in object storage."""

import re
from collections.abc import Sequence
from pathlib import Path

from segbatch.platform.urls import is_url
from segbatch.snapshot.locations import LocalFile, Location

_FILE_URL = re.compile("file:/*(?=/)", re.IGNORECASE)


def locate_files(paths: Sequence[str]) -> list[Location]:
    """Return the locations of files by their paths or URLs. Characters in a URL are not escaped.

    Raises:
        UsageError: A URL cannot be used, or the environment lacks a setting.
    """
    paths = [_FILE_URL.sub("", path) for path in paths]
    remote = [path for path in paths if is_url(path)]
    if not remote:
        return [LocalFile(Path(path)) for path in paths]
    from segbatch.snapshot.object_store.remote_file import objects_at  # noqa: PLC0415 - imported only if needed

    found = dict(zip(remote, objects_at(remote), strict=True))
    return [found[path] if path in found else LocalFile(Path(path)) for path in paths]
