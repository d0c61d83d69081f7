"""Splitting of dotted paths into keys, and matching of fields to columns."""

from collections.abc import Container, Iterable, Iterator, Mapping
from functools import cached_property

import polars as pl

from segbatch.text import clipped

CUSTOM_FIELDS = "custom_fields"
"""The column whose texts are JSON even if the file does not annotate them as JSON."""

PROJECT_COLUMN = "project_id"
"""The column with the project of a contact."""

_MOST_SPLITS = 6
"""Maximum number of dots in a path that is split in all ways. A path with more dots is split with at most one dotted
key; otherwise the number of ways would explode."""


class UnknownColumnError(Exception):
    """A field is not found in the snapshot's columns. The exception's text is the message to show."""


class Columns(dict[str, pl.DataType]):
    """The columns of a frame or a snapshot with their types.

    Attributes:
        alias: The column that definitions call `custom_fields`, if it has another name.
    """

    def __init__(self, columns: Mapping[str, pl.DataType], alias: str | None = None) -> None:
        super().__init__(columns)
        self.alias = alias

    @cached_property
    def folded(self) -> Mapping[str, list[str]]:
        """The columns by case-folded name."""
        found: dict[str, list[str]] = {}
        for name in self:
            found.setdefault(name.casefold(), []).append(name)
        return found


def heads(path: str) -> Iterator[tuple[str, str | None]]:
    """Yield each leading part of a dotted path, the longest first, with the rest, or with None if nothing follows."""
    parts = path.split(".")
    for length in range(len(parts), 0, -1):
        yield ".".join(parts[:length]), ".".join(parts[length:]) if length < len(parts) else None


def longest_key(path: str, keys: Container[str]) -> tuple[str | None, str | None]:
    """Split a dotted path into the longest leading part that is a key, or None if no part is, and the rest."""
    return next(((head, rest) for head, rest in heads(path) if head in keys), (None, path))


def splits(path: str) -> Iterator[tuple[str, ...]]:
    """Yield every way to read a dotted path as keys, the longest keys first. A key can contain dots."""
    parts = path.split(".")
    if len(parts) > _MOST_SPLITS + 1:
        yield from _with_one_dotted_key(parts)
        return
    for head, rest in heads(path):
        if rest is None:
            yield (head,)
        else:
            yield from ((head, *others) for others in splits(rest))


def _with_one_dotted_key(parts: list[str]) -> Iterator[tuple[str, ...]]:
    yield (".".join(parts),)
    for start in range(len(parts)):
        lengths = range(len(parts) - start, 1, -1) if start else range(len(parts) - 1, 1, -1)
        yield from (
            (*parts[:start], ".".join(parts[start : start + length]), *parts[start + length :]) for length in lengths
        )
    yield tuple(parts)


def find_column(name: str, columns: Mapping[str, pl.DataType]) -> tuple[str, str | None] | None:
    """Return the column that a field names.

    Names are matched exactly, the longest first. If that fails, the only column that differs just in case is used.

    Args:
        name: The field as a rule names it.
        columns: The columns to search.

    Returns:
        The column, and the rest of the path inside it, which is None if nothing follows. None if no column matches.

    Raises:
        UnknownColumnError: Several columns differ from the name only in case.
    """
    alias = columns.alias if isinstance(columns, Columns) else None
    for head, rest in heads(name):
        if head in columns:
            return head, rest
        if alias is not None and head == CUSTOM_FIELDS:
            return alias, rest
    folded = (columns if isinstance(columns, Columns) else Columns(columns)).folded
    for head, rest in heads(name):
        match folded.get(head.casefold(), []):
            case []:
                pass
            case [column]:
                return column, rest
            case several:
                raise UnknownColumnError(_ambiguous(head, several))
    return None


def _ambiguous(head: str, several: Iterable[str]) -> str:
    named = " and ".join(f"'{clipped(name)}'" for name in sorted(several)[:2])
    return f"the snapshot has no column '{clipped(head)}', and both {named} differ from it by case alone; name one"
