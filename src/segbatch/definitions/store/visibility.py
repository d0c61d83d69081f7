"""What of a store is there for whom."""

from collections.abc import Sequence
from dataclasses import dataclass

from segbatch.definitions.store.entries import Broken, Entry, merged

__all__ = ["View"]


@dataclass(frozen=True, slots=True)
class View:
    """What somebody sees of a store.

    Attributes:
        project: Whose segments are there for them; None for everything.
        shared: Whether those of no project are, too.
        served: Whether they must not learn what others have, nor where files stand. Then a broken definition is there
            only if it says that it is theirs, and one of another project with the same id as theirs makes no twins.
    """

    project: str | None = None
    shared: bool = True
    served: bool = False

    def shows(self, entry: Entry) -> bool:
        """Tell whether a segment is there for them."""
        if self.project is None or entry.project_id == self.project:
            return True
        return entry.project_id is None and self.shared and not (self.served and isinstance(entry, Broken))

    def merged(self, entries: Sequence[Entry]) -> list[Entry]:
        """Return what stands at an id for them, of all that has it."""
        if self.served or len(entries) == 1:
            return merged([entry for entry in entries if self.shows(entry)], with_places=not self.served)
        return [entry for entry in merged(list(entries)) if self.shows(entry)]
