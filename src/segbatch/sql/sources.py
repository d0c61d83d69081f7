"""Sources of a SELECT: a table, the files of a snapshot, or the elements of lists inside contacts as rows."""

import re
from collections.abc import Iterable, Sequence

import polars as pl
import pyarrow as pa
from sqlglot import exp, parse_one
from sqlglot.errors import ParseError

from segbatch.errors import UsageError
from segbatch.snapshot.fields.resolution import FieldColumns
from segbatch.snapshot.fields.types import Kind, children_of, element_type
from segbatch.snapshot.hive_partitions import parse_partitions
from segbatch.snapshot.parquet.files import SnapshotFile
from segbatch.snapshot.related.lists import ListTable
from segbatch.snapshot.snapshot import Snapshot
from segbatch.sql.columns import Reader, Table
from segbatch.sql.dialects import Refused, identifier, text
from segbatch.sql.names import DialectName

_TYPES: dict[pa.DataType, str] = {pa.int64(): "BIGINT", pa.date32(): "DATE", pa.timestamp("us"): "TIMESTAMP"}
_NOT_A_PARTITION = re.compile(r"[?\n\\]|=.*=")
"""Parts of a path that DuckDB does not read as a partition, although they have a key and a value."""

_UNNEST: dict[DialectName, str] = {
    "duckdb": "UNNEST",
    "postgres": "UNNEST",
    "spark": "EXPLODE",
    "clickhouse": "arrayJoin",
}
"""The functions that return a row for each element of a list in the SELECT list."""

_CONTACT, _ELEMENT, _ROWS = "contact", "element", "elements"


def read_parquet(snapshot: Snapshot, dialect: DialectName, columns: Iterable[str] = ()) -> exp.Expr:
    """Return the DuckDB function that reads exactly a snapshot's files; special characters in their names are escaped.

    Args:
        snapshot: The snapshot or the related table.

    Raises:
        UsageError: The dialect is not DuckDB, or DuckDB would read other contacts or values from the files or from
            their paths.
    """
    files = snapshot.files
    if dialect != "duckdb":
        raise UsageError(f"{dialect} reads a table; name it with --table")
    paths = [text(re.sub(r"([*?\[])", r"[\1]", str(file.location))) for file in files]
    options = []
    if len(paths) > 1:
        options.append(_option("union_by_name", value=True))
    if snapshot.byte_texts:
        options.append(_option("binary_as_string", value=True))
    options += _partitioning(files, {*columns}) if snapshot.source is None else _of_table(snapshot, {*columns})
    source = paths[0] if len(paths) == 1 else exp.Array(expressions=paths)
    return exp.Anonymous(this="READ_PARQUET", expressions=[source, *options])


def named_table(name: str, dialect: DialectName) -> exp.Table:
    """Return a table that the user names.

    Raises:
        UsageError: The name is not valid in the dialect.
    """
    try:
        table = parse_one(name, into=exp.Table, dialect=dialect)
    except ParseError:
        table = None
    if not isinstance(table, exp.Table) or not all(isinstance(part, exp.Identifier) for part in table.parts):
        raise UsageError(f"'{name}' is not a valid table name in {dialect} (--table)")
    return table


class ListRows:
    """The elements of a list as rows, each with the id of its contact.

    Attributes:
        table: Reads the columns of the rows.
        contact: The id of the contact of a row.
    """

    def __init__(self, elements: ListTable, contacts: exp.Table | None, dialect: DialectName) -> None:
        """Check that the dialect has rows for the elements of the list.

        Args:
            contacts: The table of the contacts; None if their files are read.

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


def _partitioning(files: Sequence[SnapshotFile], columns: set[str]) -> list[exp.Expr]:
    """Return the options that let DuckDB read the same columns from the paths as segbatch, and no others."""
    partitions = [parse_partitions(str(file.location)) for file in files]
    kinds = {key: value.type for file in files for key, value in file.constants.items()}
    if not columns & kinds.keys():
        return [_option("hive_partitioning", value=False)] if any("=" in str(file.location) for file in files) else []
    unlike = any(partition.keys() != partitions[0].keys() for partition in partitions)
    odd = any(_NOT_A_PARTITION.search(part) for file in files for part in str(file.location).split("/")[:-1])
    stored = any(key in file.schema.names and key not in file.constants for file in files for key in partitions[0])
    if unlike or odd or stored:
        reason = "DuckDB reads other columns from the paths of these files than segbatch"
        raise UsageError(f"{reason}; load the contacts into a table and name it (--table)")
    types = ", ".join(
        f"{text(key).sql('duckdb')}: {_TYPES.get(kind, 'VARCHAR')}" for key, kind in sorted(kinds.items())
    )
    chosen = exp.EQ(this=exp.to_identifier("hive_types"), expression=exp.var(f"{{{types}}}"))
    return [_option("hive_partitioning", value=True), chosen]


def _of_table(snapshot: Snapshot, columns: set[str]) -> list[exp.Expr]:
    """Return the options for the files of a Delta or Iceberg table, which only the table can interpret in general."""
    files = snapshot.files
    stored = set[str]().union(*(file.schema.names for file in files))
    constants = set[str]().union(*(file.constants for file in files))
    are_plain = all(file.deleted is None and file.names is None for file in files)
    if not (files and are_plain and columns <= stored - constants):
        reason = f"{snapshot.source}: DuckDB cannot read this version of the table from its Parquet files"
        raise UsageError(f"{reason}; load it into a table of a database and name that (--table)")
    return [_option("hive_partitioning", value=False)]


def _option(name: str, *, value: bool) -> exp.Expr:
    return exp.EQ(this=exp.to_identifier(name), expression=exp.Boolean(this=value))
