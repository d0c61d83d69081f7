"""Models of responses. FastAPI describes them in the OpenAPI document."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

from segbatch.definitions.definition import Definition
from segbatch.interfaces.api.problems import CODES, URN
from segbatch.interfaces.api.schemas import RULES, SEGMENT_KEYS
from segbatch.model.manifest import SegmentStatus
from segbatch.model.operators import MatchName, OperatorName
from segbatch.model.segment import write_moment
from segbatch.model.views import FoundProblem, Located

_ADDED = ("match", "max_change", "enabled", "owner", "tags", "expires_at", "examples")
"""The keys that segbatch adds, which responses have only if they are set."""

_EXAMPLE: dict[str, Any] = {
    "id": "3e7b36b9-0d3b-4bb0-8a0d-0a3a7e0f9d53",
    "project_id": "proj-1",
    "name": "Pro Plan Users",
    "description": "All active contacts on the pro plan",
    "rules": RULES,
    "list_id": "spring-campaign",
    "created_at": "2025-06-01T10:00:00.000Z",
    "updated_at": "2025-06-02T08:30:00.000Z",
}

Moment = Annotated[str, Field(json_schema_extra={"format": "date-time"}, examples=["2025-06-01T10:00:00.000Z"])]
ContactId = Annotated[str | int, Field(description="The id of a contact, as in the snapshot.")]
JsonPath = Annotated[str, Field(description="The location, as a JSONPath.", examples=["$.rules[0].operator"])]


class _Response(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Health(_Response):
    """The server is running."""

    status: Literal["ok"] = "ok"


class Segment(BaseModel):
    """A saved segment."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})  # newer servers may add keys

    id: Annotated[str, WithJsonSchema(SEGMENT_KEYS["id"])]
    project_id: Annotated[str | None, WithJsonSchema(SEGMENT_KEYS["project_id"])]
    name: Annotated[str, WithJsonSchema(SEGMENT_KEYS["name"])]
    description: Annotated[str | None, WithJsonSchema(SEGMENT_KEYS["description"])]
    rules: Annotated[list[Any], WithJsonSchema(SEGMENT_KEYS["rules"])]
    list_id: Annotated[str | None, WithJsonSchema(SEGMENT_KEYS["list_id"])]
    created_at: Annotated[str | None, WithJsonSchema(SEGMENT_KEYS["created_at"])]
    updated_at: Annotated[
        str | None,
        WithJsonSchema(
            {**SEGMENT_KEYS["updated_at"], "description": "The time of the last change, UTC; null until the first."}
        ),
    ]
    match: Annotated[MatchName | None, WithJsonSchema(SEGMENT_KEYS["match"])] = None
    max_change: Annotated[float | None, WithJsonSchema(SEGMENT_KEYS["max_change"])] = None
    enabled: Annotated[bool | None, WithJsonSchema(SEGMENT_KEYS["enabled"])] = None
    owner: Annotated[str | None, WithJsonSchema(SEGMENT_KEYS["owner"])] = None
    tags: Annotated[tuple[str, ...] | None, WithJsonSchema(SEGMENT_KEYS["tags"])] = None
    expires_at: Annotated[str | None, WithJsonSchema(SEGMENT_KEYS["expires_at"])] = None
    examples: Annotated[dict[str, Any] | None, WithJsonSchema(SEGMENT_KEYS["examples"])] = None

    @classmethod
    def of(cls, stored: Definition) -> "Segment":
        """Return the response for a saved segment.

        It has all documented keys, and the keys that segbatch adds if they are set. They are not validated again.
        """
        segment, data = stored.segment, stored.content
        created, updated = segment.created_at, segment.updated_at
        return cls.model_construct(
            id=segment.id,
            project_id=segment.project_id,
            name=segment.name,
            description=segment.description,
            rules=data["rules"],
            list_id=segment.list_id,
            created_at=write_moment(created) if created else None,
            updated_at=write_moment(updated) if updated and updated != created else None,
            **{key: getattr(segment, key) for key in _ADDED if data.get(key) is not None and key != "examples"},
            **({"examples": data["examples"]} if data.get("examples") is not None else {}),
        )


