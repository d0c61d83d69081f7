"""The third way: the SQL that is printed, run by DuckDB over the Parquet file."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import pyarrow.parquet as pq

from differential.test_membership import valid
from oracle.strategies import Case
from segbatch import DefinitionError
from segbatch.definitions.loading import Definition, Definitions
from segbatch.preparing import Prepared, Question, prepare
from segbatch.sql.writing import query

CONNECTION = duckdb.connect(config={"threads": 1})


@contextmanager
def prepared(case: Case) -> Iterator[Prepared]:
    """Write the contacts of a case, and prepare its segments as `segbatch sql` does."""
    definitions = Definitions(tuple(Definition(one) for one in valid(case.segments.values())), ())
    with TemporaryDirectory() as folder:
        path = Path(folder) / "contacts.parquet"
        pq.write_table(case.table, path)
        moment, zone = case.options.get("as_of"), case.options["timezone"]
        yield prepare(Question(path, as_of=moment, timezone=zone, allow_empty=True), definitions)


def by_sql(segment_id: str, ready: Prepared, case: Case) -> list[bool] | str:
    """Return who is in by the query of a segment, or why it is not written."""
    try:
        sql = query(ready, segment_id, "duckdb", None, None)
    except DefinitionError as error:
        return str(error)
    try:
        selected = {found for (found,) in CONNECTION.execute(sql).fetchall()}
    except duckdb.Error as error:
        raise AssertionError(f"{error}\n{sql}") from error
    return [one in selected for one in case.table["id"].to_pylist()]
