"""Columns matched by names that differ only in case, and the column that definitions call `custom_fields`."""

from collections.abc import Iterable, Iterator, Mapping

import polars as pl

from segbatch.errors import Problem, SnapshotError
from segbatch.snapshot.fields.keys import CUSTOM_FIELDS, Columns, UnknownColumnError, find_column
from segbatch.text import clipped, did_you_mean, some_of


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
        raise SnapshotError(f"{both}; rules name each by its own name, so leave the option out (--custom-fields NAME)")
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
        f"'{clipped(str(name))}' is read from the column '{clipped(str(column))}', whose name differs by case alone"
    )
    return Problem(message, severity="note")
