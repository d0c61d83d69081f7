"""The work of a run as one value that every task receives: what to evaluate, how to compare, and where to write.

A job is encoded with the versions of the libraries that a result can depend on. A worker that has other versions
refuses the job before it decodes the rest.
"""

import json
import pickle
import socket
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from segbatch.compiler.plan import Plan
from segbatch.errors import ClusterError
from segbatch.snapshot.snapshot import Snapshot
from segbatch.storage.id_types import IdTypes
from segbatch.storage.segment_bits import SegmentBits

ATTEMPTS = "attempts"
"""The folder in the staged folder of a run that each attempt of a task creates a folder of its own in."""

MARKER = "driver"
"""A file in the folder of the attempts. A worker that does not see it, with the token of the job, sees another disk."""

_LIBRARIES = ("segbatch", "polars", "pyarrow", "duckdb")


@dataclass(frozen=True, slots=True)
class StagedFolder:
    """The folder that the files of a run are written to.

    Attributes:
        path: The absolute path of the folder.
        token: The content of the marker file.
        publication: The name of the run's folder, for each row of the files of tables; None if they become no tables.
    """

    path: str
    token: str
    publication: str | None = None

    @property
    def attempts(self) -> Path:
        """The folder that each attempt of a task creates a folder of its own in."""
        return Path(self.path) / ATTEMPTS


@dataclass(frozen=True, slots=True)
class PreviousState:
    """The state of the previous run.

    Attributes:
        files: The absolute paths of the files of the state, in reading order.
        contacts: For each file, the number of its contacts that were in the snapshot. The others were gone already.
        bits: The assignment of segments to bits in these files, with the ids that the segments have now.
        is_bucketed: Whether the files are those of the buckets of this job. Otherwise, they go through the exchange.
    """

    files: tuple[str, ...]
    contacts: tuple[int, ...]
    bits: SegmentBits
    is_bucketed: bool


@dataclass(frozen=True, slots=True)
class Job:
    """The work of a run.

    Attributes:
        plan: The segments to evaluate.
        snapshot: The contacts, without their files: each split has its file.
        kept: The segments that keep the members of the previous run.
        bits: The assignment of segments to bits in this run.
        buckets: The number of buckets of contacts.
        previous: The state of the previous run; None if there is nothing to compare with.
        staged: The folder to write to; None to count only.
    """

    run_id: str
    as_of: datetime
    plan: Plan
    snapshot: Snapshot
    id_types: IdTypes
    kept: tuple[str, ...]
    bits: SegmentBits
    buckets: int
    previous: PreviousState | None = None
    staged: StagedFolder | None = None

    @property
    def segment_ids(self) -> tuple[str, ...]:
        """The segments that are evaluated, in the order of their bitmaps."""
        return tuple(segment.definition.segment_id for segment in self.plan.segments)

    def encode(self) -> bytes:
        """Return the job for the workers."""
        return encode_versioned(self)


def encode_versioned(content: object) -> bytes:
    """Return data for the workers, with the versions of the libraries that wrote it."""
    return json.dumps(installed_versions()).encode() + b"\n" + pickle.dumps(content)


def decode_versioned(encoded: bytes) -> Any:
    """Decode data on a worker. Tasks do not share the result, so that they can run as threads of one process.

    Raises:
        ClusterError: The worker has other versions than the driver, or does not see the folder of a job.
    """
    header, _, content = encoded.partition(b"\n")
    _ensure_same_versions(json.loads(header))
    decoded = pickle.loads(content)  # noqa: S301 - the driver of this run has written it
    if isinstance(decoded, Job) and decoded.staged is not None:
        _ensure_visible(decoded.staged)
    return decoded


@cache
def installed_versions() -> dict[str, str]:
    """Return the versions that this machine has. A library without metadata, such as one in an archive, is left out."""
    found = {"Python": "{}.{}".format(*sys.version_info)}
    for name in _LIBRARIES:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def _ensure_same_versions(expected: Mapping[str, str]) -> None:
    own = installed_versions()
    for name, wanted in expected.items():
        if own.get(name) != wanted:
            has = f"has {name} {own[name]}" if name in own else f"does not have {name} installed"
            found = f"{has}, and this machine has {wanted}"
            raise ClusterError(f"the worker {socket.gethostname()} {found}; install the same versions on all workers")


def _ensure_visible(staged: StagedFolder) -> None:
    try:
        is_same = (staged.attempts / MARKER).read_text() == staged.token
    except OSError:
        is_same = False
    if not is_same:
        problem = f"does not see the folder {staged.path}"
        remedy = "all workers must see it under this path (--output; SEGBATCH_CACHE_DIR for an output in a store)"
        raise ClusterError(f"the worker {socket.gethostname()} {problem}; {remedy}")
