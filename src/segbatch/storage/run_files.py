"""The data files of a run, in either of two layouts.

A run on one machine writes one state and one file of changes. A run on a cluster writes one of each per bucket of
contacts:

```
RUN/membership/part-00000.parquet                 RUN/membership/bucket-00012-part-00000.parquet
RUN/state.arrow                                   RUN/state/00012.arrow
RUN/changes.parquet                               RUN/changes/00012.parquet
```

All readers find the files of a run here, so that they read both layouts.
"""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from segbatch.model.manifest import Manifest, PastRun, PublishedFile
from segbatch.storage.layout import CHANGES, MEMBERSHIP, STATE

STATE_FOLDER = "state"
CHANGES_FOLDER = "changes"

IsWanted = Callable[[str], bool]
"""Returns whether the file at a path, relative to the folder of its run, is of one kind."""


def is_membership(path: str) -> bool:
    """Return whether a file of a run has members, by its path in the folder of the run."""
    return path.startswith(f"{MEMBERSHIP}/")


def is_changes(path: str) -> bool:
    """Return whether a file of a run has changes, by its path in the folder of the run."""
    return path == CHANGES or path.startswith(f"{CHANGES_FOLDER}/")


def is_state(path: str) -> bool:
    """Return whether a file of a run is its state or a part of it, by its path in the folder of the run."""
    return path == STATE or path.startswith(f"{STATE_FOLDER}/")


def written_files(manifest: Manifest, is_wanted: IsWanted) -> Sequence[PublishedFile]:
    """Return the files of one kind that a run wrote, in the order of the buckets."""
    return [file for file in manifest.files if is_wanted(file.path)]


def bucket_state(bucket: int) -> str:
    """Return the path of the state of a bucket, in the folder of its run."""
    return f"{STATE_FOLDER}/{bucket:05}.arrow"


def bucket_changes(bucket: int) -> str:
    """Return the path of the changes of a bucket, in the folder of its run."""
    return f"{CHANGES_FOLDER}/{bucket:05}.parquet"


def bucket_membership(bucket: int, name: str) -> str:
    """Return the path of a file of members of a bucket, in the folder of its run.

    Args:
        name: The name of the file among those of the bucket, such as `part-00000.parquet`.
    """
    return f"{MEMBERSHIP}/bucket-{bucket:05}-{name}"


def changes_source(past: PastRun) -> str:
    """Return the path of the changes of a run, in its folder: of the file, or of the folder with one per bucket."""
    return CHANGES if past.buckets is None else CHANGES_FOLDER


def has_state(run_folder: Path) -> bool:
    """Return whether the folder of a run has a state, whole or in part."""
    return (run_folder / STATE).exists() or (run_folder / STATE_FOLDER).exists()


def remove_state(run_folder: Path) -> None:
    """Remove the state of a run, if it has one.

    Raises:
        OSError: It cannot be removed.
    """
    (run_folder / STATE).unlink(missing_ok=True)
    if (run_folder / STATE_FOLDER).exists():
        shutil.rmtree(run_folder / STATE_FOLDER)
