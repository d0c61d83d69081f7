"""One writer at a time in a folder of definitions."""

from contextlib import AbstractContextManager
from pathlib import Path

from segbatch.locking import holding

__all__ = ["LOCK", "writing_alone"]

LOCK = ".segbatch.lock"
"""The file that writers lock, in the folder of the definitions. Scripts of your own can: `flock .segbatch.lock ...`."""


def writing_alone(folder: Path, patience: float) -> AbstractContextManager[None]:
    """Hold the lock of a folder.

    Args:
        folder: The folder; it has to be there.
        patience: For how many seconds to wait while another writer holds it.

    Raises:
        BusyError: Another writer holds it all that time.
        OSError: The file cannot be made.
    """
    return holding(folder / LOCK, patience)
