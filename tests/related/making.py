"""Small related tables, and the aggregates of contacts by the keys of rules."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from segbatch import TableRule
from segbatch.compiler.prepare import EvaluationOptions, PreparedEvaluation, prepare
from segbatch.definitions.definition import Definition, Definitions
from segbatch.model.segment import Segment

AS_OF = "2026-06-01T12:00:00Z"


def write_table(path: Path, columns: Mapping[str, Any] | pa.Table) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(columns if isinstance(columns, pa.Table) else pa.table(dict(columns)), path)
    return path


def on(table: str = "orders", **keys: Any) -> dict[str, Any]:
    """A rule on a table that compares nothing in particular."""
    return {"table": table, "operator": "exists", **keys}


def prepared(contacts: Path, tables: Any, *rules: dict[str, Any], **options: Any) -> PreparedEvaluation:
    """Plan one segment per rule; their ids are s0, s1, ..."""
    segments = [{"id": f"s{number}", "name": "S", "rules": [rule]} for number, rule in enumerate(rules)]
    definitions = tuple(Definition(Segment.model_validate(one)) for one in segments)
    found = EvaluationOptions(contacts, tables=tables, **{"as_of": AS_OF, **options})
    return prepare(found, Definitions(definitions, ()))


def values(found: PreparedEvaluation, rule: dict[str, Any], rows: int = 100) -> list[Any]:
    """The aggregate of a rule for each contact."""
    key = TableRule.model_validate(rule).key
    return [value for batch in found.snapshot.batches([key], rows) for value in batch.frame.get_column(key).to_list()]


def all_values(found: PreparedEvaluation, rules: Sequence[dict[str, Any]], rows: int = 100) -> list[list[Any]]:
    """The aggregates of several rules, read in one pass."""
    keys = [TableRule.model_validate(rule).key for rule in rules]
    frame = pl.concat([batch.frame.select(keys) for batch in found.snapshot.batches(keys, rows)])
    return [frame.get_column(key).to_list() for key in keys]


def aggregate(contacts: Path, table: Path, **keys: Any) -> list[Any]:
    """The values of one aggregate of a table without a time column."""
    rule = on(**keys)
    found = prepared(contacts, {"orders": table}, rule)
    assert not found.plan.failed
    return values(found, rule)


def members(found: PreparedEvaluation) -> dict[str, list[Any]]:
    """The members of each segment."""
    ids = pl.concat(list(found.snapshot.ids()))
    from segbatch.engine.local import LocalEngine  # noqa: PLC0415 - few tests need it

    batches = list(LocalEngine().evaluate(found.plan, found.snapshot))
    return {
        name: [contact for contact, is_in in zip(ids, _booleans(batches, number), strict=True) if is_in]
        for number, name in enumerate(batches[0].segment_ids)
    }


def _booleans(batches: list[Any], number: int) -> list[bool]:
    found = list[bool]()
    for batch in batches:
        bits = batch.bitmaps[number].tobytes()
        found += [bool(bits[row // 8] >> (row % 8) & 1) for row in range(len(batch.ids))]
    return found
