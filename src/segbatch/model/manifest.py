"""Records of a run and of its segments: the rows of the `runs` and `segments` tables."""

from datetime import UTC
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, Field

from segbatch.model.column_marks import Gauge, HookVariable, Total
from segbatch.model.input_records import FieldRecord, ListRecord, SnapshotRecord, SourceRecord, TableRecord
from segbatch.model.record import Record

SegmentStatus = Literal["ok", "failed", "held", "disabled"]
"""The result of a segment in a run."""


class SegmentRecord(Record):
    """A segment in a run: a row of the `segments` table.

    If the segment keeps older members, `definition` and all columns that are copied from it are those that the members
    were evaluated with. The documented columns come first, in the documented order.

    Attributes:
        name: None if the definition cannot be read.
        list_id: Copied from the definition.
        definition: The definition as JSON data; None if the file is not valid JSON.
        status: `ok`, `failed` or `held` (see `error`), or `disabled`: not enabled, or expired.
        error: The reasons why the segment failed or was held back, one per line.
        owner: Copied from the definition.
        tags: Copied from the definition.
        expires_at: The moment when the segment expires.
        member_count: The number of contacts that `membership` has for the segment.
        entered: The number of contacts that entered with this run; None for a first run.
        exited: The number of contacts that left with this run; None for a first run.
        run_id: The run that the members were evaluated in; None if the segment has no members yet, or is disabled.
        pending_definition: If the segment keeps older members, the current definition, if it is different.
        file: The definition file, relative to the folder of the definitions; None if there is no file.
        fingerprint: A checksum of the definition and of the lists that it names; None if the file is not valid JSON.
    """

    segment_id: str
    project_id: str | None = None
    name: str | None = None
    description: str | None = None
    list_id: str | None = None
    definition: Any = None
    status: SegmentStatus
    error: str | None = None
    owner: str | None = None
    tags: tuple[str, ...] = ()
    expires_at: AwareDatetime | None = None
    member_count: int = 0
    entered: int | None = None
    exited: int | None = None
    run_id: str | None = None
    pending_definition: Any = None
    file: str | None = None
    fingerprint: str | None = None

    @property
    def is_guess(self) -> bool:
        """Whether the id is made up for a definition without a readable id, which never was a segment."""
        written = self.definition.get("id") if isinstance(self.definition, dict) else None
        return self.run_id is None and written != self.segment_id


class DeletedSegment(Record):
    """A segment of the previous run that is no longer defined.

    Attributes:
        exited: The number of members that it had, which all have left.
    """

    segment_id: str
    exited: int


def _segments(status: str) -> Gauge:
    return Gauge("segbatch_segments", "Number of segments in the published run.", {"status": status})


class RunRecord(Record):
    """A run: a row of the `runs` table. This is the only list of its columns; the marks add them to other places.

    Attributes:
        run_id: The run id, which is also the name of the run's folder.
        as_of: The evaluation time of the run.
        timezone: The IANA name of the run's time zone.
        finished_at: The time when all segments were evaluated and written.
        project_id: The project that the run was limited to; None for all.
        status: `ok`, or `partial` if segments failed or were held back.
        contacts: The number of contacts in the snapshot.
        segments_ok: The number of evaluated segments.
        segments_held: The number of segments that were held back.
        segments_disabled: The number of segments that are not enabled, or expired.
        segments_left_out: The number of segments that kept their members because the run was limited to others. The
            other numbers of segments do not include them.
        memberships: The number of rows of `membership`.
        snapshot_fingerprint: A checksum of the contents of the snapshot files. For a version of a Delta or Iceberg
            table, a checksum of the source and of the names and sizes of the files.
        version: The version of segbatch.
    """

    run_id: str
    as_of: Annotated[
        AwareDatetime, Total(), Gauge("segbatch_as_of_timestamp_seconds", "Evaluation time of the published run.")
    ]
    timezone: str
    started_at: AwareDatetime
    finished_at: Annotated[
        AwareDatetime,
        Gauge("segbatch_last_published_timestamp_seconds", "Time when the published run was evaluated."),
    ]
    project_id: str | None = None
    status: Annotated[Literal["ok", "partial"], Total()]
    contacts: Annotated[
        int,
        Total(),
        HookVariable("SEGBATCH_CONTACTS_READ"),
        Gauge("segbatch_contacts", "Number of contacts in the snapshot of the published run."),
    ]
    segments_ok: Annotated[int, Total(), HookVariable("SEGBATCH_SEGMENTS_OK"), _segments("ok")]
    segments_failed: Annotated[int, Total(), HookVariable("SEGBATCH_SEGMENTS_FAILED"), _segments("failed")]
    segments_held: Annotated[int, Total(), HookVariable("SEGBATCH_SEGMENTS_HELD"), _segments("held")]
    segments_disabled: Annotated[int, Total(), HookVariable("SEGBATCH_SEGMENTS_DISABLED"), _segments("disabled")] = 0
    segments_left_out: Annotated[int, Total(), HookVariable("SEGBATCH_SEGMENTS_LEFT_OUT"), _segments("left_out")] = 0
    memberships: Annotated[
        int,
        Total(),
        HookVariable("SEGBATCH_MEMBERSHIPS"),
        Gauge("segbatch_memberships", "Number of rows of the published membership."),
    ]
    snapshot_fingerprint: str
    version: str


