"""Records of a run and of its segments: the rows of the `runs` and `segments` tables."""

from datetime import UTC
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict

from segbatch.model.run_columns import Gauge, HookVariable, Total
from segbatch.text import printable


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SegmentRecord(_Record):
    """A segment, as last evaluated.

    Attributes:
        segment_id: Its id.
        project_id: Whose it is, if it says so.
        name: Its name; None where the definition cannot be read.
        description: What it is for.
        list_id: Carried through from the definition.
        definition: The definition as JSON data, and if the segment keeps older members, the one that these follow; so
            are the id of the project, the name, the description, the list id and the fingerprint. None if the file is
            not valid JSON.
        pending_definition: If the segment keeps older members, the definition that is waiting, where it is another one.
        file: Its file, as seen from where the definitions are; None where it was defined in no file.
        fingerprint: A digest of the definition; None where the file is no JSON.
        status: `ok`, `failed` (see `error`), or `held`.
        error: Why it failed or was held, a problem a line.
        member_count: How many contacts `membership` shows in it.
        entered: How many entered with this run; None where there is nothing to compare with.
        exited: How many left with this run; None where there is nothing to compare with.
        run_id: The run whose members are shown; None where none are.
    """

    segment_id: str
    project_id: str | None = None
    name: str | None = None
    description: str | None = None
    list_id: str | None = None
    definition: Any = None
    pending_definition: Any = None
    file: str | None = None
    fingerprint: str | None = None
    status: Literal["ok", "failed", "held"]
    error: str | None = None
    member_count: int = 0
    entered: int | None = None
    exited: int | None = None
    run_id: str | None = None

    @property
    def is_guess(self) -> bool:
        """Whether it represents a place in a file without a readable id, and never was a segment."""
        written = self.definition.get("id") if isinstance(self.definition, dict) else None
        return self.run_id is None and written != self.segment_id


class DeletedSegment(_Record):
    """A segment of the run before that is not defined any more.

    Attributes:
        segment_id: Its id.
        exited: How many members it had, all of whom have left.
    """

    segment_id: str
    exited: int


def _segments(status: str) -> Gauge:
    return Gauge("segbatch_segments", "Number of segments in the published run.", {"status": status})


class RunRecord(_Record):
    """A run: a row of the `runs` table. This is the only list of its columns; the marks say where else they appear.

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
        memberships: The number of rows of `membership`.
        snapshot_fingerprint: A checksum of the contents of the snapshot files.
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
    memberships: Annotated[
        int,
        Total(),
        HookVariable("SEGBATCH_MEMBERSHIPS"),
        Gauge("segbatch_memberships", "Number of rows of the published membership."),
    ]
    snapshot_fingerprint: str
    version: str


class PublishedFile(_Record):
    """A file of a run.

    Attributes:
        path: Where it is, relative to the run's folder.
        rows: How many rows it has.
        size: Its size in bytes.
        sha256: The digest of its bytes, in hexadecimal.
    """

    path: str
    rows: int
    size: int
    sha256: str


class SnapshotRecord(_Record):
    """A file of the snapshot that a run read.

    Attributes:
        path: Where it was; bytes of it that are no text are written as escapes.
        rows: How many contacts it had.
        size: Its size in bytes.
        sha256: The digest of its bytes, in hexadecimal.
    """

    path: Annotated[str, BeforeValidator(printable)]
    rows: int
    size: int
    sha256: str


class PastRun(_Record):
    """A published run and where it stands.

    Attributes:
        folder: The name of its folder.
        run: The run.
        changes: How many rows of `membership_changes` it wrote.
        changes_size: How many bytes these take; None where that was not written down.
    """

    folder: str
    run: RunRecord
    changes: int
    changes_size: int | None = None


class TakenBack(_Record):
    """The folder of a run that was published and is no more, because another took its place.

    Attributes:
        folder: The name of the folder.
        at: When that was.
        by_rewind: Whether that was a run that took back others, too.
    """

    folder: str
    at: AwareDatetime
    by_rewind: bool = False


class History(_Record):
    """The runs that lead to a run, as `history.json` in its folder has it.

    Attributes:
        runs: They and itself, in the order of their moments.
        taken_back: Folders that readers may still have open.
    """

    runs: tuple[PastRun, ...]
    taken_back: tuple[TakenBack, ...] = ()


class FieldRecord(_Record):
    """A field that rules read, as a run found it.

    Attributes:
        field: Its name, as rules write it.
        kind: What its values are to rules, such as `number` or `list of text`. If no contact has a value, what they
            were when one had.
        type: The type of the column, or of the part of it, that was read.
        is_mixed: Whether values of several kinds are read as text.
        kinds: The kinds of the values, of lists those of the elements, if it is read out of JSON, a map or records.
        is_empty: Whether no contact has a value.
    """

    field: str
    kind: str
    type: str
    is_mixed: bool = False
    kinds: tuple[str, ...] = ()
    is_empty: bool = False


class Manifest(_Record):
    """Everything about a run, as `manifest.json` in its folder has it; written last.

    Attributes:
        format: The version of this layout.
        run: The run.
        segments: Its segments, ordered by id.
        deleted: The segments of the run before that were deleted, ordered by id.
        snapshot: The files it read.
        id_column: Their column of ids; None where that was not written down.
        custom_fields: Their column that definitions call `custom_fields`, if it has another name.
        files: The files it wrote.
        warnings: What was legal and often is a mistake, a message each.
        notes: Facts about how the run read its input, a message each.
        versions: The versions of Python and of the libraries that a result can depend on.
        fields: The fields that rules read, ordered by name; None if that was not recorded.
        kept_fields: For each segment that keeps older members, the fields as they were when it got them.
    """

    format: Literal[1] = 1
    run: RunRecord
    segments: tuple[SegmentRecord, ...]
    deleted: tuple[DeletedSegment, ...] = ()
    snapshot: tuple[SnapshotRecord, ...]
    id_column: str | None = None
    custom_fields: str | None = None
    files: tuple[PublishedFile, ...]
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    versions: dict[str, str] = {}
    fields: tuple[FieldRecord, ...] | None = None
    kept_fields: dict[str, tuple[FieldRecord, ...]] = {}


def again_with(run: RunRecord) -> str:
    """Return the options that repeat a run."""
    return f"--run-id {run.run_id} --as-of {run.as_of.astimezone(UTC).isoformat().replace('+00:00', 'Z')}"
