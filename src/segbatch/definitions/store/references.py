"""The segments that name another one, which would fail without it."""

from collections.abc import Iterable

from segbatch.definitions.store.entries import Entry
from segbatch.definitions.store.visibility import View
from segbatch.errors import InUseError
from segbatch.text import counted, shown, some_of

__all__ = ["ensure_unnamed"]


def ensure_unnamed(entries: Iterable[Entry], segment_id: str, view: View) -> None:
    """Check that no other segment names one that is to be deleted.

    Args:
        entries: The segments of which some may name it, those of no project too.
        segment_id: The segment.
        view: Decides which of them the message names by their ids.

    Raises:
        InUseError: Some name it.
    """
    users = [other for other in entries if segment_id in other.named - {other.segment_id}]
    seen = [user.segment_id for user in users if view.shows(user)]
    unseen = len(users) - len(seen)
    if seen or unseen:
        names = [*seen, *([counted(unseen, "segment") + " of no project"] if unseen else [])]
        raise InUseError(f"segment {shown(segment_id)} is named by {some_of(names)}, which would fail without it", seen)
