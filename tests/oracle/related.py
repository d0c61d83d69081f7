"""The rows of related tables: whose each is, which exist at a moment, and what an aggregate makes of them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Protocol
from uuid import UUID

from .fields import Field, JsonRows, Snapshot
from .kinds import NULL, Kind, Refused
from .probes import is_missing
from .times import local_day, nanoseconds

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime
    from zoneinfo import ZoneInfo

    import pyarrow as pa

    Row = Mapping[str, Any]
    Values = Callable[[Sequence[Row]], Any]

AGGREGATES = ("count", "count_distinct", "sum", "avg", "min", "max", "first", "last")
_NUMBERS = ("integer", "decimal", "float")
_ORDERED = (*_NUMBERS, "text", "uuid", "date", "datetime")
_SINGLE = (*_ORDERED, "boolean")
_FITTING = {
    "count_distinct": _SINGLE,
    "sum": _NUMBERS,
    "avg": _NUMBERS,
    "min": _ORDERED,
    "max": _ORDERED,
    "first": _SINGLE,
    "last": _SINGLE,
}
_WHOLE = Kind("integer")


@dataclass(frozen=True)
class RelatedTable:
    """A table that a run is given beside its contacts.

    Attributes:
        schema: Its columns.
        rows: Its rows, as plain dicts.
        contact: The column with the id of the contact whom a row belongs to.
        time: The column with the time of a row, if there is one.
    """

    schema: pa.Schema
    rows: Sequence[Row]
    contact: str = "contact_id"
    time: str | None = None


class Columns(Protocol):
    """What finds the fields of a table's rows."""

    def find(self, field: object) -> Field:
        """Resolve a rule's field."""


@dataclass(frozen=True)
class Source:
    """The rows that a rule is about.

    Attributes:
        columns: Finds their fields.
        rows_of: The rows of one contact.
        time: The time of a row, if there is a column of it.
    """

    columns: Columns
    rows_of: Callable[[Row], Sequence[Row]]
    time: Callable[[Row], Any] | None = None


def find_source(
    name: object, contacts: Snapshot, tables: Mapping[str, RelatedTable], as_of: datetime, zone: ZoneInfo
) -> Source:
    """Find a table by its name, or a list inside the contact by its path.

    Raises:
        Refused: There is no such table, and no such list.
    """
    if not isinstance(name, str) or not name:
        raise Refused(f"{name!r} is no table")
    return _given(tables[name], as_of, zone) if name in tables else _inside(name, contacts)


def _given(table: RelatedTable, as_of: datetime, zone: ZoneInfo) -> Source:
    cells = {name: [row[name] for row in table.rows] for name in table.schema.names}
    columns = Snapshot.of(table.schema, "struct", cells)
    owned = defaultdict[Any, list["Row"]](list)
    time = None
    if table.time is not None:
        column, now = columns.find(table.time), nanoseconds(as_of)
        time = column.cell
    for row in table.rows:
        if time is None or not _is_later(column.kind, time(row), now, local_day(as_of, zone)):
            owned[_key(row[table.contact])].append(row)
    return Source(columns, lambda contact: owned.get(_key(contact["id"]), []), time)


def _is_later(kind: Kind, time: Any, now: int, today: object) -> bool:
    if is_missing(time):
        return False
    return bool(time > today) if kind.name == "date" else nanoseconds(time) > now


def _key(contact_id: object) -> object:
    """Give what two ids of different types have in common if they are one id; a null is nobody's id."""
    if contact_id is None:
        return None
    return str(UUID(bytes=contact_id)) if isinstance(contact_id, bytes) else str(contact_id)


