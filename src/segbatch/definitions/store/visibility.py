"""Visibility of a store's segments for a caller."""

from collections.abc import Sequence
from dataclasses import dataclass

from segbatch.definitions.definition import BrokenDefinition, Entry
from segbatch.definitions.store.entries import merged


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
            return merged([entry for entry in entries if self.shows(entry)], with_places=not self.served)
        return [entry for entry in merged(list(entries)) if self.shows(entry)]
