"""Names of the dialects; this module does not need sqlglot."""

from typing import Literal, get_args

DialectName = Literal["duckdb", "postgres", "snowflake", "bigquery", "clickhouse", "spark"]
"""The available dialects; `duckdb` can express every rule."""

DIALECTS: tuple[DialectName, ...] = get_args(DialectName)
