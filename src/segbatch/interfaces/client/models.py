"""Models of the API's responses. They extend the models of definitions and keep unknown keys of newer servers."""

from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Discriminator, Field, Tag

from segbatch.model.segment import Group, Rule, Segment, kind_of_node

__all__ = ["MembersPage", "Preview", "PreviewWarning", "SavedGroup", "SavedRule", "SavedSegment"]


class SavedRule(Rule):
    """A rule of a saved segment."""

    model_config = ConfigDict(extra="allow")


class SavedGroup(Group):
    """A group of a saved segment."""

    model_config = ConfigDict(extra="allow")

    rules: Annotated[tuple["SavedNode", ...], Field(min_length=1, strict=False)]


SavedNode = Annotated[
    Annotated[SavedRule, Tag("<rule>")] | Annotated[SavedGroup, Tag("<group>")], Discriminator(kind_of_node)
]
"""A rule or a group of a saved segment."""

SavedGroup.model_rebuild()


class SavedSegment(Segment):
    """A segment that the API has; it can be used wherever a `Segment` can.

    Attributes:
        etag: A fingerprint of its definition, to be sent with a change that is only meant for this one; None in lists.
    """

    model_config = ConfigDict(extra="allow")

    rules: Annotated[tuple[SavedNode, ...], Field(min_length=1, strict=False)]
    etag: Annotated[str | None, Field(exclude=True)] = None


class _Answer(BaseModel):
    """What all other answers share."""

    model_config = ConfigDict(extra="allow", frozen=True, hide_input_in_errors=True)


class MembersPage(_Answer):
    """Some of the contacts in a segment, as the last run found them.

    Attributes:
        segment_id: The segment.
        run_id: The run.
        as_of: The moment for which it holds, UTC.
        status: What the run made of the segment: `ok`, or `failed` or `held`, which keep the members they had.
        member_count: How many contacts are in the segment.
        members: The ids of some of them.
        next_cursor: What asks for the next ones; None where these are the last.
    """

    segment_id: str
    run_id: str
    as_of: AwareDatetime
    status: str
    member_count: int
    members: tuple[str | int, ...]
    next_cursor: str | None


class PreviewWarning(_Answer):
    """What is legal in a definition and often a mistake.

    Attributes:
        path: Where, such as `$.rules[0].field`.
        message: What it is.
    """

    path: str
    message: str


class Preview(_Answer):
    """What a segment would hold.

    Attributes:
        as_of: The moment for which it holds, UTC.
        contacts: How many contacts there are.
        member_count: How many of them the segment would hold.
        share: The same as a share; None where there are no contacts.
        first: The ids of the first of them.
        warnings: What is legal and often a mistake.
    """

    as_of: AwareDatetime
    contacts: int
    member_count: int
    share: float | None
    first: tuple[str | int, ...]
    warnings: tuple[PreviewWarning, ...] = ()