class PublishedFile(Record):
    """A file of a run.

    Attributes:
        path: The path of the file, relative to the folder of the run.
        size: The size in bytes.
        sha256: The SHA-256 of the file, in hexadecimal.
    """

    path: str
    rows: int
    size: int
    sha256: str


class Buckets(Record):
    """The buckets of contacts that a run on a cluster wrote its files by.

    Attributes:
        number: The number of buckets.
        hash: The name of the hash of the contact id that a contact's bucket follows from.
        contacts: The number of contacts of the snapshot in each bucket. The state of a bucket has these first, and then
            contacts that are gone from the snapshot but that failed segments keep.
    """

    number: int
    hash: str
    contacts: tuple[int, ...]


class PastRun(Record):
    """A published run in the history.

    Attributes:
        folder: The name of the folder of the run.
        changes: The number of rows that the run wrote to `membership_changes`.
        changes_size: The size of these in bytes; None if it was not recorded.
        buckets: The number of files that have these, one per bucket of contacts; None for one file.
        renamed: The segments that have another id since this run: the new id of each old one.
        reused: The new ids among these that other segments had in earlier runs.
    """

    folder: str
    run: RunRecord
    changes: int
    changes_size: int | None = None
    buckets: int | None = None
    renamed: dict[str, str] = Field(default_factory=dict)
    reused: tuple[str, ...] = ()


class TakenBack(Record):
    """The folder of a run that was replaced or rolled back.

    Attributes:
        folder: The name of the folder.
        at: The time when another run took its place.
        by_rewind: Whether the other run rolled back more runs than one with the same id.
    """

    folder: str
    at: AwareDatetime
    by_rewind: bool = False


class History(Record):
    """The runs up to and including a run, as in the file `history.json` in its folder.

    Attributes:
        runs: The runs, ordered by `as_of`.
        taken_back: Folders of replaced and rolled-back runs, which readers may still have open.
    """

    runs: tuple[PastRun, ...]
    taken_back: tuple[TakenBack, ...] = ()


class Manifest(Record):
    """All facts about a run, as in the file `manifest.json` in its folder, which is written last.

    Attributes:
        format: The version of the format of the manifest.
        segments: The segments of the run, ordered by id.
        deleted: The segments of the previous run that were deleted, ordered by id.
        snapshot: The files that the run read.
        source: The version of a Delta or Iceberg table that these files belong to; None for files on their own.
        id_column: The column with the contact ids; None if it was not recorded.
        custom_fields: The column that definitions call `custom_fields`, if it has another name.
        files: The files that the run wrote.
        warnings: Messages about input that is valid, but often a mistake.
        notes: Messages about how the run read its input.
        versions: The versions of Python and of the libraries that a result can depend on.
        fields: The fields that rules read, ordered by name; None if they were not recorded.
        lists: The lists that rules name, ordered by name.
        kept_fields: For each segment that keeps older members, the fields as they were when these were evaluated.
        tables: The related tables that rules read.
        left_out: The segments that were not evaluated because the run was limited to others, ordered by id.
        renamed: The segments of the previous run that have another id since this run: the new id of each old one.
        engine: The engine that evaluated the segments: `local`, `spark`, or the name of another one; None if it was not
            recorded.
        buckets: The buckets of a run on a cluster; None for a run on one machine.
    """

    format: Literal[1] = 1
    run: RunRecord
    segments: tuple[SegmentRecord, ...]
    deleted: tuple[DeletedSegment, ...] = ()
    snapshot: tuple[SnapshotRecord, ...]
    source: SourceRecord | None = None
    id_column: str | None = None
    custom_fields: str | None = None
    files: tuple[PublishedFile, ...]
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    versions: dict[str, str] = Field(default_factory=dict)
    fields: tuple[FieldRecord, ...] | None = None
    kept_fields: dict[str, tuple[FieldRecord, ...]] = Field(default_factory=dict)
    tables: tuple[TableRecord, ...] = ()
    left_out: tuple[str, ...] = ()
    lists: tuple[ListRecord, ...] = ()
    renamed: dict[str, str] = Field(default_factory=dict)
    engine: str | None = None
    buckets: Buckets | None = None


def repeat_options(run: RunRecord) -> str:
    """Return the options that repeat a run."""
    return f"--run-id {run.run_id} --as-of {run.as_of.astimezone(UTC).isoformat().replace('+00:00', 'Z')}"
