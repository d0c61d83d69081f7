"""Segments of real telephone customers, with member counts that were computed independently.

The snapshot is a public one of 7,043 customers, published by IBM, which this repository does not carry. It is read
from the path in SEGBATCH_TELCO, or from a folder next to the repository.
"""

import os
from pathlib import Path
from typing import Any

import duckdb
import pytest

import segbatch
from builders import rule, write_segment

pytestmark = [pytest.mark.slow, pytest.mark.serial]

BESIDE = Path(__file__).parents[3] / "shared" / "data" / "telco.parquet"
TELCO = Path(os.environ.get("SEGBATCH_TELCO", BESIDE))

QUESTIONS: dict[str, tuple[list[dict[str, Any]], int]] = {
    "month-to-month-and-churned": (
        [rule("custom_fields.contract", "eq", "Month-to-month"), rule("churn", "eq", value=True)],
        1655,
    ),
    "pays-automatically": ([rule("custom_fields.payment_method", "contains", "automatic")], 3066),
    "total-over-5000": ([rule("custom_fields.total_charges", "gt", 5000)], 1135),
    "not-fiber": ([rule("custom_fields.internet.service", "neq", "Fiber optic")], 3947),
    "no-internet": ([rule("custom_fields.internet.service", "empty")], 1526),
    "senior-and-new": (
        [rule("senior_citizen", "eq", value=True), rule("custom_fields.tenure_months", "lte", 12)],
        320,
    ),
    "unprotected": ([rule("custom_fields.internet.security", "not_contains", "Yes")], 5024),
}


@pytest.mark.skipif(not TELCO.is_file(), reason="the telephone customers are not here; set SEGBATCH_TELCO")
def test_seven_segments_of_real_customers_have_the_counted_sizes(tmp_path: Path) -> None:
    for segment_id, (rules, _) in QUESTIONS.items():
        write_segment(tmp_path / "segments", segment_id, *rules)
    report = segbatch.run(TELCO, tmp_path / "segments", tmp_path / "output")
    with duckdb.connect(str(report.catalogue), read_only=True) as connection:
        counted = connection.execute("SELECT segment_id, count(*) FROM membership GROUP BY 1").fetchall()
    assert dict(counted) == {segment_id: members for segment_id, (_, members) in QUESTIONS.items()}
    assert {record.segment_id: record.member_count for record in report.segments} == dict(counted)
