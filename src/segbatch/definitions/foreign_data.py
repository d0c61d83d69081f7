"""Detection of JSON that was never meant as a segment, such as a `package.json`: one problem instead of one per key."""

from collections.abc import Mapping

from segbatch.errors import Problem
from segbatch.model.segment import SCHEMA_KEY, Segment
from segbatch.text import nearest, shown

_ADVICE = "move the file, or exclude it with 'exclude' in segbatch.toml or --exclude"
_KNOWN = {*Segment.model_fields, SCHEMA_KEY}


def foreign(data: object, path: str = "$") -> list[Problem]:
    """Return one problem if the data is neither a segment nor a list with a segment in it, else an empty list.

    A key that is similar to a segment's key is a typo; it is reported elsewhere.
    """
    match data:
        case [_, *_] if not any(isinstance(item, Mapping) and not _is_foreign(item) for item in data):
            return [Problem(f"{shown(data)} is a list without a segment in it; {_ADVICE}", path=path)]
        case Mapping() if _is_foreign(data):
            return [Problem(f"has no 'rules', so it is not a segment; {_ADVICE}", path=path)]
        case _:
            return []


def _is_foreign(data: Mapping[str, object]) -> bool:
    """Return whether an object has no rules, but has a key that no segment has."""
    meant = {key if key in _KNOWN else nearest(key, _KNOWN) for key in data}
    return "rules" not in meant and None in meant
