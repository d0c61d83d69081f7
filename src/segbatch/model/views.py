"""Answers about published runs and saved segments, as the API and the report have them in JSON."""

from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, Field, PlainSerializer, WithJsonSchema

from segbatch.model.manifest import SegmentStatus
from segbatch.model.operators import MatchName
from segbatch.model.record import Record
from segbatch.model.segment import write_moment

Moment = Annotated[
    AwareDatetime,
    PlainSerializer(write_moment, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2025-06-01T10:00:00.000Z"]}),
]
ContactId = Annotated[str | int, Field(description="The id of a contact, as in the snapshot.")]
Count = Annotated[int, Field(ge=0)]
Names = Annotated[
    dict[str, str],
    Field(description="The names of the segments that the answer mentions by id only, as far as they are known."),
]
RuleAsSaved = Annotated[
    dict[str, Any],
    Field(description="The rule as in the definition, or a group without its rules."),
]


class RunRow(Record):
    """A published run in the list of runs. The numbers are those of the segments that the caller can see."""

    id: str
    as_of: Moment = Field(description="The time as of which the run was evaluated.")
    started_at: Moment
    finished_at: Moment
    duration_seconds: float = Field(ge=0)
    status: Literal["ok", "partial"] = Field(description="`partial` if segments failed or were held back.")
    is_current: bool = Field(description="Whether this is the last published run.")
    keeps_members: bool = Field(description="Whether its members still exist; they are pruned after some time.")
    contact_count: Count | None = Field(
        description="The number of contacts; null for a key of a project if the run had contacts of other projects."
    )
    membership_count: Count
    segment_count: Count
    entered: Count | None = Field(description="Contacts that entered segments; null for a first run.")
    left: Count | None = Field(description="Contacts that left segments; null for a first run.")
    segments_failed: Count
    segments_held: Count


class Mover(Record):
    """A segment whose members changed in a run."""

    id: str
    name: str | None
    member_count: Count
    entered: Count
    left: Count


class FailedSegment(Record):
    """A segment that failed in a run."""

    id: str
    message: str


class HeldSegment(Record):
    """A segment that was held back in a run."""

    id: str
    reason: str


class RunDetails(RunRow):
    """A published run, and what differs from the previous one."""

    previous_run_id: str | None
    movers: tuple[Mover, ...] = Field(description="The segments with the most changes, at most 20.")
    added: tuple[str, ...] = Field(description="Segments that the previous run did not have.")
    removed: tuple[str, ...] = Field(description="Segments of the previous run that are no longer defined.")
    redefined: tuple[str, ...] = Field(description="Segments whose definition changed since the previous run.")
    failed: tuple[FailedSegment, ...]
    held: tuple[HeldSegment, ...]
    segment_names: Names


class RunsPage(Record):
    """A page of the published runs, the newest first."""

    runs: tuple[RunRow, ...]
    next_cursor: str | None = Field(description="The cursor of the next page; null on the last page.")


class SegmentRow(Record):
    """A segment in a run."""

    id: str
    name: str | None = Field(description="Null if the definition cannot be read.")
    project_id: str | None
    owner: str | None
    tags: tuple[str, ...]
    status: SegmentStatus
    member_count: Count
    entered: Count | None
    left: Count | None
    sizes: tuple[Count | None, ...] = Field(
        description="Its sizes up to this run, the oldest first, by the order of `history`; null if a run lacks it."
    )


class HistoryRun(Record):
    """A run that sizes are shown of."""

    run_id: str
    as_of: Moment


class SegmentsPage(Record):
    """A page of the segments of a run, by id."""

    run_id: str
    history: tuple[HistoryRun, ...] = Field(
        description="The runs of the sizes, the oldest first; the last is this run."
    )
    segments: tuple[SegmentRow, ...]
    next_cursor: str | None = Field(description="The cursor of the next page; null on the last page.")


class SegmentRun(Record):
    """The result of a segment in a run: a row of the table `segment_runs`."""

    run_id: str
    segment_id: str
    as_of: Moment
    member_count: Count
    entered: Count | None
    left: Count | None
    status: SegmentStatus
    fingerprint: str | None = Field(description="A checksum of the definition; null if it cannot be read.")


class SegmentDetails(SegmentRow):
    """A segment in a run, with its earlier results and its references."""

    message: str | None = Field(description="The reasons why it failed or was held back, one per line.")
    definition: Any = Field(description="The definition that its members were evaluated with.")
    runs: tuple[SegmentRun, ...] = Field(description="Its results up to this run, the oldest first.")
    names: tuple[str, ...] = Field(description="The segments that its rules refer to.")
    named_by: tuple[str, ...] = Field(description="The segments that refer to it.")
    segment_names: Names


class SizedSegment(Record):
    """A segment and its size."""

    id: str
    name: str | None
    member_count: Count


class NearDuplicate(Record):
    """Two segments with almost the same members."""

    a: str
    b: str
    jaccard: float = Field(ge=0, le=1, description="The contacts in both, as a share of those in one of the two.")


class Inside(Record):
    """A segment whose members are all in another one."""

    inner: str
    outer: str


class Overlap(Record):
    """The numbers of contacts that segments of a run share."""

    run_id: str
    segments: tuple[SizedSegment, ...]
    counts: tuple[tuple[int, ...], ...] = Field(
        description="The contacts in both segments, by the order of `segments` in rows and columns."
    )
    near_duplicates: tuple[NearDuplicate, ...] = Field(description="Of all segments of the run, at most 200.")
    inside: tuple[Inside, ...] = Field(description="Of all segments of the run, at most 200.")
    segment_names: Names


class ContactMembership(Record):
    """A segment that a contact is in."""

    id: str
    name: str | None
    since: Moment | None = Field(
        description="The time of the run that the contact entered with; null if that run is no longer known."
    )


class ContactView(Record):
    """The segments that a contact is in, as of a run."""

    run_id: str
    contact_id: ContactId
    segments: tuple[ContactMembership, ...]
    fields: dict[str, Any] | None = Field(
        None, description="The columns of the contact; null if the server has no contacts (`--contacts`)."
    )


class Located(Record):
    """An error in a definition."""

    path: str = Field(description="The location, as a JSONPath.", examples=["$.rules[0].operator"])
    message: str


class FoundProblem(Located):
    """A part of a definition that is valid but probably not intended."""

    kind: str | None = Field(description="The name of the finding; null for a warning without a name.")


class RuleInWords(Record):
    """A rule or a group of rules in words."""

    path: str
    words: str = Field(description="The rule as text; `all of`, `any of` or `none of` for a group.")
    match: MatchName | None = Field(description="The way the rules of a group are combined; null for a rule.")
    definition: RuleAsSaved
    rules: tuple["RuleInWords", ...] = Field(description="The rules of a group.")


class FunnelStep(Record):
    """The number of contacts that a rule or a group keeps."""

    path: str
    rule: str
    definition: RuleAsSaved
    count: Count = Field(description="The contacts that match it.")
    left: Count | None = Field(
        description="The contacts that match it and all steps before it; null inside a group, and if any is enough."
    )
    steps: tuple["FunnelStep", ...] = Field(description="The steps of the rules of a group.")


class RuleVerdict(Record):
    """The result of a rule or a group for a contact."""

    path: str
    rule: str
    definition: RuleAsSaved
    holds: bool
    why: str
    parts: tuple["RuleVerdict", ...]


class ContactVerdict(Record):
    """The reasons why a contact is in a segment, or why it is not."""

    contact_id: ContactId
    member: bool
    verdicts: tuple[RuleVerdict, ...]


class SegmentExplanation(Record):
    """A saved segment in words and as SQL."""

    segment_id: str
    match: MatchName
    words: tuple[RuleInWords, ...]
    sql: str | None = Field(description="A query for its members in DuckDB; null if there is none.")
    no_sql: str | None = Field(description="The reason why there is no SQL; null if there is SQL.")
    no_contacts: str | None = Field(
        description="The reason why no contacts were read, so that errors of fields are not found; null if they were."
    )
    names: tuple[str, ...] = Field(description="The segments that its rules refer to.")
    named_by: tuple[str, ...] = Field(description="The segments that refer to it.")
    segment_names: Names
    errors: tuple[Located, ...] = Field(description="The reasons why it cannot be evaluated over the contacts.")
    findings: tuple[FoundProblem, ...]
    contacts: Count | None = Field(description="The number of contacts that `funnel` is about; null without it.")
    funnel: tuple[FunnelStep, ...] | None = Field(description="Null unless the request asks for it (`funnel=true`).")
    verdict: ContactVerdict | None = Field(description="Null unless the request names a contact (`contact=ID`).")
