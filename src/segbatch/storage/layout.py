"""The file layout of the output folder, and the names in it.

```
OUTPUT/segbatch.duckdb                    the catalogue, for analysts; can be rebuilt at any time
OUTPUT/current                            the folder of the published run; replacing this small file publishes a run
OUTPUT/lock                               the process that is at work, if any
OUTPUT/runs/RUN/membership/*.parquet      the members of each segment
OUTPUT/runs/RUN/state.arrow               the same as bits, for the comparison with the next run
OUTPUT/runs/RUN/changes.parquet           the contacts that entered and left with this run
OUTPUT/runs/RUN/manifest.json             all facts about the run
OUTPUT/runs/RUN/history.json              the runs up to and including this one
OUTPUT/runs/RUN/unpublished               a mark that exists until `current` names the run
OUTPUT/runs/.tmp-RUN/                     all of this, during the run
OUTPUT/deliveries/                        the progress of deliveries, see `segbatch.deliveries.state`
```

A run on a cluster writes a state and a file of changes for each bucket of contacts, see `segbatch.storage.run_files`.
"""

import hashlib
import os
import re
import secrets
from datetime import datetime
from pathlib import Path

from segbatch.errors import UsageError
from segbatch.text import shown

RUNS = "runs"
CURRENT = "current"
LOCK = "lock"
MEMBERSHIP = "membership"
STATE = "state.arrow"
CHANGES = "changes.parquet"
MANIFEST = "manifest.json"
HISTORY = "history.json"
UNPUBLISHED = "unpublished"
PRUNED = "pruned"
"""Mark in a copy of an output that is elsewhere: the output no longer has the members of the run, but the copy may."""

UNFINISHED = ".tmp-"
"""Prefix of the folder that an unfinished run writes to."""

LAST = "last"
PREVIOUS = "previous"
"""`last` and `previous` are accepted by `runs show` and `diff` in place of a run id."""

CURRENT_RUN = "current"
"""The name of the last published run in the API, in place of a run id."""

_MAX_RUN_ID = 150
_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:+@=-]*")
_ILLEGAL = re.compile(r"[^A-Za-z0-9._:+@=-]")
_DIGEST = 8
_RUN_ID_RULE = (
    f"a run id begins with a letter or digit, goes on with these and '.', '_', ':', '+', '@', '=' and '-', "
    f"and has at most {_MAX_RUN_ID} characters (--run-id)"
)


def check_run_id(run_id: str) -> str:
    """Return a run id that the user chose.

    Raises:
        UsageError: The id cannot be the name of a folder, or means another run.
    """
    if run_id in {LAST, PREVIOUS, CURRENT_RUN}:
        message = f"{shown(run_id)} cannot be a run id: it means the {run_id} run"
        raise UsageError(f"{message}; choose another (--run-id)")
    if not _RUN_ID.fullmatch(run_id) or len(run_id) > _MAX_RUN_ID:
        raise UsageError(f"{shown(run_id)} cannot be a run id; {_RUN_ID_RULE}")
    return run_id


def to_run_id(name: str) -> str:
    """Convert the run name of another program to a run id. The result is always the same for a name.

    Returns:
        The name itself if it is a valid run id. Otherwise a similar id with a checksum, so that different names get
        different ids.
    """
    try:
        return check_run_id(name)
    except UsageError:
        digest = hashlib.sha256(name.encode()).hexdigest()[:_DIGEST]
        alike = _ILLEGAL.sub("-", f"run-{name}")
        return f"{alike[: _MAX_RUN_ID - 1 - _DIGEST]}-{digest}"


def new_run_id(started: datetime) -> str:
    """Return a new unique run id. Ids sort by time."""
    return f"{started:%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"


def free_folder(output: Path, run_id: str) -> str:
    """Return an unused folder name for a run: its id, with a number appended if an earlier attempt has that name.

    A published folder is never written again, since it may have readers.
    """
    names = [run_id, *(f"{run_id}~{number}" for number in range(2, 1000))]
    return next(name for name in names if not (output / RUNS / name).exists())


CATALOGUE = "segbatch.duckdb"


def ensure_unpublished(found: Path, name: str, output: Path, instead: str) -> None:
    """Check that a file that is to be written is not one of the published files.

    Args:
        found: The path, with all links resolved.
        name: The path as the user wrote it, for the message.

    Raises:
        UsageError: It is one of the published files.
    """
    if _is_published(found, _real(output)):
        raise UsageError(f"{name}: is one of the files that runs publish; {instead}")


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))


def _is_published(path: Path, output: Path) -> bool:
    return output / RUNS in path.parents or (path.parent == output and path.name in {CATALOGUE, CURRENT, LOCK})
