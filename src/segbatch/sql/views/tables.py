"""How an engine names a table of an output: by a path, or by the name that a catalog has for it."""

from collections.abc import Callable, Sequence

from sqlglot import exp

from segbatch.errors import UsageError
from segbatch.sql.dialects import identifier
from segbatch.sql.views.engines import Engine
from segbatch.sql.views.output import OutputAddress

TableNamer = Callable[[str], exp.Table]
"""Returns the expression for a table of the output."""

_BY_PATH = frozenset[Engine](("duckdb", "spark", "databricks"))
_BY_CATALOG = frozenset[Engine](("duckdb", "spark", "trino", "athena"))
_CATALOG_OF_ITS_OWN = "athena"
"""Athena has one catalog, that of AWS Glue, and needs the namespace alone."""


def name_tables(output: OutputAddress, engine: Engine, schema: Sequence[str]) -> TableNamer:
    """Return how an engine names the tables of an output in Delta or Iceberg.

    Args:
        schema: The schema that has the tables, or the catalog and the schema; empty for the tables' own place.

    Raises:
        UsageError: The engine knows tables by name alone, and no schema is given; or it cannot read the location.
    """
    if schema:
        return lambda table: qualified(schema, table, engine)
    if output.format == "iceberg" and engine in _BY_CATALOG:
        namespace = output.namespace.split(".")
        catalog = [] if engine == _CATALOG_OF_ITS_OWN else [output.location]
        return lambda table: qualified([*catalog, *namespace], table, engine)
    if output.format == "delta" and engine in _BY_PATH:
        location = location_for(output.location, engine)
        return lambda table: _delta_table(f"{location}/{table}", engine)
    message = f"{engine} reads these tables by name; register them there, see docs/readers.md, and name their schema"
    raise UsageError(f"{output}: {message} (--tables)")


def location_for(location: str, engine: Engine) -> str:
    """Return a location with the scheme that an engine knows.

    Raises:
        UsageError: The address of Azure lacks the account, which Spark needs.
    """
    if engine in {"spark", "databricks"} and location.startswith("az://"):
        form = "abfss://CONTAINER@ACCOUNT.dfs.core.windows.net/PREFIX"
        raise UsageError(f"{location}: {engine} needs the account in the address; write {form} (--output)")
    if engine == "spark" and location.startswith("s3://"):
        return f"s3a://{location.removeprefix('s3://')}"
    return location


def qualified(schema: Sequence[str], name: str, engine: Engine) -> exp.Table:
    """Return a table or view with the names of its schema, all quoted where an engine needs it.

    `current` is a reserved word in some engines. Snowflake stores names without quotes in upper case.
    """
    stored = name.upper() if engine == "snowflake" else name
    table = exp.to_identifier(stored, quoted=True) if name == "current" else exp.to_identifier(name)
    parts = [identifier(part) for part in schema]
    if not parts:
        return exp.table_(table)
    if len(parts) == 1:
        return exp.table_(table, parts[0])
    catalog, first, *others = parts
    return exp.Table(this=exp.Dot.build([*others, table]) if others else table, db=first, catalog=catalog)


def _delta_table(path: str, engine: Engine) -> exp.Table:
    if engine == "duckdb":
        return exp.Table(this=exp.Anonymous(this="delta_scan", expressions=[exp.Literal.string(path)]))
    return exp.table_(exp.to_identifier(path, quoted=True), exp.to_identifier("delta"))
