"""Visibility of a store's segments for a caller, and of the segments that reference another one."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from segbatch.definitions.definition import BrokenDefinition, Entry
from segbatch.definitions.store.entries import merge_same_id
from segbatch.errors import InUseError
from segbatch.text import counted, shown, some_of


@dataclass(frozen=True, slots=True)
class View:
    """The segments of a store that a caller can see.

    Attributes:
        project: The project of the visible segments; None for all segments.
        shared: Whether segments without a project are visible too.
        served: Whether the caller must not learn of other projects' segments or of file paths. Then a broken definition
            is visible only if it names the caller's project, and a definition of another project does not make an id
            ambiguous.
    """

    project: str | None = None
    shared: bool = True
    served: bool = False

    def shows(self, entry: Entry) -> bool:
        """Return whether a segment is visible."""
        if self.project is None or entry.project_id == self.project:
            return True
        return entry.project_id is None and self.shared and not (self.served and isinstance(entry, BrokenDefinition))

    def merged(self, entries: Sequence[Entry]) -> list[Entry]:
        """Return the visible entries of an id, given all of its entries."""
        if self.served or len(entries) == 1:
            return merge_same_id([entry for entry in entries if self.shows(entry)], with_places=not self.served)
        return [entry for entry in merge_same_id(list(entries)) if self.shows(entry)]


def ensure_unreferenced(entries: Iterable[Entry], segment_id: str, view: View) -> None:
    """Raise an error if other segments reference a segment that is to be deleted.

    Args:
        entries: The segments that may reference it, including those without a project.
        view: Decides which segments the message may name by id.

    Raises:
        InUseError: Other segments reference it.
    """
    users = [other for other in entries if other.segment_id != segment_id and segment_id in other.references]
    seen = [user.segment_id for user in users if view.shows(user)]
    unseen = len(users) - len(seen)
    if seen or unseen:
        names = [*seen, *([counted(unseen, "segment") + " without a project"] if unseen else [])]
        raise InUseError(
            f"segment {shown(segment_id)} is referenced by {some_of(names)}, which would fail without it", seen
        )
