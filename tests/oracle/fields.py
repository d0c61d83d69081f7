"""From a rule's field to the kind that it has and to the cell that a contact has there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from .jsontext import read_json
from .kinds import NULL, Kind, Refused, kind_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa

Form = Literal["struct", "json", "map"]
CUSTOM_FIELDS = "custom_fields"


@dataclass(frozen=True)
class Snapshot:
    """The columns of a snapshot.

    Attributes:
        columns: Their kinds, by name.
        form: The form in which `custom_fields` comes.
    """

    columns: Mapping[str, Kind]
    form: Form

    @classmethod
    def of(cls, schema: pa.Schema, form: Form = "struct", json_type: Kind | None = None) -> Snapshot:
        """Read an Arrow schema."""
        columns = {column.name: kind_of(column.type) for column in schema}
        if form == "json" and CUSTOM_FIELDS in columns:
            columns[CUSTOM_FIELDS] = json_type or Kind("struct")
        if form == "map" and json_type is not None:
            columns[CUSTOM_FIELDS] = json_type
        return cls(columns, form)

    def cell(self, row: Mapping[str, Any], column: str) -> Any:
        """Give a contact's cell of a column, as the kind of the column says."""
        cell = row[column]
        if column == CUSTOM_FIELDS and self.form == "json":
            return read_json(cell, self.columns[column])
        is_map = self.columns[column].name == "map" or (column == CUSTOM_FIELDS and self.form == "map")
        return dict(cell) if cell is not None and is_map else cell

    def find(self, field: object) -> Field:
        """Resolve a rule's field.

        Raises:
            Refused: There is no such top-level column.
        """
        if not isinstance(field, str) or not field:
            raise Refused(f"{field!r} is no field")
        column, rest = _longest(field, self.columns)
        if column is None:
            raise Refused(f"the snapshot has no column for {field!r}")
        kind, keys = _walk(self.columns[column], rest)
        return Field(self, column, keys, kind)


@dataclass(frozen=True)
class Field:
    """A resolved field.

    Attributes:
        snapshot: Where it was found.
        column: The top-level column.
        keys: The way on from there.
        kind: What it holds; null where the way leads nowhere.
    """

    snapshot: Snapshot
    column: str
    keys: tuple[str, ...]
    kind: Kind

    def cell(self, row: Mapping[str, Any]) -> Any:
        """Give a contact's cell."""
        if self.kind == NULL:
            return None
        cell = self.snapshot.cell(row, self.column)
        for key in self.keys:
            cell = None if cell is None else cell.get(key)
        return cell


def _longest(path: str, names: Mapping[str, Kind]) -> tuple[str | None, str]:
    """Split a path after the longest dotted beginning that is a name."""
    parts = path.split(".")
    for length in range(len(parts), 0, -1):
        name = ".".join(parts[:length])
        if name in names:
            return name, ".".join(parts[length:]) if length < len(parts) else ""
    return None, path


def _walk(kind: Kind, path: str) -> tuple[Kind, tuple[str, ...]]:
    """Follow a path into a kind; the null kind where it leads nowhere."""
    if not path:
        return kind, ()
    if kind.name == "map":
        return kind.item or NULL, (path,)
    key, rest = _longest(path, kind.fields)
    if key is None:
        return NULL, ()
    found, keys = _walk(kind.fields[key], rest)
    return found, (key, *keys)
