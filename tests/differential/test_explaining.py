"""Random definitions over random contacts: what is explained is the membership, and a funnel adds up to it."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oracle.evaluator import members
from oracle.fields import Form
from oracle.strategies import ALL, Case, cases
from segbatch import Segment
from segbatch.authoring.explain.explain import count_steps
from segbatch.authoring.explain.reports import Verdict
from segbatch.authoring.explain.verdicts import explain_row
from segbatch.compiler.prepare import EvaluationOptions, PreparedEvaluation, prepare
from segbatch.definitions.definition import Definition, Definitions
from ways import lists_folder


def definitions_of(case: Case) -> Iterator[Definition]:
    """Yield the definitions that can be read; who names another one fails, as with one that is not there."""
    for data in case.segments.values():
        with suppress(ValueError):
            yield Definition(Segment.model_validate(data))


def prepared_of(case: Case, folder: Path) -> PreparedEvaluation:
    path = folder / "contacts.parquet"
    pq.write_table(case.table, path)
    definitions = Definitions(tuple(definitions_of(case)), (), lists_folder())
    as_of, timezone = case.options["as_of"], case.options["timezone"]
    return prepare(EvaluationOptions(path, as_of=as_of, timezone=timezone, allow_empty=True), definitions)


def ensure_groups_follow(verdict: Verdict) -> None:
    """Check that a group's verdict is that of its parts."""
    held = [part.holds for part in verdict.parts]
    expected = {"all of": all(held), "any of": any(held), "none of": not any(held)}
    assert verdict.holds is expected.get(verdict.rule, verdict.holds)
    for part in verdict.parts:
        ensure_groups_follow(part)


@pytest.mark.parametrize("form", ["struct", "json", "map"])
@given(data=st.data())
def test_every_verdict_is_the_membership(form: Form, data: st.DataObject) -> None:
    case = data.draw(cases(ALL, form))
    with TemporaryDirectory() as folder:
        prepared = prepared_of(case, Path(folder))
        batches = [batch.frame for batch in prepared.snapshot.batches(prepared.plan.leaves, 1000)]
        for planned in prepared.plan.segments:
            segment_id = planned.definition.segment_id
            rows, schema = case.table.to_pylist(), case.table.schema
            expected = members(case.segments[segment_id], rows, schema, **case.options)
            found = [explain_row(prepared, segment_id, row) for frame in batches for row in frame.iter_slices(1)]
            assert [member for member, _ in found] == expected
            assert [all(verdict.holds for verdict in verdicts) for _, verdicts in found] == expected
            for verdict in (verdict for _, verdicts in found for verdict in verdicts):
                ensure_groups_follow(verdict)
            funnel = count_steps(prepared, segment_id)
            assert funnel.members == sum(expected)
            assert not batches or funnel.steps[-1].left == funnel.members
