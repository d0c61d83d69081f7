"""Random contacts in files of random layouts: the members are those of the same contacts in one plain file."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from oracle.fields import Form
from oracle.layouts import Layout, layouts
from oracle.strategies import ALL, Case, cases
from segbatch.engine.local import LocalEngine
from segbatch.snapshot.id_checks import ids_as_series
from ways import by_oracle, difference, prepare_over


def by_run(case: Case, layout: Layout) -> dict[str, list[bool]]:
    """Return the members of each segment that can be evaluated, in the order of the table."""
    with TemporaryDirectory() as name:
        layout.write(case.table, Path(name))
        ready = prepare_over(Path(name), case)
        found: dict[str, list[bool]] = {}
        ids: list[str] = []
        for members in LocalEngine().evaluate(ready.plan, ready.snapshot):
            ids += ids_as_series(members.ids).to_list()
            for segment_id, column in members.frame.to_dict(as_series=False).items():
                found.setdefault(segment_id, []).extend(column)
        order = [ids.index(one) for one in case.table["id"].to_pylist()]
        return {
            entry.definition.segment_id: [found[entry.definition.segment_id][row] for row in order]
            for entry in ready.plan.segments
        }


@pytest.mark.parametrize("form", ["struct", "json", "map"])
@given(data=st.data())
def test_the_layout_of_the_files_changes_no_member(form: Form, data: st.DataObject) -> None:
    case = data.draw(cases(ALL, form))
    layout = data.draw(layouts())
    found = by_run(case, layout)
    for segment_id, written in case.segments.items():
        expected = by_oracle(written, case)
        event("refused" if expected is None else "evaluated")
        if found.get(segment_id) != expected:
            pytest.fail(f"{layout}\n{difference(written, case, expected, found.get(segment_id))}")
