"""Where things stand in the output folder.

```
OUTPUT/segbatch.duckdb                    what analysts open; can be made again at any time
OUTPUT/current                            the folder of the published run: replacing this small file publishes
OUTPUT/lock                               who is at work, while somebody is
OUTPUT/runs/RUN/membership/*.parquet      who is in which segment
OUTPUT/runs/RUN/state.arrow               the same as bits, for the next run to compare with
OUTPUT/runs/RUN/changes.parquet           who entered and who left with this run
OUTPUT/runs/RUN/manifest.json             everything about the run
OUTPUT/runs/RUN/history.json              the runs before it, and itself
OUTPUT/runs/RUN/unpublished               there until `current` names the run
OUTPUT/runs/.tmp-RUN/                     all of this, while the run goes on
```
"""

import hashlib
import os
import re
import secrets
from datetime import datetime
from pathlib import Path

from segbatch.errors import UsageError
from segbatch.platform.urls import is_address, without_secrets
from segbatch.text import shown

__all__ = [
    "CATALOGUE",
    "CHANGES",
    "CURRENT",
    "HISTORY",
    "LAST",
    "LOCK",
    "MANIFEST",
    "MEMBERSHIP",
    "PREVIOUS",
    "RUNS",
    "STATE",
    "UNFINISHED",
    "UNPUBLISHED",
    "check_run_id",
    "ensure_unpublished",
    "free_folder",
    "legal_run_id",
    "new_run_id",
    "output_at",
]

RUNS = "runs"
CURRENT = "current"
LOCK = "lock"
MEMBERSHIP = "membership"
STATE = "state.arrow"
CHANGES = "changes.parquet"
MANIFEST = "manifest.json"
HISTORY = "history.json"
UNPUBLISHED = "unpublished"
UNFINISHED = ".tmp-"
"""What the name of a folder begins with in which a run is at work."""

LAST = "last"
PREVIOUS = "previous"
"""What `runs show` and `diff` take in place of a run's id."""

_MAX_RUN_ID = 150
_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:+@=-]*")
_ILLEGAL = re.compile(r"[^A-Za-z0-9._:+@=-]")
_DIGEST = 8
_RUN_ID_RULE = (
    f"a run id begins with a letter or digit, goes on with these and '.', '_', ':', '+', '@', '=' and '-', "
    f"and has at most {_MAX_RUN_ID} characters (--run-id)"
)


def output_at(output: str | Path) -> Path:
    """Return the folder that runs publish in.

    Raises:
        UsageError: It is an address: what makes a run public is the rename of a file, and in object storage there is
            none; and DuckDB would not read the tables there without an extension.
    """
    if is_address(str(output)):
        message = "object storage has no rename, by which a run is shown at once; publish on a disk (--output), and"
        raise UsageError(f"{without_secrets(str(output))}: {message} copy its files there, see docs/object-storage.md")
    return Path(output)


def check_run_id(run_id: str) -> str:
    """Return a run id that somebody chose.

    Raises:
        UsageError: It could not be the name of a folder, or means another run.
    """
    if run_id in {LAST, PREVIOUS}:
        message = f"{shown(run_id)} cannot be a run id: where a run is asked for, it means the {run_id} one"
        raise UsageError(f"{message}; choose another (--run-id)")
    if not _RUN_ID.fullmatch(run_id) or len(run_id) > _MAX_RUN_ID:
        raise UsageError(f"{shown(run_id)} cannot be a run id; {_RUN_ID_RULE}")
    return run_id


def legal_run_id(name: str) -> str:
    """Return the run id for what another program calls its run, always the same.

    Returns:
        The name itself where it can be a run id; else what is like it, with a digest, so that no two names become one.
    """
    try:
        return check_run_id(name)
    except UsageError:
        digest = hashlib.sha256(name.encode()).hexdigest()[:_DIGEST]
        alike = _ILLEGAL.sub("-", f"run-{name}")
        return f"{alike[: _MAX_RUN_ID - 1 - _DIGEST]}-{digest}"


def new_run_id(started: datetime) -> str:
    """Return an id that sorts by time and that no other run has."""
    return f"{started:%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"


def free_folder(output: Path, run_id: str) -> str:
    """Return the name of a folder for a run: its id, with a number behind it where an earlier try has that name.

    A published folder is never written again, since somebody may be reading it.
    """
    names = [run_id, *(f"{run_id}~{number}" for number in range(2, 1000))]
    return next(name for name in names if not (output / RUNS / name).exists())


CATALOGUE = "segbatch.duckdb"


def ensure_unpublished(found: Path, name: str, output: Path, instead: str) -> None:
    """Check that a file is none of those that runs publish.

    Args:
        found: Where it is, past every link.
        name: What its writer calls it.
        output: The folder that runs publish in.
        instead: What to do where it is one.

    Raises:
        UsageError: It is.
    """
    if _is_published(found, _real(output)):
        raise UsageError(f"{name}: stands among what runs publish; {instead}")


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))


def _is_published(place: Path, output: Path) -> bool:
    return output / RUNS in place.parents or (place.parent == output and place.name in {CATALOGUE, CURRENT, LOCK})
