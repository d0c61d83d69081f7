"""Check for segments that reference another one, and would fail without it."""

from collections.abc import Iterable

from segbatch.definitions.definition import Entry
from segbatch.definitions.store.visibility import View
from segbatch.errors import InUseError
from segbatch.text import counted, shown, some_of


def ensure_unreferenced(entries: Iterable[Entry], segment_id: str, view: View) -> None:
    """Raise an error if other segments reference a segment that is to be deleted.

    Args:
        entries: The segments that may reference it, including those without a project.
        segment_id: The segment that is to be deleted.
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
