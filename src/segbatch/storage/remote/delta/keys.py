"""The names of files below the root of an output in Delta.

```
ROOT/membership/NAME/part-00000.parquet          a file of the membership of a run, as the run wrote it
ROOT/membership_changes/NAME/part-00000.parquet  the changes of a run, as the run wrote them
ROOT/membership_changes/NAME/changes/*.parquet   the same of a run on a cluster
ROOT/TABLE/NAME/part-00000.parquet               the rows of a run in a small table
ROOT/TABLE/_delta_log/                           the log of a table
ROOT/_segbatch/runs/FOLDER/                      files of a run that are in no table
ROOT/_segbatch/removed/...                       runs whose files are removed later, see `removal`
```
"""

from segbatch.storage.layout import CHANGES, MEMBERSHIP
from segbatch.storage.remote.large_tables import CHANGES_TABLE, PRIVATE_RUNS, data_folder, folder_of
from segbatch.storage.run_files import is_changes

PART = "part-00000.parquet"
REMOVED = "_segbatch/removed/"


def data_path(folder: str, path: str) -> str:
    """Return the path of a file of membership or changes in its table.

    Args:
        folder: The folder name of the run.
        path: The path of the file in the manifest of the run.
    """
    return f"{data_folder(folder)}/{PART if path == CHANGES else path.removeprefix(f'{MEMBERSHIP}/')}"


def key_of(folder: str, path: str) -> str:
    """Return the key of a file of a run.

    Args:
        folder: The folder name of the run.
        path: The path of the file in the manifest of the run, the name of a private file, or the folder `membership`.
    """
    if path == MEMBERSHIP:
        return f"{MEMBERSHIP}/{data_folder(folder)}"
    if is_changes(path):
        return f"{CHANGES_TABLE}/{data_path(folder, path)}"
    if path.startswith(f"{MEMBERSHIP}/"):
        return f"{MEMBERSHIP}/{data_path(folder, path)}"
    return f"{PRIVATE_RUNS}{folder}/{path}"


def run_file(key: str) -> tuple[str, str] | None:
    """Return the folder name of a run, and the path of a file in it; None for files of tables themselves.

    Args:
        key: The key of a private file of a run, or of a file of the membership or the changes.
    """
    if key.startswith(PRIVATE_RUNS):
        folder, _, path = key.removeprefix(PRIVATE_RUNS).partition("/")
        return folder, path
    table, name, path = key.split("/", 2)
    if name.startswith("_"):
        return None
    if table == CHANGES_TABLE:
        return folder_of(name), CHANGES if path == PART else path
    return folder_of(name), f"{table}/{path}"
