"""The files of a snapshot as something to select from."""

import re
from collections.abc import Sequence

from sqlglot import exp

from segbatch.contacts.files import SnapshotFile
from segbatch.errors import UsageError
from segbatch.sql.dialects import text
from segbatch.sql.names import DialectName

__all__ = ["read_parquet"]


def read_parquet(files: Sequence[SnapshotFile], dialect: DialectName, *, byte_texts: bool = False) -> exp.Expr:
    """Return the function of DuckDB that reads exactly these files, whatever their names are.

    Args:
        files: The files.
        dialect: The SQL to write.
        byte_texts: Whether bytes are read as texts.

    Raises:
        UsageError: It is another dialect.
    """
    if dialect != "duckdb":
        raise UsageError(f"{dialect} reads a table; name it with --table")
    paths = [text(re.sub(r"([*?\[])", r"[\1]", str(file.place))) for file in files]
    options = []
    if len(paths) > 1:
        options.append(_option("union_by_name", value=True))
    if byte_texts:
        options.append(_option("binary_as_string", value=True))
    if any("=" in str(file.place) for file in files):
        options.append(_option("hive_partitioning", value=False))
    source = paths[0] if len(paths) == 1 else exp.Array(expressions=paths)
    return exp.Anonymous(this="READ_PARQUET", expressions=[source, *options])


def _option(name: str, *, value: bool) -> exp.Expr:
    return exp.EQ(this=exp.to_identifier(name), expression=exp.Boolean(this=value))
