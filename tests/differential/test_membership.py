"""Random definitions over random contacts: Polars and a plain row-by-row evaluator agree on every contact."""

from typing import Any

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from oracle.fields import Form
from oracle.strategies import ALL, Case, cases
from segbatch import DefinitionError, Segment, compile_segment
from ways import by_oracle, contacts_of, difference, lists_folder, valid


def by_polars(segment: dict[str, Any], case: Case) -> list[bool | None] | None:
    frame, schema = contacts_of(case)
    try:
        condition = compile_segment(
            Segment.model_validate(segment),
            schema,
            segments=valid(case.segments.values()),
            as_of=case.options.get("as_of"),
            timezone=case.options["timezone"],
            lists=lists_folder(),
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