def _inside(name: str, contacts: Snapshot) -> Source:
    field = contacts.find(name)
    if field.kind == NULL:
        return Source(JsonRows([]), lambda _: [])
    if field.kind.name != "list":
        raise Refused(f"{name!r} is neither a table nor a list")
    item = field.kind.item or NULL
    if item == NULL:
        return Source(JsonRows([]), lambda row: [{"": None} for _ in field.cell(row) or ()])
    elements = [element for cell in contacts.cells.get(field.column, ()) for element in _elements(field, cell)]
    if item.name != "struct":
        columns = Snapshot({"value": item}, "struct", {"value": elements})
        return Source(columns, lambda row: [{"value": element} for element in field.cell(row) or ()])
    if not item.fields:
        return Source(JsonRows(elements), lambda row: [{"": element} for element in field.cell(row) or ()])
    cells = {key: [(element or {}).get(key) for element in elements] for key in item.fields}
    nobody = dict.fromkeys(item.fields)
    return Source(
        Snapshot(item.fields, "struct", cells), lambda row: [element or nobody for element in field.cell(row) or ()]
    )


def _elements(field: Field, cell: object) -> Sequence[Any]:
    return field.cell({field.column: cell}) or ()


def aggregate(name: str, field: Field | None, source: Source) -> tuple[Kind, Values]:
    """Give the kind of an aggregate, and what it makes of some rows: a value, or None where it is missing.

    Raises:
        Refused: There is no such aggregate of such a field.
    """
    if name == "count":
        return _WHOLE, len
    if field is None:
        raise Refused(f"{name} needs a field")
    if name in ("first", "last") and source.time is None:
        raise Refused("first and last need a column of time")
    if field.kind == NULL:
        return _of_nothing(name)
    if field.kind.name not in _FITTING[name]:
        raise Refused(f"a {field.kind.name} has no {name}")
    if name in ("first", "last"):
        return field.kind, _at_end(field, source, is_last=name == "last")
    kind, of_values = _OF_VALUES[name](field.kind)
    return kind, lambda rows: of_values([cell for row in rows if not is_missing(cell := field.cell(row))])


def _of_nothing(name: str) -> tuple[Kind, Values]:
    return (_WHOLE, lambda _: 0) if name in ("count_distinct", "sum") else (NULL, lambda _: None)


def _at_end(field: Field, source: Source, *, is_last: bool) -> Values:
    """Take the value of the row at one end of time; of rows at the same time, the least for `first`, the greatest."""
    time = source.time or (lambda _: None)

    def value(rows: Sequence[Row]) -> Any:
        timed = [(moment, field.cell(row)) for row in rows if not is_missing(moment := time(row))]
        if not timed:
            return None
        end = (max if is_last else min)(_instant(moment) for moment, _ in timed)
        cells = [cell for moment, cell in timed if _instant(moment) == end and not is_missing(cell)]
        return (max if is_last else min)(cells, key=_order, default=None)

    return value


def _instant(moment: Any) -> Any:
    return nanoseconds(moment) if hasattr(moment, "hour") else moment


def _order(cell: Any) -> Any:
    return str(cell) if isinstance(cell, UUID) else nanoseconds(cell) if hasattr(cell, "hour") else cell


def _distinct(_: Kind) -> tuple[Kind, Callable[[list[Any]], Any]]:
    return _WHOLE, lambda cells: len({_order(cell) for cell in cells})


def _sum(kind: Kind) -> tuple[Kind, Callable[[list[Any]], Any]]:
    return (Kind("float") if kind.name == "float" else kind), lambda cells: sum(cells, start=0)


def _average(_: Kind) -> tuple[Kind, Callable[[list[Any]], Any]]:
    def of(cells: list[Any]) -> float | None:
        if not cells:
            return None
        total = sum(cells, start=0)
        return total / len(cells) if isinstance(total, float) else float(Fraction(total) / len(cells))

    return Kind("float"), of


def _end(choose: Callable[..., Any]) -> Callable[[Kind], tuple[Kind, Callable[[list[Any]], Any]]]:
    return lambda kind: (kind, lambda cells: choose(cells, key=_order, default=None))


_OF_VALUES: dict[str, Callable[[Kind], tuple[Kind, Callable[[list[Any]], Any]]]] = {
    "count_distinct": _distinct,
    "sum": _sum,
    "avg": _average,
    "min": _end(min),
    "max": _end(max),
}
