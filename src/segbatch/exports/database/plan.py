"""The plan of a synchronisation: which runs are undone, applied and sent, given the runs that the tables have.

The runs of the tables and those of the output begin alike, unless the tables are of another output. Then changes alone
bring the tables to the published run: the other runs of the tables were rolled back or replaced, and are undone by the
changes that the tables have of them; the other runs of the output are applied by the changes in its files.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from segbatch.exports.database.record import SyncedRun, SyncRecord
from segbatch.model.manifest import History, PastRun
from segbatch.storage.present_ids import present_ids

Extent = Literal["none", "changes", "full"]
"""What is written: nothing, since the tables have the run; the changes since their run; or all members that differ."""


@dataclass(frozen=True, slots=True)
class Step:
    """Consecutive runs in which segments have the same ids.

    Attributes:
        renamed: The segments that have another id from the first of these runs on: the new id of each old one.
        run_ids: The runs.
    """

    renamed: Mapping[str, str] = field(default_factory=dict)
    run_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SyncPlan:
    """The plan of a synchronisation.

    Attributes:
        reason: The reason for comparing all members; empty if only changes are applied.
        undone: The runs of the tables that the output does not have any more.
        steps: The changes to the members, in this order, after these runs were undone.
        removed: The runs whose rows of `membership_changes` are removed; None for all rows.
        sent: The runs whose rows of `membership_changes` are added.
        present: The segments that have another id than in the tables: the present id of each old one.
        without_changes: The runs whose rows of `membership_changes` are lost.
    """

    extent: Extent
    reason: str
    undone: tuple[str, ...]
    steps: tuple[Step, ...]
    removed: tuple[str, ...] | None
    sent: tuple[PastRun, ...]
    present: Mapping[str, str]
    without_changes: tuple[str, ...]

    @property
    def only_run(self) -> PastRun | None:
        """The run whose changes alone are written, with the ids that segments have now; None if there is more."""
        if self.undone or len(self.sent) != 1 or any(step.renamed for step in self.steps):
            return None
        run_ids = [run_id for step in self.steps for run_id in step.run_ids]
        return self.sent[0] if run_ids == [self.sent[0].run.run_id] else None


def make_plan(recorded: SyncRecord | None, history: History, lost: frozenset[str], *, full: bool = False) -> SyncPlan:
    """Plan how the tables are brought to the last run of an output.

    Args:
        recorded: The runs of the tables; None if they are empty.
        history: The runs of the output, at least one.
        lost: The runs of the output whose changes cannot be read.
        full: Whether all members are compared in any case.
    """
    known = recorded.runs if recorded else ()
    shared = _count_shared(known, history.runs)
    undone, new = known[shared:], history.runs[shared:]
    is_renamed_back = any(run.renamed for run in undone)
    kept = frozenset[str]() if full or is_renamed_back else _kept(known[:shared], history.runs)
    sent = tuple(past for past in history.runs if past.changes and past.run.run_id not in kept | lost)
    reason = "all rows are compared, as requested" if full else _reason(known, undone, [*_ids(new)], lost)
    extent: Extent = "full" if reason else "changes" if undone or new or sent else "none"
    return SyncPlan(
        extent,
        reason,
        undone=tuple(run.run_id for run in undone),
        steps=tuple(_steps(new)) if extent == "changes" else (),
        removed=tuple(run.run_id for run in known if run.run_id not in kept) if kept else None,
        sent=sent,
        present=present_ids(history.runs)[shared - 1] if shared else {},
        without_changes=tuple(run_id for run_id in _ids(history.runs) if run_id in lost - kept),
    )


def _count_shared(known: Sequence[SyncedRun], runs: Sequence[PastRun]) -> int:
    """Return the number of runs with which both sequences begin."""
    pairs = list(zip(known, runs, strict=False))
    return next((at for at, (synced, past) in enumerate(pairs) if not synced.is_of(past)), len(pairs))


def _reason(known: Sequence[SyncedRun], undone: Sequence[SyncedRun], new: Sequence[str], lost: frozenset[str]) -> str:
    """Return the reason why changes alone cannot bring the tables to the published run; empty if they can."""
    if not known:
        return "the tables are new"
    if len(undone) == len(known):
        return "the tables have runs of another output, or all of their runs were rolled back"
    for run in undone:
        if run.renamed:
            return f"run {run.run_id}, which was rolled back, had renamed segments"
        if not run.has_changes:
            return f"the changes of run {run.run_id}, which was rolled back, were lost"
    gone = next((run_id for run_id in new if run_id in lost), None)
    return f"the changes of run {gone} are lost" if gone else ""


def _steps(new: Sequence[PastRun]) -> Iterator[Step]:
    """Split runs where segments were renamed. The first step has no renames; it may have no runs either."""
    renamed: Mapping[str, str] = {}
    run_ids = list[str]()
    for past in new:
        if past.renamed:
            yield Step(renamed, tuple(run_ids))
            renamed, run_ids = past.renamed, []
        run_ids.append(past.run.run_id)
    yield Step(renamed, tuple(run_ids))


def _kept(shared: Sequence[SyncedRun], runs: Sequence[PastRun]) -> frozenset[str]:
    """Return the runs whose rows of `membership_changes` stay, apart from new ids of segments.

    The rows show present ids. A segment that continues under the id of one that was deleted long ago cannot be told
    from it in them. If such a segment gets another id once more, the rows of earlier runs are sent again.
    """
    if not shared:
        return frozenset()
    before, now = present_ids(runs[: len(shared)]), present_ids(runs)
    later = now[len(shared) - 1]
    names = zip(shared, before, now, strict=False)
    return frozenset(run.run_id for run, was, is_now in names if run.has_changes and _follows(was, is_now, later))


def _follows(was: Mapping[str, str], is_now: Mapping[str, str], later: Mapping[str, str]) -> bool:
    """Return whether renaming what the rows of a run show gives the present ids of its segments."""
    shown = ((name, was.get(name, name)) for name in {*was, *is_now, *later})
    return all(is_now.get(name, name) == later.get(there, there) for name, there in shown)


def _ids(runs: Sequence[PastRun]) -> Iterator[str]:
    return (past.run.run_id for past in runs)
