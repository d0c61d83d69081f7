"""The views over tables of Delta or Iceberg, in the dialect of an engine.

Each query is written once, in DuckDB's dialect. `base.NAME` is a table of the output, which an engine knows by a path
or by the name in a catalog, and `views.NAME` another view. Each query names `current` first: an engine that looks up
tables in this order never sees the new row of `current` without the rows that were written before it.
"""

from collections.abc import Callable, Sequence

import sqlglot
from sqlglot import exp

from segbatch.errors import UsageError
from segbatch.model.manifest import RunRecord, SegmentRecord
from segbatch.sql.dialects import identifier
from segbatch.sql.views.engines import Engine
from segbatch.sql.views.output import OutputAddress

Statements = Sequence[tuple[str, str]]
"""Statements without a semicolon, each with a comment, which may be empty."""

TableNamer = Callable[[str], exp.Table]
"""Returns the expression for a table of the output."""

_BY_PATH = frozenset[Engine](("duckdb", "spark", "databricks"))
_BY_CATALOG = frozenset[Engine](("duckdb", "spark", "trino", "athena"))
_CATALOG_OF_ITS_OWN = "athena"
"""Athena has one catalog, that of AWS Glue, and needs the namespace alone."""

_MEMBERSHIP = """
SELECT m.segment_id, m.contact_id
FROM base."current" AS p JOIN base.membership AS m ON m.publication = p.publication
"""

_SEGMENTS = f"""
SELECT {", ".join(f"s.{name}" for name in SegmentRecord.model_fields)}
FROM base."current" AS p JOIN base.segments AS s ON s.publication = p.publication
"""  # noqa: S608 - our own names

_RUNS = f"""
SELECT {", ".join(RunRecord.model_fields)}, run_number, publication
FROM (
    SELECT r.*, ROW_NUMBER() OVER (PARTITION BY r.run_number ORDER BY r.publication_number DESC) AS newest
    FROM base."current" AS p
    JOIN base.runs AS r ON r.publication_number <= p.publication_number AND r.run_number <= p.run_number
    WHERE r.publication IN (
        SELECT publication FROM base."current"
        UNION ALL SELECT previous_publication FROM base.runs WHERE previous_publication IS NOT NULL
    )
) AS published
WHERE newest = 1
"""  # noqa: S608 - our own names

_PRESENT_IDS = """
LEFT JOIN base.segment_renames AS n ON n.publication = p.publication AND n.old_id = x.segment_id
    AND r.run_number BETWEEN n.first_run_number AND n.last_run_number
"""

_CHANGES = f"""
SELECT x.run_id, x.as_of, COALESCE(n.new_id, x.segment_id) AS segment_id, x.contact_id, x.change
FROM base."current" AS p CROSS JOIN views.runs AS r
JOIN base.membership_changes AS x ON x.publication = r.publication
{_PRESENT_IDS}
"""  # noqa: S608 - our own names

_SEGMENT_RUNS = f"""
SELECT r.run_id, r.as_of, COALESCE(n.new_id, x.segment_id) AS segment_id, x.status, x.member_count, x.entered,
    x.exited, x.fingerprint
FROM base."current" AS p CROSS JOIN views.runs AS r
JOIN base.segments AS x ON x.publication = r.publication
{_PRESENT_IDS}
"""  # noqa: S608 - our own names

MEMBERSHIP_HISTORY = """
WITH stays AS (
    SELECT c.segment_id, c.contact_id, c.as_of, c.change,
        LEAD(c.as_of) OVER (PARTITION BY c.segment_id, c.contact_id ORDER BY r.run_number) AS next_at,
        LAG(c.change) OVER (PARTITION BY c.segment_id, c.contact_id ORDER BY r.run_number) AS earlier
    FROM views.membership_changes AS c JOIN views.runs AS r ON r.run_id = c.run_id
)
SELECT segment_id, contact_id, as_of AS entered_at, next_at AS exited_at FROM stays WHERE change = 'entered'
UNION ALL
SELECT s.segment_id, s.contact_id, f.as_of AS entered_at, s.as_of AS exited_at
FROM stays AS s CROSS JOIN views.runs AS f WHERE f.run_number = 1 AND s.change = 'exited' AND s.earlier IS NULL
UNION ALL
SELECT m.segment_id, m.contact_id, f.as_of AS entered_at, NULL AS exited_at
FROM views.membership AS m CROSS JOIN views.runs AS f
WHERE f.run_number = 1 AND NOT EXISTS (
    SELECT 1 FROM views.membership_changes AS c WHERE c.segment_id = m.segment_id AND c.contact_id = m.contact_id
)
"""
"""The same stays as the view of `segbatch.duckdb`, in SQL that all engines know. It also serves plain Parquet."""

QUERIES = {
    "membership": _MEMBERSHIP,
    "segments": _SEGMENTS,
    "runs": _RUNS,
    "membership_changes": _CHANGES,
    "segment_runs": _SEGMENT_RUNS,
    "membership_history": MEMBERSHIP_HISTORY,
}
"""The query of each view, in the order to create them."""


def statements_over_tables(
    address: OutputAddress, engine: Engine, schema: Sequence[str], tables: Sequence[str]
) -> Statements:
    """Return the statements for an output in Delta or Iceberg.

    Args:
        schema: The parts of the name of the schema of the views; empty for the current one.
        tables: The same of the schema that has the tables; empty for their own place.

    Raises:
        UsageError: The engine cannot read the tables without the name of a schema.
    """
    base = _name_tables(address, engine, tables)
    return [("", create_view(name, query, engine, schema, base)) for name, query in QUERIES.items()]


def create_view(name: str, query: str, engine: Engine, schema: Sequence[str], base: TableNamer | None = None) -> str:
    """Return the statement that creates a view.

    Args:
        query: The query of the view, in DuckDB's dialect.
        engine: The engine that runs the statement.
        schema: The parts of the name of the schema of the views; empty for the current one.
        base: How the engine names tables of the output, if the query reads some.
    """
    parsed = _parsed(query, engine, schema, base)
    view = exp.Create(this=qualified(schema, name, engine), kind="VIEW", replace=True, expression=parsed)
    return view.sql(engine, pretty=True)


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


def _parsed(query: str, engine: Engine, schema: Sequence[str], base: TableNamer | None) -> exp.Expr:
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


def _name_tables(output: OutputAddress, engine: Engine, schema: Sequence[str]) -> TableNamer:
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
        location = _location_for(output.location, engine)
        return lambda table: _delta_table(f"{location}/{table}", engine)
    message = f"{engine} reads these tables by name; register them there, see docs/readers.md, and name their schema"
    raise UsageError(f"{output}: {message} (--tables)")


def _location_for(location: str, engine: Engine) -> str:
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


def _delta_table(path: str, engine: Engine) -> exp.Table:
    if engine == "duckdb":
        return exp.Table(this=exp.Anonymous(this="delta_scan", expressions=[exp.Literal.string(path)]))
    return exp.table_(exp.to_identifier(path, quoted=True), exp.to_identifier("delta"))
