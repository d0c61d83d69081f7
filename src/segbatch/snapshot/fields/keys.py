"""Splitting of dotted paths into keys, and matching of fields to columns, also by names that differ only in case."""

from collections.abc import Container, Iterable, Iterator, Mapping
from functools import cached_property

import polars as pl

from segbatch.errors import Problem, SnapshotError
from segbatch.snapshot.source_words import OF_CONTACTS
from segbatch.text import clipped, did_you_mean, some_of

CUSTOM_FIELDS = "custom_fields"
"""The column whose texts are JSON even if the file does not annotate them as JSON."""

PROJECT_COLUMN = "project_id"
"""The column with the project of a contact."""

_MOST_SPLITS = 6
"""Maximum number of dots in a path that is split in all ways. A path with more dots is split with at most one dotted
key; otherwise the number of ways would explode."""


MOST_KEYS = 5_000
"""Maximum number of keys that are kept to suggest one for a field that is not found."""


class UnknownColumnError(Exception):
    """A field is not found in the snapshot's columns. The exception's text is the message to show."""


class Columns(dict[str, pl.DataType]):
    """The columns of a frame or a snapshot with their types.

    Attributes:
        alias: The column that definitions call `custom_fields`, if it has another name.
        words: The words for the snapshot or the table that has the columns.
    """

    words = OF_CONTACTS

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
    known = columns if isinstance(columns, Columns) else Columns(columns)
    folded = known.folded
    for head, rest in heads(name):
        match folded.get(head.casefold(), []):
            case []:
                pass
            case [column]:
                return column, rest
            case several:
                raise UnknownColumnError(_ambiguous(head, several, known.words.owner))
    return None


def _ambiguous(head: str, several: Iterable[str], owner: str) -> str:
    named = " and ".join(f"'{clipped(name)}'" for name in sorted(several)[:2])
    return f"{owner} has no column '{clipped(head)}', and both {named} differ from it only in case; name one of them"


def exact_name(name: str, columns: Mapping[str, pl.DataType]) -> str:
    """Return the column with this name, which may differ in case; the name itself if no column matches."""
    try:
        found = find_column(name, columns)
    except UnknownColumnError as error:
        raise SnapshotError(str(error)) from None
    return found[0] if found is not None and found[1] is None else name


def find_custom_fields(name: str, columns: Mapping[str, pl.DataType]) -> str:
    """Return the column that definitions call `custom_fields`."""
    found = exact_name(name, columns)
    if found not in columns:
        near = did_you_mean(name, columns) or f"; it has {some_of(columns)}"
        raise SnapshotError(f"the snapshot has no column '{clipped(name)}'{near} (--custom-fields NAME)")
    if found != CUSTOM_FIELDS and CUSTOM_FIELDS in columns:
        both = f"the snapshot has a column '{CUSTOM_FIELDS}' and a column '{clipped(found)}'"
        raise SnapshotError(f"{both}; rules can use both names, so omit the option (--custom-fields NAME)")
    return found


def names_by_case(fields: Iterable[str], columns: Columns) -> Iterator[Problem]:
    """Yield one note for each column that is matched by a name that differs only in case."""
    noted = set[str]()
    for name in sorted(fields):
        try:
            found = find_column(name, columns)
        except UnknownColumnError:
            continue
        if found is None:
            continue
        column, path = found
        head = name if path is None else name[: -len(path) - 1]
        if column not in {head, columns.alias, *noted}:
            noted.add(column)
            yield name_note(head, column)


def name_note(name: str | None, column: str | None) -> Problem:
    """Return a note that a name is read from a column that differs only in case."""
    message = (
        f"'{clipped(str(name))}' is read from the column '{clipped(str(column))}', whose name differs only in case"
    )
    return Problem(message, severity="note")


def merge_keys(*samples: Iterable[str]) -> frozenset[str]:
    """Return the first keys by name, so that the sample of a column is the same however the column is cut."""
    keys = set().union(*samples)
    return frozenset(keys if len(keys) <= MOST_KEYS else sorted(keys)[:MOST_KEYS])
