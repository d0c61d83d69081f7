"""The rules that are to blame for a wrong example, in words."""

from collections.abc import Iterable, Iterator

from segbatch.authoring.explain.reports import Verdict

_MOST = 5
"""Number of rules that are named."""

_GROUPS = {"all of": True, "any of": True, "none of": False}
"""For each kind of group, whether its rules match where the group does."""


def describe_wrong(verdicts: Iterable[Verdict], *, is_inside: bool) -> str:
    """Return the message about a wrong example.

    Args:
        verdicts: The verdicts of the contact, as `explain` returns them.
        is_inside: Whether the segment must contain the contact.
    """
    blamed = list(_blamed(verdicts, holds=not is_inside))
    shown = [f"{entry.path} ({entry.rule}): {entry.why}" for entry in blamed[:_MOST]]
    if len(blamed) > _MOST:
        shown.append(f"and {len(blamed) - _MOST} more")
    what = (
        "must contain this contact, but does not because of"
        if is_inside
        else "must not contain this contact, but does because of"
    )
    return f"the segment {what} {'; '.join(shown)}"


def _blamed(verdicts: Iterable[Verdict], *, holds: bool) -> Iterator[Verdict]:
    """Yield the rules with a result, and inside of groups with that result the rules that cause it."""
    for entry in verdicts:
        if entry.holds is not holds:
            continue
        if entry.rule in _GROUPS and entry.parts:
            yield from _blamed(entry.parts, holds=entry.holds is _GROUPS[entry.rule])
        else:
            yield entry
