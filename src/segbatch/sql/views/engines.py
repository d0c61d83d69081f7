"""The engines that views are written for; this module does not need sqlglot."""

from typing import Literal, get_args

Engine = Literal["duckdb", "spark", "databricks", "trino", "athena", "snowflake", "bigquery"]
"""The names are those of the dialects of sqlglot, too."""

ENGINES: tuple[Engine, ...] = get_args(Engine)
