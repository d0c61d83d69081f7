"""Restriction of a command to some segments: by id, by tag, by owner."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from segbatch.definitions.definition import Definitions, Entry
from segbatch.errors import UsageError
from segbatch.text import nearest_or_some, shown


class Labelled(Protocol):
    """A segment with the properties that conditions compare."""

    @property
    def segment_id(self) -> str:
        """The id."""

    @property
    def tags(self) -> Sequence[str]:
        """The tags."""

    @property
    def owner(self) -> str | None:
        """The owner, if there is one."""


@dataclass(frozen=True, slots=True)
class SegmentFilter:
    """Conditions that select segments; without any condition, all segments.

    The values of one kind are alternatives. A segment must meet every kind that is given: `tags=["vip"]` with
    `owners=["growth", "sales"]` selects the segments that have the tag and belong to one of the two.

    Attributes:
        segments: The ids of segments.
        tags: Tags.
        owners: Owners.
    """

    segments: Sequence[str] = ()
    tags: Sequence[str] = ()
    owners: Sequence[str] = ()

    def __post_init__(self) -> None:
        """Check that the conditions are lists of texts.

        Raises:
            UsageError: A condition is a text, or contains something else.
        """
        for name, option, values in self._kinds():
            if isinstance(values, str) or not all(isinstance(value, str) for value in values):
                raise UsageError(f"{name} must be a list of texts; found {shown(values)} ({option})")

    def __bool__(self) -> bool:
        """Whether there is any condition."""
        return any(values for _, _, values in self._kinds())

    def _kinds(self) -> Iterator[tuple[str, str, Sequence[str]]]:
        yield "segments", "--segment", self.segments
        yield "tags", "--tag", self.tags
        yield "owners", "--owner", self.owners

    def __str__(self) -> str:
        """Describe the conditions, such as `tag 'vip' and owner 'growth' or 'sales'`."""
        words = zip(("id", "tag", "owner"), self._kinds(), strict=True)
        return " and ".join(f"{word} {' or '.join(map(shown, values))}" for word, (_, _, values) in words if values)

    def select(self, entries: Iterable[Entry]) -> list[Entry]:
        """Return the entries that meet the conditions.

        Raises:
            UsageError: An id, tag or owner does not occur, or no entry meets all conditions.
        """
        entries = [*entries]
        if not self:
            return entries
        self._ensure_known(entries)
        found = [entry for entry in entries if self.matches(entry)]
        if not found:
            raise UsageError(f"no segment has {self}; use fewer of the options --segment, --tag and --owner")
        return found

    def apply(self, definitions: Definitions) -> Definitions:
        """Return the definitions that meet the conditions, and the ones that they reference.

        Raises:
            UsageError: An id, tag or owner does not occur, or no definition meets all conditions.
        """
        if not self:
            return definitions
        by_id = {entry.segment_id: entry for entry in definitions.good}
        reached = {entry.segment_id for entry in self.select((*definitions.good, *definitions.broken))}
        waiting = [by_id[segment_id] for segment_id in reached if segment_id in by_id]
        while waiting:
            for segment_id in waiting.pop().references:
                if segment_id not in reached:
                    reached.add(segment_id)
                    waiting += [by_id[segment_id]] if segment_id in by_id else []
        good = tuple(entry for entry in definitions.good if entry.segment_id in reached)
        broken = tuple(entry for entry in definitions.broken if entry.segment_id in reached)
        return Definitions(good, broken, definitions.lists)

    def matches(self, segment: Labelled) -> bool:
        """Return whether a segment meets the conditions."""
        return (
            (not self.segments or segment.segment_id in self.segments)
            and (not self.tags or not set(self.tags).isdisjoint(segment.tags))
            and (not self.owners or segment.owner in self.owners)
        )

    def _ensure_known(self, entries: Sequence[Entry]) -> None:
        owners = [entry.owner for entry in entries if entry.owner is not None]
        _ensure_known(self.segments, [entry.segment_id for entry in entries], "there is no segment", "--segment")
        _ensure_known(self.tags, [tag for entry in entries for tag in entry.tags], "no segment has the tag", "--tag")
        _ensure_known(self.owners, owners, "no segment has the owner", "--owner")


def _ensure_known(wanted: Iterable[str], known: Collection[str], message: str, option: str) -> None:
    names = set(known)
    for name in wanted:
        if name not in names:
            raise UsageError(f"{message} {shown(name)}{nearest_or_some(name, names)} ({option})")


ALL_SEGMENTS = SegmentFilter()
"""A filter without conditions."""
