"""The run that a new run follows: the last one, or an earlier one if that is run again or rolled back.

Its segments may have been renamed since: a segment continues the members and the history that it had under an earlier
id.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Literal

from segbatch.definitions.definition import Definitions, Entry
from segbatch.errors import Problem, PublishError, UsageError
from segbatch.model.input_records import FieldRecord, TableRecord
from segbatch.model.manifest import Buckets, History, PastRun, SegmentRecord, TakenBack, repeat_options
from segbatch.storage.state import State
from segbatch.storage.targets.base import PublishTarget
from segbatch.text import clipped, counted, some_of

Rewind = Literal["none", "some", "all"]
"""The runs that may be rolled back: none, as many as leave one to follow, or all."""


@dataclass(frozen=True, slots=True)
class Predecessor:
    """The run that a new run follows, and the runs that are rolled back for it.

    Attributes:
        history: The runs before the new one, and the folders of replaced and rolled-back runs.
        segments: The segments of the previous run, by id; empty for a first run.
        state: The members of the previous run as bits; None for a first run.
        rewound: The runs that are rolled back.
        warnings: Warnings about runs that are rolled back, and about lost files of older runs.
        fields: The fields that rules of the previous run read, by name.
        kept_fields: For segments that kept older members, the field records from the run that evaluated these.
        tables: The related tables that rules of the previous run read.
        renamed: The segments that had another id in that run: the id that each old one has now. The other attributes
            have the new ids.
        buckets: The buckets of that run, if it was on a cluster.
    """

    history: History
    segments: Mapping[str, SegmentRecord] = field(default_factory=dict)
    state: State | None = None
    rewound: tuple[PastRun, ...] = ()
    warnings: tuple[Problem, ...] = ()
    fields: Mapping[str, FieldRecord] = field(default_factory=dict)
    kept_fields: Mapping[str, Sequence[FieldRecord]] = field(default_factory=dict)
    tables: Sequence[TableRecord] = ()
    renamed: Mapping[str, str] = field(default_factory=dict)
    buckets: Buckets | None = None

    @property
    def run(self) -> PastRun | None:
        """The previous run; None for a first run."""
        return self.history.runs[-1] if self.history.runs else None


def resolve_predecessor(
    target: PublishTarget, run_id: str, as_of: datetime, project: str | None, now: datetime, rewind: Rewind
) -> Predecessor:
    """Find the run that a new run follows.

    Args:
        run_id: The id of the new run. If the last run has the same id, the new run replaces it.
        as_of: The evaluation time of the new run.
        project: The project that the new run is limited to; None for all.
        rewind: Which runs may be rolled back, if they have a later `as_of` or came after the run with the same id.

    Raises:
        UsageError: Other runs would have to be rolled back, which `rewind` does not allow, or the output belongs to
            another project.
        PublishError: The published runs cannot be read, or the members of the run to follow were pruned.
    """
    published = target.history()
    runs, later = _split(published.runs, run_id, as_of)
    rewound = tuple(run for run in later if run.run.run_id != run_id)
    if rewound and rewind == "none":
        raise UsageError(_later(target.name, run_id, as_of, rewound))
    if rewound and not runs and rewind != "all":
        raise UsageError(_everything(target.name, rewound))
    retired = (*published.taken_back, *(TakenBack(folder=run.folder, at=now, by_rewind=bool(rewound)) for run in later))
    existing = (run for run in retired if target.has_folder(run.folder))  # a new run may reuse a removed name
    history = History(runs=runs, taken_back=tuple(existing))
    warnings = (*_warn_of_rewind(target.name, rewound), *target.lost_changes(history))
    if not runs:
        return Predecessor(history, rewound=rewound, warnings=warnings)
    previous = runs[-1]
    _ensure_same_project(target.name, previous, project)
    manifest = target.manifest(previous)
    if later and not target.has_members(previous):
        raise PublishError(_pruned(target, runs, published.runs))
    again = repeat_options(previous.run) + (" --rewind" if later else "")
    return Predecessor(
        history,
        segments={segment.segment_id: segment for segment in manifest.segments},
        state=target.state(previous, f"restore it, or first run the snapshot of that run again with {again}"),
        rewound=rewound,
        warnings=warnings,
        fields={field.field: field for field in manifest.fields or ()},
        kept_fields=manifest.kept_fields,
        tables=manifest.tables,
        buckets=manifest.buckets,
    )


def follow_renames(previous: Predecessor, definitions: Definitions) -> Predecessor:
    """Give the segments of the previous run the ids that they have now.

    A segment is renamed if it was not in the previous run, but a segment of the same project with one of its
    `previous_ids` was, and no segment has that id now.

    Args:
        definitions: All definitions of the run's project, also those that are not evaluated.
    """
    new_ids = dict[str, str]()
    entries: list[Entry] = [*definitions.good, *definitions.broken]
    defined = set(definitions.ids)
    for definition in entries:
        old = _find_earlier(definition, defined, previous.segments)
        if old is not None:
            new_ids.setdefault(old, definition.segment_id)
    if not new_ids:
        return previous
    if previous.state is not None:
        previous.state.bitmap = previous.state.bitmap.renamed(new_ids)
    segments = (_renamed(record, new_ids.get(record.segment_id)) for record in previous.segments.values())
    return replace(
        previous,
        segments={record.segment_id: record for record in segments},
        kept_fields={new_ids.get(name, name): fields for name, fields in previous.kept_fields.items()},
        renamed=new_ids,
    )


def ignored_renames(previous: Predecessor, definitions: Definitions) -> list[Problem]:
    """Return a warning for each segment that was renamed to an id that the previous run has for another segment.

    Args:
        previous: The previous run, with the ids that segments had then.
        definitions: All definitions of the run's project, also those that are not evaluated.
    """
    warnings = list[Problem]()
    entries: list[Entry] = [*definitions.good, *definitions.broken]
    for definition in entries:
        last = previous.segments.get(definition.segment_id)
        new = {*definition.previous_ids} - _recorded_ids(last) - {definition.segment_id} if last else set[str]()
        old = min(new & previous.segments.keys(), default=None)
        if old is not None:
            what = (
                f"the segment was '{old}', but the last run had another segment with its new id, which it continues now"
            )
            advice = f"to continue '{old}', take back the change, run, and rename the segment to a new id"
            warnings.append(Problem(f"{what}; {advice}", segment_id=definition.segment_id, severity="warning"))
    return warnings


def renaming_notes(new_ids: Mapping[str, str]) -> list[Problem]:
    """Return one note per renamed segment."""
    return [
        Problem(f"continues the segment '{old}' of the last run, which was renamed", segment_id=new, severity="note")
        for old, new in sorted(new_ids.items())
    ]


def _split(runs: Sequence[PastRun], run_id: str, as_of: datetime) -> tuple[tuple[PastRun, ...], tuple[PastRun, ...]]:
    """Split the runs into those that a new run follows, and those that it replaces."""
    first = next((i for i, run in enumerate(runs) if run.run.run_id == run_id or run.run.as_of > as_of), len(runs))
    return tuple(runs[:first]), tuple(runs[first:])


def _later(output: str, run_id: str, as_of: datetime, rewound: Sequence[PastRun]) -> str:
    last = rewound[-1].run
    if last.as_of > as_of:
        what = f"run {last.run_id} is as of {_utc(last.as_of)}, later than this run, as of {_utc(as_of)}"
    else:
        what = f"run {run_id} was published before run {last.run_id}"
    return f"{output}: {what}; --rewind rolls back {_named(rewound)}; then run them again, in order"


def _everything(output: str, rewound: Sequence[PastRun]) -> str:
    return f"{output}: --rewind would roll back every run, {_named(rewound)}; to start over, add --accept all"


def _warn_of_rewind(output: str, rewound: Sequence[PastRun]) -> Iterator[Problem]:
    if rewound:
        message = f"--rewind rolls back {_named(rewound)}, with their changes; run those to keep again, in order"
        yield Problem(message, file=output, severity="warning")


def _named(runs: Sequence[PastRun]) -> str:
    return f"{counted(len(runs), 'run')} ({some_of(run.run.run_id for run in runs)})"


def _pruned(target: PublishTarget, runs: Sequence[PastRun], published: Sequence[PastRun]) -> str:
    """Describe that the members of the run to follow were pruned, and name the earliest run that can be run again."""
    pairs = zip(published[len(runs) - 1 :], published[len(runs) :], strict=False)
    earliest = next((run for before, run in pairs if target.has_members(before)), None)
    what = f"run {runs[-1].run.run_id}, which this one would follow, was pruned"
    back = f"rewind to {earliest.run.run_id} at the earliest" if earliest else "rewind to no run before the last"
    return f"{target.name}: {what}; {back}, and keep more runs from now on (--keep)"


def _utc(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _ensure_same_project(output: str, last: PastRun, project: str | None) -> None:
    """Check that the previous run was for the same project. Segments of others would seem to be deleted."""
    if last.run.project_id != project:
        was, now = (
            f"of project '{clipped(name)}'" if name else "of all projects" for name in (last.run.project_id, project)
        )
        raise UsageError(f"{output}: has the segments {was}, and this run is {now}; publish elsewhere (--output)")


def _find_earlier(definition: Entry, defined: Collection[str], before: Mapping[str, SegmentRecord]) -> str | None:
    """Return the id that a segment had in the previous run, if that is another one; the last of several."""
    if definition.segment_id in before:
        return None
    earlier = reversed(definition.previous_ids)
    return next(
        (old for old in earlier if old in before and old not in defined and _is_same(definition, before[old])), None
    )


def _is_same(definition: Entry, record: SegmentRecord) -> bool:
    return record.project_id == definition.project_id


def _renamed(record: SegmentRecord, new_id: str | None) -> SegmentRecord:
    if new_id is None:
        return record
    definition = record.definition
    if isinstance(definition, Mapping) and "id" in definition:
        definition = {**definition, "id": new_id}
    return record.model_copy(update={"segment_id": new_id, "definition": definition})


def _recorded_ids(record: SegmentRecord) -> set[str]:
    """Return the earlier ids of a segment that were known in the previous run."""
    definition = record.definition
    return {*definition.get("previous_ids", ())} if isinstance(definition, Mapping) else set()
