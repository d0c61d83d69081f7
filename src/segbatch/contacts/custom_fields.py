"""The forms in which custom fields are exported: a struct is read as it is, JSON texts and maps become one.

What a JSON text or a map holds is known only when all of it was looked at, so that opening one reads the column once.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

import polars as pl
import pyarrow as pa

from segbatch.contacts.columns import is_text
from segbatch.contacts.json_text import JsonColumn
from segbatch.contacts.keys import longest_key
from segbatch.contacts.kinds import value_type
from segbatch.errors import Problem, counted, shown

__all__ = ["CUSTOM_FIELDS", "Form", "Opened", "form_of", "open_form"]

CUSTOM_FIELDS = "custom_fields"
"""The column whose texts are taken to be JSON, also where the file does not say so."""

Form = Literal["json", "map"]


@dataclass(frozen=True, slots=True)
class Opened:
    """A column that is read as a struct.

    Attributes:
        dtype: The struct.
        decode: Reads a batch of the column so.
        problem: What is wrong with some of its values, if anything.
        mixed: The paths in it whose values are of several kinds, and so read as text.
    """

    dtype: pl.DataType
    decode: Callable[[pl.Series], pl.Series]
    problem: Problem | None = None
    mixed: frozenset[str] = frozenset()


def form_of(field: pa.Field) -> Form | None:
    """Tell whether a column of a file has to be opened, and how."""
    kind = field.type
    if pa.types.is_map(kind) and is_text(kind.key_type):
        return "map"
    if isinstance(kind, pa.BaseExtensionType):
        return "json" if kind.extension_name == "arrow.json" else None
    stored = kind.value_type if pa.types.is_dictionary(kind) else kind
    return "json" if field.name == CUSTOM_FIELDS and is_text(stored) else None


def open_form(
    form: Form,
    column: str,
    dtype: pl.DataType,
    fields: Iterable[str],
    batches: Iterable[pl.Series],
    id_at: Callable[[int], str | int | None],
) -> Opened:
    """Look at all of a column, and find how to read it as a struct.

    Args:
        form: How it is stored.
        column: Its name.
        dtype: Its type as it is stored.
        fields: The fields that rules name, as far as they lead into the column.
        batches: The whole column.
        id_at: Reads the id of the contact in a row, counted from 0.
    """
    paths = {name.removeprefix(column).removeprefix(".") for name in fields}
    return _open_json(column, paths, batches, id_at) if form == "json" else _open_map(paths, value_type(dtype), batches)


def _open_json(
    column: str, paths: set[str], batches: Iterable[pl.Series], id_at: Callable[[int], str | int | None]
) -> Opened:
    found = JsonColumn(paths)
    for texts in batches:
        found.look(texts.cast(pl.String))
    problem = _problem(column, found, id_at) if found.broken else None
    return Opened(found.dtype, lambda texts: found.decode(texts.cast(pl.String)), problem, found.mixed)


def _problem(column: str, found: JsonColumn, id_at: Callable[[int], str | int | None]) -> Problem:
    """Tell of broken texts, and where to look: at an id, which is all of a contact that may be shown."""
    message = f"'{column}' of {counted(found.broken, 'contact')} is no JSON object and missing"
    row = f"in row {found.first_broken + 1:,}: {found.fault}"
    named = f"{message}; the first is that of {shown(id_at(found.first_broken))} {row}"
    return Problem(named, severity="warning", without_ids=f"{message}; the first is {row}")


def _open_map(paths: set[str], values: pl.DataType, batches: Iterable[pl.Series]) -> Opened:
    keys = set[str]()
    for maps in batches:
        keys |= set(maps.map.keys().explode().unique().drop_nulls().to_list())
    used = sorted({key for path in paths if (key := longest_key(path, keys)[0]) is not None})

    def decode(maps: pl.Series) -> pl.Series:
        if not used:
            return maps
        columns = [pl.col(maps.name).map.get(key).alias(key) for key in used]
        there = pl.col(maps.name).is_not_null()
        return maps.to_frame().select(pl.when(there).then(pl.struct(columns)).alias(maps.name)).to_series()

    return Opened(pl.Struct(dict.fromkeys(sorted(keys), values)), decode)
