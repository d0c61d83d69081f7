"""Data that was never meant as a segment, such as a `package.json`: one problem, and not one for each of its keys."""

from collections.abc import Mapping

from segbatch.errors import Problem
from segbatch.model.segment import SCHEMA_KEY, Segment
from segbatch.text import nearest, shown

__all__ = ["foreign"]

_ADVICE = "move the file, or leave it out by 'exclude' in segbatch.toml or --exclude"
_KNOWN = {*Segment.model_fields, SCHEMA_KEY}


def foreign(data: object, path: str = "$") -> list[Problem]:
    """Return the one problem of data that is not a segment, or a list without one; nothing if it may be.

    A key that is like one of a segment is a slip, and is reported as such elsewhere.
    """
    match data:
        case [_, *_] if not any(isinstance(item, Mapping) and not _is_foreign(item) for item in data):
            return [Problem(f"{shown(data)} is a list without a segment in it; {_ADVICE}", path=path)]
        case Mapping() if _is_foreign(data):
            return [Problem(f"has no 'rules', so it is not a segment; {_ADVICE}", path=path)]
        case _:
            return []


def _is_foreign(data: Mapping[str, object]) -> bool:
    """Return whether an object has no rules, and a key that no segment has."""
    meant = {key if key in _KNOWN else nearest(key, _KNOWN) for key in data}
    return "rules" not in meant and None in meant
