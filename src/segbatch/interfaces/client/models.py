"""Models of the API's responses. They extend the models of definitions and keep unknown keys of newer servers."""

from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Discriminator, Field, Tag

from segbatch.model.rule import Group, Rule, TableRule, kind_of_node
from segbatch.model.segment import Segment


class SavedRule(Rule):
    """A rule of a saved segment."""

    model_config = ConfigDict(extra="allow")


class SavedTableRule(TableRule):
    """A rule of a saved segment on a related table."""

    model_config = ConfigDict(extra="allow")

    where: Annotated[tuple["SavedNode", ...], Field(min_length=1, strict=False)] | None = None


class SavedGroup(Group):
    """A group of a saved segment."""

    model_config = ConfigDict(extra="allow")

    rules: Annotated[tuple["SavedNode", ...], Field(min_length=1, strict=False)]


SavedNode = Annotated[
    Annotated[SavedRule, Tag("<rule>")]
    | Annotated[SavedTableRule, Tag("<table rule>")]
    | Annotated[SavedGroup, Tag("<group>")],
    Discriminator(kind_of_node),
]
"""A rule or a group of a saved segment."""

SavedTableRule.model_rebuild()
SavedGroup.model_rebuild()


class SavedSegment(Segment):
    """A segment as returned by the API. It can be used like a `Segment`.

    Attributes:
        etag: The ETag of the definition. Pass it as `if_match` to change only this version; None in lists.
    """

    model_config = ConfigDict(extra="allow")

    rules: Annotated[tuple[SavedNode, ...], Field(min_length=1, strict=False)]
    etag: Annotated[str | None, Field(exclude=True)] = None


class _Response(BaseModel):
    """The base of all other responses."""

    model_config = ConfigDict(extra="allow", frozen=True, hide_input_in_errors=True)


class MembersPage(_Response):
    """A page of the contacts in a segment, as of the last run.

    Attributes:
        run_id: The id of the run.
        as_of: The time that the run was evaluated as of, UTC.
        status: The result of the segment in the run: `ok`; `failed` or `held`, which keep the previous members;
            or `disabled`, which has none.
        member_count: The number of contacts in the segment.
        members: The contact ids on this page.
        next_cursor: The cursor of the next page; None on the last page.
    """

    segment_id: str
    run_id: str
    as_of: AwareDatetime
    status: str
    member_count: int
    members: tuple[str | int, ...]
    next_cursor: str | None


class MemberFields(_Response):
    """A contact in a segment, with fields.

    Attributes:
        id: The contact id.
        values: The values by field; None if the server's contacts do not contain this one, or it has no contacts.
    """

    id: str | int
    values: dict[str, Any] | None


class MembersWithFieldsPage(_Response):
    """A page of the contacts in a segment with fields, as of the last run. For the rest, see `MembersPage`.

    Attributes:
        fields: The fields in the order of the request; None if the server has no contacts (`--contacts`).
        members: The contacts on this page. Their values are those of the server's contacts, which may be newer than
            the run.
    """

    segment_id: str
    run_id: str
    as_of: AwareDatetime
    status: str
    member_count: int
    fields: tuple[str, ...] | None
    members: tuple[MemberFields, ...]
    next_cursor: str | None


class PreviewWarning(_Response):
    """A warning about a part of a definition that is valid but often a mistake.

    Attributes:
        path: The place in the definition, such as `$.rules[0].field`.
    """

    path: str
    message: str


class Preview(_Response):
    """The members of a definition that is not saved.

    Attributes:
        as_of: The time that the definition was evaluated as of, UTC.
        contacts: The number of contacts.
        member_count: The number of members.
        share: `member_count` as a share of all contacts; None if there are zero contacts.
        first: The ids of the first members.
        warnings: Parts of the definition that are valid but often a mistake.
    """

    as_of: AwareDatetime
    contacts: int
    member_count: int
    share: float | None
    first: tuple[str | int, ...]
    warnings: tuple[PreviewWarning, ...] = ()
