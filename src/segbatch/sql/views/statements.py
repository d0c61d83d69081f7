"""The statements that create views, in the dialect of an engine."""

from collections.abc import Sequence

import sqlglot
from sqlglot import exp

from segbatch.sql.views import parquet_files
from segbatch.sql.views.engines import Engine
from segbatch.sql.views.output import OutputAddress
from segbatch.sql.views.queries import HISTORY, QUERIES
from segbatch.sql.views.tables import TableNamer, name_tables, qualified

Statements = Sequence[tuple[str, str]]
"""Statements without a semicolon, each with a comment, which may be empty."""

_SESSION = "Begin each session with these two statements, and repeat them to see a newer run."


def over_tables(address: OutputAddress, engine: Engine, schema: Sequence[str], tables: Sequence[str]) -> Statements:
    """Return the statements for an output in Delta or Iceberg.

    Args:
        schema: The parts of the name of the schema of the views; empty for the current one.
        tables: The same of the schema that has the tables; empty for their own place.

    Raises:
        UsageError: The engine cannot read the tables without the name of a schema.
    """
    base = name_tables(address, engine, tables)
    return [
        ("", _create(name, _parsed(query, engine, schema, base), engine, schema)) for name, query in QUERIES.items()
    ]


def over_files(address: OutputAddress, schema: Sequence[str]) -> Statements:
    """Return DuckDB's statements for an output of plain Parquet files. For the rest, see `over_tables`."""
    first, *others = parquet_files.variables(address.location)
    renames = qualified(schema, "segment_renames", "duckdb").sql("duckdb")
    views = [
        ("", f"CREATE OR REPLACE VIEW {qualified(schema, name, 'duckdb').sql('duckdb')} AS\n{query}")
        for name, query in parquet_files.queries(renames).items()
    ]
    history = _create("membership_history", _parsed(HISTORY, "duckdb", schema), "duckdb", schema)
    return [(_SESSION, first), *(("", statement) for statement in others), *views, ("", history)]


def _parsed(query: str, engine: Engine, schema: Sequence[str], base: TableNamer | None = None) -> exp.Expr:
    """Parse a query, and replace `base.NAME` and `views.NAME` by the names that the engine knows."""
    found = sqlglot.parse_one(query, read="duckdb")
    for table in list(found.find_all(exp.Table)):
        if table.db in {"base", "views"}:
            named = (
                base(table.name) if base is not None and table.db == "base" else qualified(schema, table.name, engine)
            )
            named.set("alias", table.args.get("alias"))
            table.replace(named)
    return found


def _create(name: str, query: exp.Expr, engine: Engine, schema: Sequence[str]) -> str:
    view = exp.Create(this=qualified(schema, name, engine), kind="VIEW", replace=True, expression=query)
    return view.sql(engine, pretty=True)
