"""From a rule's field to the kind that it has and to the cell that a contact has there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import pyarrow as pa

from .jsontext import common, parse, shaped, type_of_values
from .kinds import NULL, TEXT, Kind, Refused, kind_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

Form = Literal["struct", "json", "map"]
CUSTOM_FIELDS = "custom_fields"


@dataclass(frozen=True)
class Snapshot:
    """The columns of a snapshot.

    Attributes:
        columns: Their kinds, by name.
        form: The form in which `custom_fields` comes.
        cells: The whole columns into which paths may lead, by name; what they hold decides how paths are read.
    """

    columns: Mapping[str, Kind]
    form: Form
    cells: Mapping[str, Sequence[Any]]

    @classmethod
    def of(cls, schema: pa.Schema, form: Form = "struct", cells: Mapping[str, Sequence[Any]] | None = None) -> Snapshot:
        """Read an Arrow schema; bytes are texts if all of them are UTF-8 without zero bytes."""
        cells = cells or {}
        columns = {
            column.name: TEXT if _are_texts(column.type, cells.get(column.name)) else kind_of(column.type)
            for column in schema
        }
        return cls(columns, form, cells)

    def rows(self) -> Iterator[dict[str, Any]]:
        """Give the whole columns as rows."""
        return (dict(zip(self.cells, cells, strict=True)) for cells in zip(*self.cells.values(), strict=True))

    def find(self, field: object) -> Field:
        """Resolve a rule's field.

        Raises:
            Refused: There is no such top-level column.
        """
        if not isinstance(field, str) or not field:
            raise Refused(f"{field!r} is no field")
        column, rest = self._column(field)
        if rest is None:
            return self._whole(column)
        ways = list(_ways(self.columns[column], rest))
        if len(ways) == 1 and all(step[0] == "key" for step in ways[0][0]):
            return Field(column, [ways[0][0]], ways[0][1] or NULL)
        return self._by_data(column, ways)

    def _column(self, field: str) -> tuple[str, str | None]:
        for name, rest in _heads(field):
            if name in self.columns:
                return name, rest
        for name, rest in _heads(field):
            alike = [column for column in self.columns if column.casefold() == name.casefold()]
            if len(alike) == 1:
                return alike[0], rest
            if alike:
                raise Refused(f"{field!r} may be any of {alike}")
        raise Refused(f"the snapshot has no column for {field!r}")

    def _whole(self, column: str) -> Field:
        if column == CUSTOM_FIELDS and self.form == "json":
            return Field(column, [(("object", ""),)], Kind("struct"))
        return Field(column, [()], self.columns[column])

    def _by_data(self, column: str, ways: list[tuple[_Steps, Kind | None]]) -> Field:
        """Read a field as what the values on all the ways to it have in common."""
        found: list[tuple[_Steps, Kind]] = []
        for steps, kind in ways:
            values = [value for cell in self.cells.get(column, ()) if (value := _follow(cell, steps)) is not None]
            shown = kind if kind is not None else type_of_values(values)
            if values and shown != NULL:
                found.append((steps, shown))
        if not found:
            return Field(column, [], NULL)
        return Field(column, [steps for steps, _ in found], common([kind for _, kind in found]))


@dataclass(frozen=True)
class Field:
    """A resolved field.

    Attributes:
        column: The top-level column.
        ways: The ways on from there; the first that finds something counts.
        kind: What it holds; null where the ways lead nowhere.
    """

    column: str
    ways: Sequence[_Steps]
    kind: Kind

    def cell(self, row: Mapping[str, Any]) -> Any:
        """Give a contact's cell."""
        if self.kind == NULL:
            return None
        found = (_follow(row[self.column], steps) for steps in self.ways)
        value = next((value for value in found if value is not None), None)
        if isinstance(value, bytes) and self.kind == TEXT:
            return value.decode()
        return value if self.ways == [()] else shaped(value, self.kind)


def _are_texts(kind: pa.DataType, cells: Sequence[bytes | None] | None) -> bool:
    if not pa.types.is_binary(kind) or cells is None:
        return False
    try:
        return not any("\0" in cell.decode() for cell in cells if cell is not None)
    except UnicodeDecodeError:
        return False


@dataclass(frozen=True)
class JsonRows:
    """The objects of JSON lists, as the rows of a table: each row has its object under an empty name.

    Attributes:
        objects: All of them; what they hold decides how their keys are read.
    """

    objects: Sequence[Any]

    def find(self, field: object) -> Field:
        """Resolve a rule's field; a key that no object has is missing."""
        if not isinstance(field, str) or not field:
            raise Refused(f"{field!r} is no field")
        steps: _Steps = (("within", field),)
        kind = type_of_values(_follow(one, steps) for one in self.objects)
        return Field("", [steps], kind)


_Steps = tuple[tuple[str, str], ...]


def _heads(path: str) -> Iterator[tuple[str, str | None]]:
    """Split a path after each of its beginnings, the longest first."""
    parts = path.split(".")
    for length in range(len(parts), 0, -1):
        yield ".".join(parts[:length]), ".".join(parts[length:]) if length < len(parts) else None


def _ways(kind: Kind, path: str | None) -> Iterator[tuple[_Steps, Kind | None]]:
    """Give every way to follow a path into a kind, with what is at its end; of JSON the values show that."""
    if path is None:
        yield (), kind
        return
    for head, rest in _heads(path):
        if kind.name == "struct" and head in kind.fields:
            inner, step = kind.fields[head], ("key", head)
        elif _is_record(kind.item) and kind.name == "list":
            inner, step = (kind.item or NULL).fields["value"], ("record", head)
        elif kind.name == "map":
            inner, step = kind.item or NULL, ("entry", head)
        else:
            continue
        yield from (((step, *steps), found) for steps, found in _ways(inner, rest))
    if kind == TEXT:
        yield (("json", path),), None


def _is_record(kind: Kind | None) -> bool:
    return kind is not None and kind.fields.keys() >= {"key", "value"} and kind.fields["key"] == TEXT


def _follow(value: Any, steps: _Steps) -> Any:
    for what, key in steps:
        if value is None:
            return None
        if what == "key":
            value = value.get(key)
        elif what == "entry":
            value = next((entry for name, entry in value if name == key), None)
        elif what == "record":
            value = next((record["value"] for record in value if record["key"] == key), None)
        elif what == "object":
            return parse(value)
        elif what == "within":
            return _in_object(value, key)
        else:
            return _in_object(parse(value), key)
    return None if isinstance(value, float) and value != value else value  # noqa: PLR0124


def _in_object(value: Any, path: str | None) -> Any:
    """Follow a path in JSON: at each step the longest key under which something is found."""
    if path is None or not isinstance(value, dict):
        return value if path is None else None
    found = (_in_object(value[head], rest) for head, rest in _heads(path) if head in value)
    return next((one for one in found if one is not None), None)
