"""Random definitions over random contacts: Polars and a plain row-by-row evaluator agree on every contact."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl
import pyarrow.parquet as pq
import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from oracle.evaluator import Refused, check, members
from oracle.fields import Form
from oracle.strategies import ALL, Case, cases
from segbatch import DefinitionError, Segment, compile_segment
from segbatch.contacts.snapshot import open_snapshot


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
        batches = [batch.frame for batch in snapshot.batches(snapshot.schema, max(1, case.table.num_rows // 2))]
        return pl.concat(batches) if batches else pl.DataFrame(schema=dict(snapshot.schema)), snapshot.schema


def fields_of(case: Case) -> set[str]:
    return {rule.field for other in valid(case.segments.values()) for _, rule in other.rule_paths() if rule.field}


def by_polars(segment: dict[str, Any], case: Case) -> list[bool | None] | None:
    frame, schema = contacts_of(case)
    try:
        condition = compile_segment(
            Segment.model_validate(segment),
            schema,
            segments=valid(case.segments.values()),
            as_of=case.options.get("as_of"),
            timezone=case.options["timezone"],
        )
    except (DefinitionError, ValueError):
        return None
    return frame.select(condition.alias("in")).get_column("in").to_list()


@pytest.mark.parametrize("form", ["struct", "json", "map"])
@given(data=st.data())
def test_polars_and_the_plain_evaluator_agree_on_every_contact(form: Form, data: st.DataObject) -> None:
    case = data.draw(cases(ALL, form))
    for segment in case.segments.values():
        expected = by_oracle(segment, case)
        event("refused" if expected is None else "evaluated")
        found = by_polars(segment, case)
        if found != expected:
            pytest.fail(difference(segment, case, expected, found))


def difference(
    segment: dict[str, Any], case: Case, expected: list[bool] | None, found: list[bool | None] | None
) -> str:
    """Tell what the two say, and of which contacts."""
    what = f"{segment} in {case.options['timezone']}"
    if expected is None or found is None:
        return f"{what}: the plain evaluator says {expected}, Polars {found}"
    rows = zip(case.table.to_pylist(), expected, found, strict=True)
    differing = [f"{row}: {one} / {other}" for row, one, other in rows if one != other]
    return "\n".join([what, *differing])
