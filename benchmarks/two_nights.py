"""The nights of segbatch and the runs of its peers, each measured, checked and cleared away."""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from measuring import ask, measure, script, size_of
from peers import SECOND

if TYPE_CHECKING:
    from pathlib import Path

    from measuring import Measured
    from works import Files

AS_OF: Final = ("2026-01-01T12:00:00Z", "2026-01-02T12:00:00Z")

Members = dict[str, tuple[int, str]]
"""For each segment that has members its size, and the sum of the hashes of its contacts' ids."""


class Disagreement(RuntimeError):  # noqa: N818 - that is what it is
    """Two that did the same work found other memberships."""


def cleared(folder: Path) -> Path:
    """Remove a folder, if it is there."""
    shutil.rmtree(folder, ignore_errors=True)
    return folder


def command(contacts: Path, files: Files, out: Path, night: int) -> list[str]:
    """Return the command of a night."""
    where = ["--contacts", str(contacts), "--segments", str(files.definitions), "--output", str(out)]
    return [sys.executable, "-m", "segbatch", "run", *where, "--as-of", AS_OF[night]]


def first_night(files: Files, out: Path, timeout: float) -> Measured:
    """Measure segbatch's whole job, into an output that is not there yet."""
    found = measure(command(files.contacts, files, cleared(out), 0), timeout)
    return replace(found, written=size_of(out))


def second_night(files: Files, out: Path, timeout: float) -> Measured:
    """Measure the night after, in the output of the first."""
    before = size_of(out)
    found = measure(command(files.changed, files, out, 1), timeout)
    if not found.error:
        _ensure_changes(out)
    return replace(found, written=size_of(out) - before)


def _ensure_changes(out: Path) -> None:
    """Check that who was there, and came, without who left, is who is there."""
    runs = [path for path in (out / "runs").iterdir() if (path / "manifest.json").exists()]
    manifests = [json.loads((path / "manifest.json").read_text(encoding="utf-8")) for path in runs]
    first, second = sorted(manifests, key=lambda manifest: manifest["run"]["as_of"])
    before = {entry["segment_id"]: entry["member_count"] for entry in first["segments"]}
    for entry in second["segments"]:
        name = entry["segment_id"]
        if before[name] + entry["entered"] - entry["exited"] != entry["member_count"]:
            message = f"{SECOND}: the changes of {name} are not the difference between its sizes"
            raise Disagreement(message)


def published(out: Path) -> str:
    """Return where the members of the published run are."""
    run = (out / "current").read_text(encoding="utf-8").strip()
    return f"{out}/runs/{run}/membership/*.parquet"


def peer_run(name: str, files: Files, out: Path, timeout: float, python: str) -> Measured:
    """Measure a peer at the same work, run by a Python that may be another than segbatch's."""
    words = (name, files.contacts, files.definitions, cleared(out))
    found = measure(script("run_peer.py", *words, python=python), timeout)
    return replace(found, written=size_of(out))


def floor_run(files: Files, size: int, out: Path, timeout: float) -> tuple[Measured, dict[str, float]]:
    """Measure the floor, and return what of it was reading and what writing."""
    found = measure(script("floor.py", files.contacts, files.definitions, size, cleared(out)), timeout)
    times = {} if found.error else json.loads((out / "times.json").read_text(encoding="utf-8"))
    return replace(found, written=size), times


def members_in(glob: str) -> Members:
    """Look at a membership as Parquet."""
    return {segment: (size, digest) for segment, size, digest in json.loads(ask("check_members.py", glob))}


def summary(members: Members) -> dict[str, Any]:
    """Return how many memberships there are, and a digest of them all."""
    text = json.dumps(sorted(members.items()))
    return {
        "memberships": sum(size for size, _ in members.values()),
        "digest": sha256(text.encode()).hexdigest(),
    }


def ensure_same(name: str, expected: Members, found: Members) -> None:
    """Check that a peer found whom segbatch found.

    Raises:
        Disagreement: It did not.
    """
    others = sorted(key for key in expected.keys() | found.keys() if expected.get(key) != found.get(key))
    if others:
        first = others[0]
        sizes = f"{expected.get(first, (0,))[0]:,} by segbatch and {found.get(first, (0,))[0]:,} by {name}"
        message = f"{name}: other members in {len(others):,} of {len(expected):,} segments, first in {first} ({sizes})"
        raise Disagreement(message)
