"""Random definitions over random contacts: the SQL that is printed selects whom Polars and the evaluator select."""

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from oracle.fields import Form
from oracle.strategies import ALL, Case, cases
from segbatch import compile_segment
from segbatch.compiler.prepare import PreparedEvaluation
from ways import by_oracle, by_sql, contacts_of, difference, lists_folder, prepared

NOT_IN_SQL = (
    *("the regular expressions of DuckDB", "SQL ignores case in names", "is not supported in SQL"),
    *("date-times in nanoseconds and in another unit", "decimals of such different sizes"),
)


@pytest.mark.parametrize("form", ["struct", "json", "map"])
@given(data=st.data())
def test_the_sql_selects_whom_the_others_select(form: Form, data: st.DataObject) -> None:
    case = data.draw(cases(ALL, form))
    with prepared(case) as ready:
        polars = by_polars(ready, case)
        for definition in ready.definitions.good:
            written = case.segments[definition.segment_id]
            expected = by_oracle(written, case)
            found = by_sql(definition.segment_id, ready, case)
            if isinstance(found, str):
                event("refused" if expected is None else "not in SQL")
                assert expected is None or any(reason in found for reason in NOT_IN_SQL), f"{written}: {found}"
                continue
            event("evaluated")
            if found != expected or found != polars[definition.segment_id]:
                pytest.fail(f"{difference(written, case, expected, found)}\nPolars: {polars}")


def by_polars(ready: PreparedEvaluation, case: Case) -> dict[str, list[bool]]:
    frame, schema = contacts_of(case)
    segments = [entry.definition.segment for entry in ready.plan.segments]
    return {
        segment.id: frame.select(
            compile_segment(
                segment,
                schema,
                segments=segments,
                as_of=ready.clock.as_of,
                timezone=ready.clock.timezone.key,
                lists=lists_folder(),
            ).alias("in")
        )["in"].to_list()
        for segment in segments
    }
