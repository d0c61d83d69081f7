"""Explanations of rules that read a field as another type."""

from pathlib import Path
from typing import Any

import pytest

import segbatch
from builders import rule, write_contacts, write_segment


@pytest.mark.parametrize(
    ("one", "contact", "expected"),
    [
        (rule("seats", "gt", 9) | {"as": "number"}, "a", "10.0 is above 9"),
        (
            rule("seats", "neq", 9) | {"as": "number"},
            "b",
            "missing, because 'n/a' cannot be read as a number (Float64), and the rule matches missing values",
        ),
        (rule("version", "lt", "2.10") | {"as": "version"}, "a", "'2.9' is below '2.10'"),
        (rule("since", "older_than", "1mo"), "a", "2025-04-01 is more than 1mo before 2025-06-15"),
    ],
)
def test_the_value_is_shown_as_the_rule_reads_it(
    tmp_path: Path, one: dict[str, Any], contact: str, expected: str
) -> None:
    columns = {"seats": ["10", "n/a"], "version": ["2.9", "2.11"], "since": ["2025-04-01", "2025-06-01"]}
    contacts = write_contacts(tmp_path / "contacts.parquet", columns)
    write_segment(tmp_path / "segments", "s", one)
    found = segbatch.explain(contacts, "s", contact, segments=tmp_path / "segments", as_of="2025-06-15")
    assert found.verdicts[0].why == expected
