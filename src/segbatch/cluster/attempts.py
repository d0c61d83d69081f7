"""The files that tasks write: each attempt of a task has a folder of its own, and the driver takes over one per bucket.

So an attempt that was lost, or that ran twice, leaves nothing in the files of the run.
"""

import secrets
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from segbatch.cluster.job import ATTEMPTS, MARKER, StagedFolder
from segbatch.cluster.report import BucketReport
from segbatch.errors import PublishError
from segbatch.model.manifest import PublishedFile
from segbatch.storage.layout import CHANGES, MEMBERSHIP, STATE, UNFINISHED
from segbatch.storage.retention import discard_run
from segbatch.storage.run_files import (
    CHANGES_FOLDER,
    STATE_FOLDER,
    bucket_changes,
    bucket_membership,
    bucket_state,
)

_FOLDERS = (MEMBERSHIP, STATE_FOLDER, CHANGES_FOLDER)


def prepare_attempts(folder: Path, publication: str | None) -> StagedFolder:
    """Create the folder of the attempts, with a marker file by which workers recognize it.

    Args:
        folder: The folder for the files of the run.
        publication: The name of the run's folder, for each row of the files of tables; None if they become no tables.
    """
    staged = StagedFolder(str(folder.absolute()), secrets.token_hex(8), publication)
    staged.attempts.mkdir()
    (staged.attempts / MARKER).write_text(staged.token)
    return staged


def adopt_files(staged: StagedFolder, reports: Iterable[BucketReport]) -> tuple[PublishedFile, ...]:
    """Move the files of the reported attempts to their final names, and remove all other attempts.

    Returns:
        The records of the files, in the order of a run on one machine: membership, state, changes.

    Raises:
        PublishError: A file cannot be moved, or has another size than its task wrote.
    """
    folder = Path(staged.path)
    try:
        files = [file for report in reports for file in _adopt(folder, report)]
        _discard_attempts(staged)
    except OSError as error:
        raise PublishError(f"{folder}: the files of a worker cannot be moved: {error.strerror}") from None
    return tuple(sorted(files, key=lambda file: _FOLDERS.index(PurePosixPath(file.path).parts[0])))


def _adopt(folder: Path, report: BucketReport) -> Iterator[PublishedFile]:
    for file in report.recorded.files:
        name = _final_name(file.path, report.bucket)
        target = folder / name
        target.parent.mkdir(exist_ok=True)
        source = folder / ATTEMPTS / str(report.attempt) / file.path
        source.rename(target)
        size = target.stat().st_size
        if size != file.size:
            fault = f"has {size:,} bytes instead of the {file.size:,} that a worker wrote"
            raise PublishError(f"{source}: {fault}; check the disk that the workers share, and run again")
        yield file.model_copy(update={"path": name})


def _discard_attempts(staged: StagedFolder) -> None:
    """Remove the attempts that do not count, which may still be at work.

    The folder is moved out of the run first. So a late attempt finds no folder that it can write to, and what it leaves
    is in a hidden folder next to that of the run, which the next run removes.
    """
    folder = Path(staged.path)
    discarded = folder.with_name(f"{UNFINISHED}{folder.name.removeprefix(UNFINISHED)}.{staged.token}")
    staged.attempts.rename(discarded)
    discard_run(discarded)


def _final_name(path: str, bucket: int) -> str:
    """Return the path of a file in the folder of the run."""
    if path == STATE:
        return bucket_state(bucket)
    return bucket_changes(bucket) if path == CHANGES else bucket_membership(bucket, PurePosixPath(path).name)
