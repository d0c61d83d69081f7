"""How a dotted path is split into keys, and which column a field means."""

from collections.abc import Container, Iterable, Iterator, Mapping
from functools import cached_property

import polars as pl

from segbatch.text import clipped

__all__ = [
    "CUSTOM_FIELDS",
    "PROJECT_COLUMN",
    "Columns",
    "UnknownColumnError",
    "find_column",
    "heads",
    "longest_key",
    "splits",
]

CUSTOM_FIELDS = "custom_fields"
"""The column whose texts are JSON, also where the file does not say so."""

PROJECT_COLUMN = "project_id"
"""The column that names the project of a contact."""

_MOST_SPLITS = 6
"""A path with more dots is split with at most one dotted key, or the number of ways would explode."""


class UnknownColumnError(Exception):
    """A field that cannot be found in the snapshot's columns; its text is the message to show."""


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
        """The columns by their names without regard to case."""
        found: dict[str, list[str]] = {}
        for name in self:
            found.setdefault(name.casefold(), []).append(name)
        return found


def heads(path: str) -> Iterator[tuple[str, str | None]]:
    """Yield each leading part of a dotted path, the longest first, and the rest: None where nothing follows."""
    parts = path.split(".")
    for length in range(len(parts), 0, -1):
        yield ".".join(parts[:length]), ".".join(parts[length:]) if length < len(parts) else None


def longest_key(path: str, keys: Container[str]) -> tuple[str | None, str | None]:
    """Split a dotted path into the longest leading part that is a key, and what follows it."""
    return next(((head, rest) for head, rest in heads(path) if head in keys), (None, path))


def splits(path: str) -> Iterator[tuple[str, ...]]:
    """Yield every way to read a dotted path as keys, the longest keys first, since a key can have dots itself."""
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
    """Find the column that a field means.

    Names are matched exactly, the longest first; where that fails, the one column is meant that differs by case alone.

    Args:
        name: The field as a rule names it.
        columns: The columns.

    Returns:
        The column, and the path that goes on in it, if it does; None where there is no such column.

    Raises:
        UnknownColumnError: Several columns differ from the name by case alone.
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
