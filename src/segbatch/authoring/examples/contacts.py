"""Contacts of examples, with their values by column."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from segbatch.definitions.strict_json import child_path
from segbatch.errors import Problem
from segbatch.model.segment import Segment
from segbatch.snapshot.fields.keys import CUSTOM_FIELDS, UnknownColumnError, find_column, heads
from segbatch.snapshot.fields.resolution import no_column
from segbatch.text import clipped, shown


class InvalidExampleError(Exception):
    """A value of an example cannot be used.

    Attributes:
        problem: The reason, and the place in the definition.
    """

    def __init__(self, message: str, path: str) -> None:
        self.problem = Problem(message, path=path)
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class ExampleContact:
    """A contact of an example.

    Attributes:
        path: The place in the definition, such as `$.examples.in[0]`.
        is_inside: Whether the segment must contain the contact.
        values: The contact as it is written.
        columns: The values by column. A key that is a path is put into the object in its column.
        keys: For each column, the place of a key that gives its value, for messages.
    """

    path: str
    is_inside: bool
    values: Mapping[str, Any]
    columns: dict[str, Any] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)


def contacts_of(segment: Segment, columns: Mapping[str, pl.DataType] | None) -> Sequence[ExampleContact]:
    """Return the contacts of the examples of a segment.

    Args:
        columns: The columns that contacts have; None if they are not known.

    Raises:
        ExceptionGroup: Keys or values cannot be used; one `InvalidExampleError` for each.
    """
    contacts, errors = list[ExampleContact](), list[Exception]()
    for path, side, values in segment.examples.contacts() if segment.examples else ():
        contact = ExampleContact(path, side == "in", values)
        for key, value in values.items():
            try:
                _add(contact, key, value, columns)
            except InvalidExampleError as error:
                errors.append(error)
        contacts.append(contact)
    if errors:
        raise ExceptionGroup("examples", errors)
    return contacts


def _add(contact: ExampleContact, key: str, value: Any, columns: Mapping[str, pl.DataType] | None) -> None:
    place = child_path(contact.path, key)
    head, rest = _split(key, place, columns)
    if rest is None and head == CUSTOM_FIELDS and not isinstance(value, Mapping | None):
        raise InvalidExampleError(f"'{CUSTOM_FIELDS}' is an object; found {shown(value)}", place)
    contact.keys.setdefault(head, place)
    steps = [head, *([] if rest is None else rest.split("."))]
    if not _put(contact.columns, steps, value):
        raise InvalidExampleError(f"'{clipped(key)}' is given twice; keep one", place)


def _split(key: str, place: str, columns: Mapping[str, pl.DataType] | None) -> tuple[str, str | None]:
    if columns is None:
        head, _, rest = key.partition(".")
        return head, rest or None
    try:
        found = find_column(key, columns)
    except UnknownColumnError as error:
        raise InvalidExampleError(str(error), place) from None
    if found is None:
        raise InvalidExampleError(no_column(key, columns), place)
    return found


def _put(target: dict[str, Any], steps: Sequence[str], value: Any) -> bool:
    """Put a value at a path, and return False if another value is there."""
    *parents, last = steps
    for step in parents:
        below = target.setdefault(step, {})
        if not isinstance(below, dict):
            return False
        target = below
    if last in target:
        if not (isinstance(target[last], dict) and isinstance(value, Mapping)):
            return False
        done = [_put(target[last], [key], child) for key, child in value.items()]
        return all(done)
    target[last] = _copied(value)
    return True


def _copied(value: Any) -> Any:
    """Copy objects, so that other keys can be put into them."""
    return {key: _copied(child) for key, child in value.items()} if isinstance(value, Mapping) else value


def value_at(columns: Mapping[str, Any], name: str) -> Any:
    """Return the value at a path, longer keys first; None if it is missing."""
    for head, rest in heads(name):
        if head in columns:
            below = columns[head]
            if rest is None:
                return below
            return value_at(below, rest) if isinstance(below, Mapping) else None
    return None


def place_of(contact: ExampleContact, name: str, column: str) -> str:
    """Return the place of the key that gives a field, such as `$.examples.in[0].age`."""
    return child_path(contact.path, name) if name in contact.values else contact.keys.get(column, contact.path)


def missing_columns(names: Iterable[str], columns: Mapping[str, pl.DataType]) -> Iterable[str]:
    """Yield the columns of fields that no example has."""
    for name in names:
        try:
            found = find_column(name, columns)
        except UnknownColumnError:
            continue
        if found is None:
            yield name.partition(".")[0]
