"""What differs between two published runs, and why.

Who entered and who left follows from the changes that were written between the two, so that it can be told of runs too
whose members are no longer kept. A contact that entered and left again in between is neither.
"""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import duckdb

from segbatch.errors import PublishError
from segbatch.model.manifest import Manifest, PastRun, RunRecord, SegmentRecord
from segbatch.runs.history import find_run, published_history
from segbatch.storage.catalog import literal
from segbatch.storage.layout import CHANGES, RUNS
from segbatch.storage.manifest_io import ensure_there, read_manifest

__all__ = ["DefinitionChange", "Reason", "RunsDiff", "SegmentDiff", "diff"]

DefinitionChange = Literal["same", "changed", "new", "deleted"]

_REASONS = ("as_of", "timezone", "project_id", "snapshot_fingerprint", "contacts")
_NET = """
SELECT segment_id, count(*) FILTER (net > 0), count(*) FILTER (net < 0)
FROM (
    SELECT segment_id, contact_id, sum(CASE change WHEN 'entered' THEN 1 ELSE -1 END) AS net
    FROM read_parquet([{files}]) GROUP BY ALL
)
GROUP BY segment_id
"""


@dataclass(frozen=True, slots=True)
class Reason:
    """Something that was not the same in two runs.

    Attributes:
        what: What it is.
        then: How it was in the first run.
        now: How it is in the second.
    """

    what: str
    then: str | None
    now: str | None


@dataclass(frozen=True, slots=True)
class SegmentDiff:
    """What differs in a segment.

    Attributes:
        segment_id: The segment.
        definition: Whether its definition changed between the runs.
        then: How many members it had; None where the first run does not have it.
        now: How many it has; None where the second run does not have it.
        entered: How many are in it now that were not.
        exited: How many were in it that are not now.
        status_then: What became of it in the first run.
        status_now: What became of it in the second.
    """

    segment_id: str
    definition: DefinitionChange
    then: int | None
    now: int | None
    entered: int
    exited: int
    status_then: str | None
    status_now: str | None

    @property
    def differs(self) -> bool:
        """Whether anything at all is not the same."""
        return self.definition != "same" or self.status_then != self.status_now or bool(self.entered or self.exited)


@dataclass(frozen=True, slots=True)
class RunsDiff:
    """What differs between two runs.

    Attributes:
        then: The first.
        now: The second.
        reasons: What was not the same in them, apart from definitions.
        segments: The segments of both, ordered by id.
    """

    then: RunRecord
    now: RunRecord
    reasons: tuple[Reason, ...]
    segments: tuple[SegmentDiff, ...]

    def definitions(self, change: DefinitionChange) -> int:
        """Count the segments whose definition changed in some way."""
        return sum(segment.definition == change for segment in self.segments)


def diff(output: Path, then: str, now: str) -> RunsDiff:
    """Compare two runs.

    Args:
        output: The output folder.
        then: The first run: its id, `last` or `previous`.
        now: The second; it may be the earlier one.

    Raises:
        UsageError: Nothing is published there, or no such run.
        PublishError: What is published cannot be read.
    """
    history = published_history(output)
    first, second = (find_run(output, history, name) for name in (then, now))
    before, after = (read_manifest(output / RUNS / history.runs[place].folder) for place in (first, second))
    net = _net_changes(output, history.runs[min(first, second) + 1 : max(first, second) + 1])
    if first > second:
        net = {segment_id: (entered, exited) for segment_id, (exited, entered) in net.items()}
    was, is_now = ({entry.segment_id: entry for entry in manifest.segments} for manifest in (before, after))
    segments = (
        _segment_diff(name, was.get(name), is_now.get(name), net.get(name, (0, 0)))
        for name in sorted(was.keys() | is_now.keys())
    )
    return RunsDiff(before.run, after.run, tuple(_reasons(before, after)), tuple(segments))


def _net_changes(output: Path, runs: Sequence[PastRun]) -> dict[str, tuple[int, int]]:
    """Return for each segment how many entered it and how many left it over all of some runs."""
    files = []
    for run in reversed(runs):  # DuckDB takes the type of the ids from the first file: the last run's holds them all
        folder = output / RUNS / run.folder
        if run.changes:
            [written] = (file for file in read_manifest(folder).files if file.path == CHANGES)
            ensure_there(folder / CHANGES, written.size)
            files.append(folder / CHANGES)
    if not files:
        return {}
    sql = _NET.format(files=", ".join(map(literal, files)))
    try:
        with (
            tempfile.TemporaryDirectory(prefix="segbatch-") as spill,
            duckdb.connect(config={"temp_directory": spill}) as connection,
        ):
            found = connection.execute(sql).fetchall()
    except duckdb.Error as error:
        reason = str(error).splitlines()[0]
        raise PublishError(
            f"{output}: the changes cannot be read: {reason}; find what is wrong with segbatch verify"
        ) from None
    return {segment_id: (entered, exited) for segment_id, entered, exited in found}


def _segment_diff(
    segment_id: str, was: SegmentRecord | None, is_now: SegmentRecord | None, net: tuple[int, int]
) -> SegmentDiff:
    return SegmentDiff(
        segment_id=segment_id,
        definition=_definition_change(was, is_now),
        then=was.member_count if was else None,
        now=is_now.member_count if is_now else None,
        entered=net[0],
        exited=net[1],
        status_then=was.status if was else None,
        status_now=is_now.status if is_now else None,
    )


def _definition_change(was: SegmentRecord | None, is_now: SegmentRecord | None) -> DefinitionChange:
    if was is None:
        return "new"
    if is_now is None:
        return "deleted"
    return "same" if was.fingerprint == is_now.fingerprint else "changed"


def _reasons(before: Manifest, after: Manifest) -> list[Reason]:
    """Find what may be to blame, other than definitions."""
    then, now = (_circumstances(manifest) for manifest in (before, after))
    names = [*then, *(name for name in now if name not in then)]
    return [Reason(name, then.get(name), now.get(name)) for name in names if then.get(name) != now.get(name)]


def _circumstances(manifest: Manifest) -> dict[str, str | None]:
    run = manifest.run.model_dump(mode="json", include=set(_REASONS))
    told = {name: None if run[name] is None else str(run[name]) for name in _REASONS}
    return {**told, "segbatch": manifest.run.version, **manifest.versions}
