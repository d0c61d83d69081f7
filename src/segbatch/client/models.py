"""Segments as the API gives them: the models of definitions, which keep what a newer server may say beyond them."""

from typing import Annotated

from pydantic import ConfigDict, Discriminator, Field, Tag

from segbatch.definitions.segment import Group, Rule, Segment, kind_of_node

__all__ = ["SavedGroup", "SavedRule", "SavedSegment"]


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
"""A rule of a saved segment, or a group of them."""

SavedGroup.model_rebuild()


class SavedSegment(Segment):
    """A segment that the API has; it can be used wherever a `Segment` can.

    Attributes:
        etag: A fingerprint of its definition, to be sent with a change that is only meant for this one; None in lists.
    """

    model_config = ConfigDict(extra="allow")

    rules: Annotated[tuple[SavedNode, ...], Field(min_length=1, strict=False)]
    etag: Annotated[str | None, Field(exclude=True)] = None
