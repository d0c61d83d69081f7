"""Elements of lists inside contacts as rows in SQL."""

from collections.abc import Iterable

import polars as pl
from sqlglot import exp

from segbatch.snapshot.fields.resolution import FieldColumns
from segbatch.snapshot.fields.types import Kind, children_of, element_type
from segbatch.snapshot.related.lists import ListTable
from segbatch.sql.columns import Reader, Table
from segbatch.sql.dialects import Refused, identifier
from segbatch.sql.names import DialectName
from segbatch.sql.sources import read_parquet

_UNNEST: dict[DialectName, str] = {
    "duckdb": "UNNEST",
    "postgres": "UNNEST",
    "spark": "EXPLODE",
    "clickhouse": "arrayJoin",
}
"""The functions that return a row for each element of a list in the SELECT list."""

_CONTACT, _ELEMENT, _ROWS = "contact", "element", "elements"


class ListRows:
    """The elements of a list as rows, each with the id of its contact.

    Attributes:
        table: Reads the columns of the rows.
        contact: The id of the contact of a row.
    """

    def __init__(self, elements: ListTable, contacts: exp.Table | None, dialect: DialectName) -> None:
        """Check that the dialect has rows for the elements of the list.

        Args:
            elements: The list.
            contacts: The table of the contacts; None if their files are read.
            dialect: The dialect of the SQL.

        Raises:
            Refused: The dialect cannot express it with the same meaning.
        """
        self._elements, self._contacts, self._dialect = elements, contacts, dialect
        snapshot = elements.contacts
        self._reader = Reader(Table(snapshot.schema, snapshot.forms, dialect))
        self._list = self._reader.column(elements.field)
        self._is_object = elements.reader is None and bool(children_of(element_type(elements.field.dtype)))
        is_plain = not (self._is_object or elements.reader is not None)
        if dialect not in _UNNEST or (dialect != "duckdb" and (self._list.is_document or not is_plain)):
            raise Refused(f"the elements of this list as rows are not supported for {dialect}")
        if elements.reader is None:
            self.table = Table(elements.schema, {}, dialect)
        else:
            columns = FieldColumns({elements.path: pl.String()}, None, elements.schema.derived)
            self.table = Table(columns, {elements.path: "json"}, dialect)
        key = _CONTACT
        while key in {name.lower() for name in self.table.schema}:
            key += "_"
        self.contact = exp.column(identifier(key))

    def source(self, _: Iterable[str]) -> exp.Expr:
        """Return the rows for the FROM clause."""
        snapshot, dialect = self._elements.contacts, self._dialect
        if self._elements.field.kind is Kind.NOTHING:
            elements: exp.Expr = exp.cast(exp.Null(), "text[]")
        else:
            elements = self._list.sql.copy()
        name = _ELEMENT if self._is_object else next(iter(self.table.schema))
        files = self._contacts or read_parquet(snapshot, dialect, self._reader.columns)
        contact = exp.alias_(exp.column(identifier(snapshot.id_column)), self.contact.this.copy())
        unnested = exp.Anonymous(this=_UNNEST[dialect], expressions=[elements])
        rows = exp.select(contact, exp.alias_(unnested, identifier(name))).from_(files.copy())
        if self._is_object:
            fields = exp.Anonymous(this="UNNEST", expressions=[exp.column(identifier(_ELEMENT))])
            rows = exp.select(self.contact.copy(), fields).from_(rows.subquery(_ROWS))
        return rows.subquery(_ROWS)
