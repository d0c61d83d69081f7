"""The names of files below the root of an output in Iceberg, which is the folder that its tables are in.

```
ROOT/membership/data/NAME/part-00000.parquet          a file of the membership of a run, as the run wrote it
ROOT/membership_changes/data/NAME/changes.parquet     the changes of a run, as the run wrote them
ROOT/membership_changes/data/NAME/changes/*.parquet   the same of a run on a cluster
ROOT/TABLE/data/NAME/rows.parquet                     the rows of a run in a small table
ROOT/TABLE/metadata/                                  the metadata of a table
ROOT/_segbatch/runs/FOLDER/                           files of a run that are in no table
```

The private files are in no folder of a table. Programs that remove unknown files from such folders leave them alone.
"""

from segbatch.storage.layout import MEMBERSHIP
from segbatch.storage.remote.large_tables import CHANGES_TABLE, PRIVATE_RUNS, data_folder
from segbatch.storage.run_files import is_changes

ROWS = "rows.parquet"


def data_key(table: str, folder: str, name: str) -> str:
    """Return the key of a data file of a run in a table."""
    return f"{table}/data/{data_folder(folder)}/{name}"


def key_of(folder: str, path: str) -> str:
    """Return the key of a file of a run.

    Args:
        folder: The folder name of the run.
        path: The path of the file in the manifest of the run, `membership` for its folder, or the name of a private
            file.
    """
    if is_changes(path):
        return data_key(CHANGES_TABLE, folder, path)
    if path == MEMBERSHIP or path.startswith(f"{MEMBERSHIP}/"):
        return data_key(MEMBERSHIP, folder, path.removeprefix(MEMBERSHIP).removeprefix("/")).rstrip("/")
    return f"{PRIVATE_RUNS}{folder}/{path}"
