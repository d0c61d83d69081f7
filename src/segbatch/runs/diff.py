"""Comparison of two published runs, with the possible causes of differences.

The contacts that entered and left are computed from the changes between the two runs, so the comparison also works for
runs whose members were pruned. A contact that entered and left again in between is not counted.
"""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import duckdb

from segbatch.errors import PublishError
from segbatch.model.manifest import Manifest, PastRun, RunRecord, SegmentRecord
from segbatch.runs.history import find_run, published_history
from segbatch.storage.layout import RUNS
from segbatch.storage.manifest_io import ensure_readable, read_manifest
from segbatch.storage.present_ids import present_ids
from segbatch.storage.run_files import is_changes, written_files
from segbatch.storage.sql_paths import literal

DefinitionChange = Literal["same", "changed", "new", "deleted"]

_REASONS = ("as_of", "timezone", "project_id", "snapshot_fingerprint", "contacts")
_NET = """
SELECT segment_id, count(*) FILTER (net > 0), count(*) FILTER (net < 0)
FROM (
    SELECT coalesce(new_id, segment_id) AS segment_id, contact_id,
        sum(CASE change WHEN 'entered' THEN 1 ELSE -1 END) AS net
    FROM read_parquet([{files}]) c LEFT JOIN renames n ON n.run_id = c.run_id AND n.old_id = c.segment_id
    GROUP BY ALL
)
GROUP BY segment_id
"""


@dataclass(frozen=True, slots=True)
class Reason:
    """A fact that differs between two runs.

    Attributes:
        what: The name of the fact, such as `as_of`.
    """

    what: str
    then: str | None
    now: str | None


@dataclass(frozen=True, slots=True)
class SegmentDiff:
    """The differences of a segment between two runs.

    Attributes:
        definition: Whether its definition changed between the runs.
        then: The number of members in the first run; None if the segment is missing there.
        now: The number of members in the second run; None if the segment is missing there.
        entered: The number of members in the second run that were not members in the first.
        exited: The number of members in the first run that are not members in the second.
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
        """Whether the definition, the status or the members differ."""
        return self.definition != "same" or self.status_then != self.status_now or bool(self.entered or self.exited)


@dataclass(frozen=True, slots=True)
class RunsDiff:
    """The differences between two runs.

    Attributes:
        reasons: The facts that differ, apart from definitions.
        segments: The segments of both runs, ordered by id.
    """

    then: RunRecord
    now: RunRecord
    reasons: tuple[Reason, ...]
    segments: tuple[SegmentDiff, ...]

    def definitions(self, change: DefinitionChange) -> int:
        """Return the number of segments with the given change of definition."""
        return sum(segment.definition == change for segment in self.segments)


def diff(output: Path, then: str, now: str) -> RunsDiff:
    """Compare two runs.

    Args:
        then: The first run: its id, `last` or `previous`.
        now: The second run, which may be the earlier one.

    Raises:
        UsageError: Nothing is published in the folder, or a run does not exist.
        PublishError: The published runs cannot be read.
    """
    history = published_history(output)
    first, second = (find_run(output, history, name) for name in (then, now))
    before, after = (read_manifest(output / RUNS / history.runs[index].folder) for index in (first, second))
    names = present_ids(history.runs)
    between = slice(min(first, second) + 1, max(first, second) + 1)
    net = _net_changes(output, history.runs[between], names[between])
    if first > second:
        net = {segment_id: (entered, exited) for segment_id, (exited, entered) in net.items()}
    was, is_now = (
        {names[index].get(entry.segment_id, entry.segment_id): entry for entry in manifest.segments}
        for index, manifest in ((first, before), (second, after))
    )
    segments = (
        _segment_diff(name, was.get(name), is_now.get(name), net.get(name, (0, 0)))
        for name in sorted(was.keys() | is_now.keys())
    )
    return RunsDiff(before.run, after.run, tuple(_reasons(before, after)), tuple(segments))


def _net_changes(
    output: Path, runs: Sequence[PastRun], names: Sequence[Mapping[str, str]]
) -> dict[str, tuple[int, int]]:
    """Return the net number of contacts that entered and left each segment over a sequence of runs.

    Args:
        names: For each run, the present ids of segments that had other ids then.
    """
    files = []
    for run in reversed(runs):  # DuckDB takes the id type from the first file; that of the last run fits all ids
        folder = output / RUNS / run.folder
        for written in written_files(read_manifest(folder), is_changes) if run.changes else ():
            ensure_readable(folder / written.path, written.size)
            files.append(folder / written.path)
    if not files:
        return {}
    sql = _NET.format(files=", ".join(map(literal, files)))
    try:
        with (
            tempfile.TemporaryDirectory(prefix="segbatch-") as spill,
            duckdb.connect(config={"temp_directory": spill}) as connection,
        ):
            renames = [(run.run.run_id, *pair) for run, ids in zip(runs, names, strict=True) for pair in ids.items()]
            connection.execute("CREATE TABLE renames (run_id VARCHAR, old_id VARCHAR, new_id VARCHAR)")
            if renames:
                connection.executemany("INSERT INTO renames VALUES (?, ?, ?)", renames)
            found = connection.execute(sql).fetchall()
    except duckdb.Error as error:
        reason = str(error).splitlines()[0]
        raise PublishError(
            f"{output}: the changes cannot be read: {reason}; find the damaged files with segbatch verify"
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
    """Return the differing facts that may be the cause, apart from definitions."""
    then, now = (_circumstances(manifest) for manifest in (before, after))
    names = [*then, *(name for name in now if name not in then)]
    return [Reason(name, then.get(name), now.get(name)) for name in names if then.get(name) != now.get(name)]


def _circumstances(manifest: Manifest) -> dict[str, str | None]:
    run = manifest.run.model_dump(mode="json", include=set(_REASONS))
    facts = {name: None if run[name] is None else str(run[name]) for name in _REASONS}
    return {**facts, "segbatch": manifest.run.version, **manifest.versions}
