"""Random rules on random related tables: a run, the printed SQL and the plain evaluator agree on every contact."""

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from oracle.fields import Form
from oracle.related_worlds import related_cases
from oracle.strategies import ALL
from segbatch.compiler.prepare import PreparedEvaluation
from segbatch.engine.local import LocalEngine
from ways import by_oracle, by_sql, difference, prepared

NOT_IN_SQL = (
    "the regular expressions of DuckDB",
    "SQL ignores case in names",
    "numbers of any length",
    "lists inside contacts",
    "is not supported in SQL",
    "date-times in nanoseconds and in another unit",
    "decimals of such different sizes",
)


@pytest.mark.parametrize("form", ["struct", "json"])
@given(data=st.data())
def test_a_run_and_the_sql_select_whom_the_plain_evaluator_selects(form: Form, data: st.DataObject) -> None:
    case = data.draw(related_cases(ALL, form))
    with prepared(case) as ready:
        run = by_run(ready)
        for segment_id, written in case.segments.items():
            expected = by_oracle(written, case)
            event("refused" if expected is None else "evaluated")
            if run.get(segment_id) != expected:
                pytest.fail(difference(written, case, expected, run.get(segment_id)))
            if expected is None:
                continue
            found = by_sql(segment_id, ready, case)
            if isinstance(found, str):
                event("not in SQL")
                assert any(reason in found for reason in NOT_IN_SQL), f"{written}: {found}"
            elif found != expected:
                pytest.fail(f"SQL: {difference(written, case, expected, found)}")


def by_run(ready: PreparedEvaluation) -> dict[str, list[bool]]:
    """Return who is in each segment that a run can evaluate."""
    frames = [members.frame for members in LocalEngine().evaluate(ready.plan, ready.snapshot)]
    names = [entry.definition.segment_id for entry in ready.plan.segments]
    return {name: [held for frame in frames for held in frame.get_column(name)] for name in names}
