"""The snapshot to take columns from: by default the one that the run read."""

from collections.abc import Sequence
from pathlib import Path
from threading import Event

from segbatch.errors import Problem, SnapshotError
from segbatch.model.manifest import Manifest
from segbatch.snapshot.discovery import locations_of
from segbatch.snapshot.hive_partitions import partition_text
from segbatch.snapshot.snapshot import Snapshot, open_files, open_snapshot
from segbatch.text import printable

_ID_COLUMN = "id"
_OTHERS = "--contacts names the snapshot to take columns from, this one too"


def open_contacts(
    manifest: Manifest, contacts: str | Path | None, id_column: str | None, custom_fields: str | None = None
) -> tuple[Snapshot, Sequence[Problem]]:
    """Open the snapshot of a run, or another one.

    Args:
        manifest: The manifest of the run.
        contacts: The snapshot to use; by default the one that the run read.
        id_column: The id column; by default the same as in the run.
        custom_fields: The column that definitions call `custom_fields`; by default the same as in the run.

    Returns:
        The snapshot, and a warning if it is not the one that the run read.

    Raises:
        SnapshotError: The snapshot cannot be used; or `contacts` is not given and the snapshot has changed since the
            run.
    """
    run_id, column = manifest.run.run_id, id_column or manifest.id_column or _ID_COLUMN
    custom_fields = custom_fields or manifest.custom_fields
    if contacts is None:
        try:
            snapshot = open_files(locations_of(file.path for file in manifest.snapshot), column, custom_fields)
        except SnapshotError as error:
            raise SnapshotError(f"{error} (run {run_id} read it; --contacts names another snapshot)") from None
        if not _is_that_of(snapshot, manifest):
            raise SnapshotError(f"{snapshot.files[0].location}: is not what run {run_id} read; {_OTHERS}")
        return snapshot, ()
    snapshot = open_snapshot(str(contacts), column, custom_fields)
    if _is_that_of(snapshot, manifest):
        return snapshot, ()
    message = f"{contacts}: is not the snapshot that run {run_id} read; contacts may have changed since"
    return snapshot, (Problem(message, severity="warning"),)


def _is_that_of(snapshot: Snapshot, manifest: Manifest) -> bool:
    """Return whether the snapshot is the one in the manifest.

    Sizes are compared first, then digests. Of the paths of the files, only the partitions are compared.
    """
    names = [partition_text(printable(str(file.location))) for file in snapshot.files]
    before = [partition_text(file.path) for file in manifest.snapshot]
    sizes = zip([file.size for file in snapshot.files], names, strict=True)
    if sorted(sizes) != sorted(zip([file.size for file in manifest.snapshot], before, strict=True)):
        return False
    digests = zip([file.digest(Event()) for file in snapshot.files], names, strict=True)
    return sorted(digests) == sorted(zip([file.sha256 for file in manifest.snapshot], before, strict=True))
