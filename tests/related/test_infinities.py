"""Infinity and minus infinity add up to NaN, which is missing."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import segbatch
from builders import segment, write_contacts


@pytest.mark.parametrize("aggregate", ["sum", "avg"])
@pytest.mark.filterwarnings("error")
def test_opposite_infinities_have_no_sum(tmp_path: Path, aggregate: str) -> None:
    contacts = write_contacts(tmp_path / "contacts.parquet", {"x": [1, 2]})
    numbers = [float("inf"), float("-inf"), 1.0]
    pq.write_table(pa.table({"contact_id": ["a", "a", "b"], "x": numbers}), tmp_path / "t.parquet")
    for operator, members in (("empty", ("a",)), ("exists", ("b",)), ("gte", ("b",))):
        rule = {"table": "t", "aggregate": aggregate, "field": "x", "operator": operator}
        written = segment(rule | ({"value": 1} if operator == "gte" else {}))
        report = segbatch.preview(contacts, written, tables={"t": tmp_path / "t.parquet"})
        assert report.segments[0].first == members