class Members(_Response):
    """A page of the members of a segment."""

    segment_id: str
    run_id: str = Field(description="The run that the members come from.")
    as_of: Moment = Field(description="The time as of which the run was evaluated.")
    status: SegmentStatus = Field(
        description="The result of the segment. A segment that failed or was held kept its previous members; a "
        "disabled one has none."
    )
    member_count: int = Field(ge=0, description="The number of all members, including those of other pages.")
    members: list[ContactId]
    next_cursor: str | None = Field(description="The cursor of the next page; null on the last page.")


class MemberFields(_Response):
    """A member of a segment, with fields of the contact."""

    id: ContactId
    values: dict[str, Any] | None = Field(
        description="The values by field; null if the contacts of the server do not contain this one."
    )


class MembersWithFields(_Response):
    """A page of the members of a segment, with fields of the contacts."""

    segment_id: str
    run_id: str = Field(description="The run that the members come from.")
    as_of: Moment = Field(description="The time as of which the run was evaluated.")
    status: SegmentStatus = Field(description="The result of the segment, as in a page without fields.")
    member_count: int = Field(ge=0, description="The number of all members, including those of other pages.")
    fields: tuple[str, ...] | None = Field(
        description="The fields in the order of the request; null if the server has no contacts (`--contacts`)."
    )
    members: list[MemberFields]
    next_cursor: str | None = Field(description="The cursor of the next page; null on the last page.")


class Warned(_Response):
    """A valid part of a definition that is probably not intended."""

    path: JsonPath
    message: str


class Comparison(_Response):
    """The members of a saved segment that a preview would change."""

    segment_id: str
    member_count: int = Field(ge=0, description="The number of contacts that the saved segment contains now.")
    entered: int = Field(ge=0, description="The number of contacts that only the preview contains.")
    left: int = Field(ge=0, description="The number of contacts that only the saved segment contains.")


class Preview(_Response):
    """The members that a segment would contain."""

    as_of: Moment = Field(description="The time that relative dates are measured from.")
    contacts: int = Field(ge=0, description="The number of contacts in the project.")
    member_count: int = Field(ge=0, description="The number of contacts that the segment would contain.")
    share: float | None = Field(ge=0, le=1, description="The share of these contacts; null if there are none.")
    first: list[ContactId] = Field(description="The first members, in the order of the snapshot.")
    warnings: list[Warned]
    compared: Comparison | None = Field(None, description="The comparison, if the request has `compare_with`.")


class Check(_Response):
    """The errors and findings of a definition that is not saved."""

    errors: tuple[Located, ...]
    findings: tuple[FoundProblem, ...]
    no_contacts: str | None = Field(
        description="The reason why fields and their types were not checked: there are no contacts. Else null."
    )


class FieldType(_Response):
    """A field that rules can name."""

    name: str
    type: str = Field(description="The type that rules read it as.", examples=["text", "number", "list of text"])
    operators: tuple[OperatorName, ...] = Field(description="The operators that this type supports.")
    table: str | None = Field(description="The related table that has the field; null for a field of the contacts.")


class Fields(_Response):
    """The fields that rules can name."""

    fields: tuple[FieldType, ...]


class FieldValue(_Response):
    """A value of a field that several contacts have."""

    value: str | int | float | bool
    contacts: int = Field(ge=0)


class FieldValues(_Response):
    """The most frequent values of a field. Values that fewer than five contacts have are not shown."""

    name: str
    values: tuple[FieldValue, ...]


class SessionState(_Response):
    """The sign-in of a browser."""

    signed_in: bool
    keys_required: bool = Field(description="Whether the server has keys; without, every local user is signed in.")
    project_id: str | None = Field(description="The project of the key; null if it has several, or without a key.")
    projects: tuple[str, ...] = Field(description="The projects of the key.")
    read_only: bool = Field(description="Whether the key cannot change anything.")
    shows_fields: bool = Field(
        description="Whether members and contacts have fields: the server has contacts (`--contacts`)."
    )
    csrf_token: str | None = Field(description="The value of the header `X-CSRF-Token` for changes.")


class Error(_Response):
    """One error in a request."""

    path: JsonPath
    message: str


class Problem(_Response):
    """The reason why a request failed (RFC 9457)."""

    type: str = Field(json_schema_extra={"enum": [URN + code for code in CODES]})
    title: str
    status: int
    detail: str = Field(description="All errors, one per line.")
    errors: list[Error] = Field(default_factory=list)
    named_by: list[str] = Field(default_factory=list, description="The ids of the segments that refer to this one.")
