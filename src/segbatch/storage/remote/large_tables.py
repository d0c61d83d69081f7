"""The tables of Delta and Iceberg that consist of the files of runs, and the names of the folders of these files."""

import re
from collections.abc import Collection

import pyarrow as pa

from segbatch.storage.id_types import stored_type
from segbatch.storage.layout import MEMBERSHIP
from segbatch.storage.remote.store import Store
from segbatch.storage.run_files import is_state

CHANGES_TABLE = "membership_changes"
PRIVATE_RUNS = "_segbatch/runs/"
"""Prefix of the keys of files that are in no table."""

_TEXT = pa.string()
_SPECIAL = re.compile(r"[^A-Za-z0-9.-]")
_ENCODED = re.compile("_([0-9A-F]{2})")


def data_folder(folder: str) -> str:
    """Return the name of a run's folder in a table, different for each run.

    Logs of tables have paths in which special characters are encoded, and some programs take `KEY=VALUE` in a path for
    a partition. So all special characters are written as `_` and two hexadecimal digits.

    Args:
        folder: The folder name of the run, which is ASCII.
    """
    return _SPECIAL.sub(lambda match: f"_{ord(match[0]):02X}", folder)


def folder_of(name: str) -> str:
    """Return the folder name of the run that has a folder in a table."""
    return _ENCODED.sub(lambda match: chr(int(match[1], 16)), name)


def remove_states(store: Store, folders: Collection[str]) -> None:
    """Remove the states of runs, by which they have their members.

    Args:
        folders: The folder names of the runs.
    """
    for folder in folders:
        root = f"{PRIVATE_RUNS}{folder}/"
        store.remove([file.key for file in store.files(root) if is_state(file.key.removeprefix(root))])


def large_schemas(id_type: pa.DataType) -> dict[str, pa.Schema]:
    """Return the schemas of `membership_changes` and `membership`, in the order in which they are written.

    Args:
        id_type: The type of the contact ids in the files of the run.
    """
    ids = pa.field("contact_id", stored_type(id_type))
    membership = [("segment_id", _TEXT), ids, ("run_id", _TEXT), ("publication", _TEXT)]
    changes = [
        ("run_id", _TEXT),
        ("as_of", pa.timestamp("us")),
        ("segment_id", _TEXT),
        ids,
        ("change", _TEXT),
        ("publication", _TEXT),
    ]
    return {CHANGES_TABLE: pa.schema(changes), MEMBERSHIP: pa.schema(membership)}
