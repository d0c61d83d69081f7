"""The ways to find who is in a segment, of which all have to agree."""

import atexit
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from oracle.evaluator import Refused, check, members
from oracle.pools import LISTS
from oracle.strategies import Case
from segbatch import DefinitionError, Segment
from segbatch.compiler.clock import read_clock
from segbatch.compiler.prepare import EvaluationOptions, PreparedEvaluation, prepare
from segbatch.compiler.reading_counts import with_reading_counts
from segbatch.definitions.definition import Definition, Definitions
from segbatch.snapshot.open_snapshot import open_snapshot
from segbatch.snapshot.related.sources import TableSource
from segbatch.sql.query import query

CONNECTION = duckdb.connect(config={"threads": 1})


@cache
def lists_folder() -> Path:
    """Write the lists of all cases into a folder that is removed at the end."""
    folder = TemporaryDirectory()
    atexit.register(folder.cleanup)
    for name, values in LISTS.items():
        (Path(folder.name) / f"{name}.txt").write_text("".join(f"{value}\n" for value in values), newline="")
    return Path(folder.name)


def by_oracle(segment: dict[str, Any], case: Case) -> list[bool] | None:
    """Return who is in, or None where the definition is refused."""
    schema = case.table.schema
    try:
        check(segment, schema, **case.options)
    except Refused:
        return None
    return members(segment, case.table.to_pylist(), schema, **case.options)


def valid(written: Iterable[dict[str, Any]]) -> list[Segment]:
    """Return the definitions that can be read; who names another one fails, as with one that is not there."""
    segments = []
    for data in written:
        with suppress(ValueError):
            segments.append(Segment.model_validate(data))
    return segments


def contacts_of(case: Case) -> tuple[pl.DataFrame, Mapping[str, pl.DataType]]:
    """Read the contacts as a run does, through a Parquet file and in two batches."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "contacts.parquet"
        pq.write_table(case.table, path)
        snapshot = open_snapshot(str(path)).with_fields(fields_of(case))
        moment = case.options.get("as_of")
        clock = read_clock(moment, case.options["timezone"], datetime.now(UTC))
        rules = [rule for other in valid(case.segments.values()) for _, rule in other.rule_paths()]
        snapshot = with_reading_counts(snapshot, rules, clock)
        leaves = {*snapshot.schema, *snapshot.schema.derived}
        batches = [batch.frame for batch in snapshot.batches(leaves, max(1, case.table.num_rows // 2))]
        return pl.concat(batches) if batches else snapshot.empty_frame(leaves), snapshot.schema


def fields_of(case: Case) -> set[str]:
    return {name for other in valid(case.segments.values()) for _, rule in other.rule_paths() for name in rule.fields}


@contextmanager
def prepared(case: Case) -> Iterator[PreparedEvaluation]:
    """Write the contacts of a case, and prepare its segments as `segbatch sql` does."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "contacts.parquet"
        pq.write_table(case.table, path)
        yield prepare_over(path, case)


def prepare_over(contacts: Path, case: Case) -> PreparedEvaluation:
    """Prepare the segments of a case over its contacts, which are in files already."""
    definitions = Definitions(tuple(Definition(one) for one in valid(case.segments.values())), (), lists_folder())
    moment, zone, tables = case.options.get("as_of"), case.options["timezone"], write_tables(contacts.parent, case)
    return prepare(
        EvaluationOptions(contacts, as_of=moment, timezone=zone, allow_empty=True, tables=tables), definitions
    )


def write_tables(folder: Path, case: Case) -> dict[str, TableSource]:
    """Write the related tables of a case, each into one file or two."""
    sources = {}
    for number, (name, table) in enumerate(case.options.get("tables", {}).items()):
        place = folder / f"table{number}"
        place.mkdir()
        rows = pa.Table.from_pylist([*table.rows], table.schema)
        half = rows.num_rows // 2 if number else 0
        for part, some in enumerate([rows] if not half else [rows[:half], rows[half:]]):
            pq.write_table(some, place / f"{part}.parquet", row_group_size=7)
        sources[name] = TableSource(place, table.contact, table.time)
    return sources


def by_sql(segment_id: str, ready: PreparedEvaluation, case: Case) -> list[bool] | str:
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


def difference(
    segment: dict[str, Any], case: Case, expected: Sequence[bool] | None, found: Sequence[bool | None] | None
) -> str:
    """Tell what the two say, and of which contacts."""
    what = f"{segment} in {case.options['timezone']}"
    if expected is None or found is None:
        return f"{what}: the plain evaluator says {expected}, Polars {found}"
    rows = zip(case.table.to_pylist(), expected, found, strict=True)
    differing = [f"{row}: {one} / {other}" for row, one, other in rows if one != other]
    return "\n".join([what, *differing])
