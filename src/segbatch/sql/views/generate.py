"""Public function that writes the views over the tables of an output."""

from collections.abc import Iterator, Sequence
from importlib.util import find_spec

from segbatch.errors import UsageError
from segbatch.sql.views.engines import ENGINES, Engine
from segbatch.sql.views.output import OutputAddress, read_output_address
from segbatch.text import did_you_mean, one_of, shown


def write_views(output: str, *, dialect: str, schema: str | None = None, tables: str | None = None) -> str:
    """Write the SQL statements that create the published tables as views, for an engine that reads the output.

    Args:
        output: The address of the output: `delta+PATH`, `delta+s3://...`, `iceberg://CATALOG/NAMESPACE`, or the URL of
            plain Parquet files.
        dialect: `duckdb`, `spark`, `databricks`, `trino`, `athena`, `snowflake` or `bigquery`.
        schema: The schema of the views, such as `audiences` or `catalog.audiences`; by default the current one.
        tables: The schema in which the engine knows the tables of the output; by default they are read by their path,
            or by the names that the Iceberg catalog has for them.

    Returns:
        The statements, each with a semicolon and a line end.

    Raises:
        UsageError: The dialect, the output or a schema is not valid, the engine cannot read such an output without
            more options, or sqlglot is not installed.
    """
    if find_spec("sqlglot") is None:
        raise UsageError("SQL is written with sqlglot, which is not installed; run: pip install 'segbatch[sql]'")
    engine = next((engine for engine in ENGINES if engine == dialect), None)
    if engine is None:
        near = did_you_mean(dialect, ENGINES) or f"; use {one_of(ENGINES)}"
        raise UsageError(f"{shown(dialect)} is not a dialect of views{near} (--dialect)")
    address = read_output_address(output)
    target, source = _parts(schema, "--schema"), _parts(tables, "--tables")
    if target and target == source:
        raise UsageError(f"{schema}: has the tables, whose names the views need; choose another one (--schema)")
    if address.format == "parquet":
        from segbatch.sql.views.over_files import statements_over_files  # noqa: PLC0415 - loads sqlglot, an extra

        _ensure_readable_as_files(address, engine, tables)
        written = statements_over_files(address, target)
    else:
        from segbatch.sql.views.over_tables import statements_over_tables  # noqa: PLC0415 - loads sqlglot, an extra

        written = statements_over_tables(address, engine, target, source)
    return "\n".join(_with_comments(address, written))


def _ensure_readable_as_files(address: OutputAddress, engine: Engine, tables: str | None) -> None:
    """Check that views over plain Parquet files are possible.

    Raises:
        UsageError: They are not.
    """
    if tables is not None:
        raise UsageError(f"{address}: plain Parquet files are no tables with a schema; leave out --tables")
    if engine != "duckdb":
        message = f"{engine} cannot follow the file 'current' of plain Parquet files; publish to Delta or Iceberg"
        raise UsageError(f"{address}: {message}, or read one run by its path, see docs/readers.md (--dialect)")
    if char := next((char for char in "*?[" if char in address.location), None):
        raise UsageError(f"{address}: DuckDB would read the {char} in the address as a pattern (--output)")


def _parts(name: str | None, option: str) -> Sequence[str]:
    """Split the name of a schema.

    Raises:
        UsageError: A part is empty, or has a character that cannot be in a name in some engine.
    """
    if name is None:
        return ()
    parts = name.split(".")
    if any(not part.strip() or not part.isprintable() or set(part) & set("`\"'\\;") for part in parts):
        raise UsageError(f"{shown(name)} is not the name of a schema; write SCHEMA or CATALOG.SCHEMA ({option})")
    return parts


def _with_comments(address: OutputAddress, written: Sequence[tuple[str, str]]) -> Iterator[str]:
    """Yield the lines of statements, each after its comment."""
    yield f"-- The published tables of {address}, as views. Run this once; the views follow each new run."
    for comment, statement in written:
        yield ""
        if comment:
            yield f"-- {comment}"
        yield f"{statement};"
