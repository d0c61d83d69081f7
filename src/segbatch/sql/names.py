"""The dialects by name; nothing here needs sqlglot."""

from typing import Literal, get_args

__all__ = ["DIALECTS", "DialectName"]

DialectName = Literal["duckdb", "postgres", "snowflake", "bigquery", "clickhouse", "spark"]
"""What can be written; `duckdb` says everything."""

DIALECTS: tuple[DialectName, ...] = get_args(DialectName)
