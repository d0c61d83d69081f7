"""Each finding by its name: an example that has it, and one that does not."""

from pathlib import Path
from typing import Any, get_args

import pytest

import segbatch
from builders import rule, write_contacts, write_segment
from segbatch.findings.finding import NAMES, FindingName

CONTACTS = {
    "status": ["active", "active", "Gone", "new"],
    "seats_text": ["7", "30", "100", None],
    "seats": [1, 2, 3, None],
    "day": ["2025-01-01", "2025-01-02", "2025-01-03", None],
    "tags": [["vip"], ["vip", "Beta"], [], None],
    "cf": [{"plan": "pro", "void": None}, {"plan": "free", "void": None}, None, None],
}

WITH_CONTACTS: list[tuple[FindingName, dict[str, Any], str, dict[str, Any]]] = [
    ("unknown-field", rule("cf.plam", "eq", "pro"), ".field", rule("cf.plan", "eq", "pro")),
    ("unknown-field", rule("cf.void", "exists"), ".field", rule("cf.plan", "exists")),
    ("never-holds", rule("seats", "gt", 100), "", rule("seats", "gt", 2)),
    ("never-holds", rule("status", "empty"), "", rule("seats", "empty")),
    ("always-holds", rule("status", "neq", "nobody"), "", rule("status", "neq", "new")),
    ("always-holds", rule("status", "exists"), "", rule("seats", "exists")),
    ("case-mismatch", rule("status", "eq", "gone"), ".value", rule("status", "eq", "Gone")),
    ("case-mismatch", rule("status", "neq", "New"), ".value", rule("status", "neq", "New", ignore_case=True)),
    ("case-mismatch", rule("status", "in", ["new", "GONE"]), ".value[1]", rule("status", "in", ["new", "active"])),
    ("case-mismatch", rule("tags", "contains", "beta"), ".value", rule("tags", "contains", "Beta")),
    ("text-order", rule("seats_text", "gt", "30"), ".value", rule("seats_text", "gt", 30)),
    ("text-order", rule("seats_text", "between", ["1", "50"]), ".value[0]", rule("day", "gt", "2025-01-02")),
    ("empty-text", rule("status", "contains", ""), ".value", rule("tags", "contains", "")),
]


def sample(start: float, end: float) -> dict[str, Any]:
    return {"operator": "sample", "value": {"seed": "spring", "from": start, "to": end}}


ALONE: list[tuple[FindingName, dict[str, Any], str, dict[str, Any]]] = [
    ("sample-range", sample(0.1, 0.1), ".value", sample(0.1, 0.2)),
    ("sample-range", sample(0, 1), ".value", sample(0, 0.999)),
    ("unused-value", rule("status", "exists", value=True), ".value", rule("status", "exists")),
    ("empty-text", rule("status", "starts_with", ""), ".value", rule("status", "starts_with", "a")),
    ("empty-text", rule("status", "not_contains", ""), ".value", rule("status", "neq", "")),
    ("surrounding-space", rule("status", "eq", "active "), ".value", rule("status", "contains", "active ")),
    ("surrounding-space", rule("status", "in", ["a", " b"]), ".value[1]", rule("status", "eq", " ")),
    ("duplicate-value", rule("status", "in", ["a", "b", "a"]), ".value[2]", rule("status", "in", ["1", 1, True])),
]

PLAN = rule("cf.plan", "eq", "pro")

GROUPS: list[tuple[FindingName, list[dict[str, Any]], list[dict[str, Any]]]] = [
    ("duplicate-rule", [PLAN, PLAN], [PLAN, rule("cf.plan", "neq", "pro")]),
    (
        "duplicate-rule",
        [PLAN, {"match": "any", "rules": [rule("cf.plan", "in", ["pro"])]}],
        [PLAN, {"match": "any", "rules": [PLAN, rule("seats", "gt", 1)]}],
    ),
]


def found(folder: Path, contacts: bool, *rules: dict[str, Any], **more: Any) -> list[tuple[str, str | None]]:  # noqa: FBT001 - a test's own
    write_segment(folder / "segments", "it", *rules, **more)
    snapshot = write_contacts(folder / "contacts.parquet", CONTACTS) if contacts else None
    report = segbatch.lint(folder / "segments", snapshot)
    assert report.errors == ()
    assert all(finding.problem.severity == "warning" for finding in report.findings)
    return [(finding.name, finding.problem.path) for finding in report.findings]


@pytest.mark.parametrize(("name", "bad", "place", "good"), WITH_CONTACTS)
def test_a_rule_over_contacts(tmp_path: Path, name: str, bad: dict[str, Any], place: str, good: dict[str, Any]) -> None:
    assert (name, f"$.rules[0]{place}") in found(tmp_path, True, bad)  # noqa: FBT003 - a test's own
    assert name not in dict(found(tmp_path, True, good))  # noqa: FBT003


@pytest.mark.parametrize(("name", "bad", "place", "good"), ALONE)
def test_a_rule_by_itself(tmp_path: Path, name: str, bad: dict[str, Any], place: str, good: dict[str, Any]) -> None:
    assert found(tmp_path, False, bad) == [(name, f"$.rules[0]{place}")]  # noqa: FBT003
    assert found(tmp_path, False, good) == []  # noqa: FBT003


@pytest.mark.parametrize(("name", "bad", "good"), GROUPS)
def test_a_duplicate_rule(tmp_path: Path, name: str, bad: list[dict[str, Any]], good: list[dict[str, Any]]) -> None:
    assert found(tmp_path, False, *bad, match="any") == [(name, "$.rules[1]")]  # noqa: FBT003
    assert found(tmp_path, False, *good, match="any") == []  # noqa: FBT003


def test_one_cause_is_reported_once(tmp_path: Path) -> None:
    assert found(tmp_path, True, rule("cf.plam", "neq", "pro")) == [("unknown-field", "$.rules[0].field")]  # noqa: FBT003
    assert found(tmp_path, True, rule("status", "eq", "Active")) == [("case-mismatch", "$.rules[0].value")]  # noqa: FBT003


def test_a_rule_is_counted_over_the_contacts_of_a_project(tmp_path: Path) -> None:
    contacts = write_contacts(tmp_path / "c.parquet", {"project_id": ["p", "q"], "status": ["new", "gone"]})
    write_segment(tmp_path / "segments", "it", rule("status", "eq", "new"), project_id="p")
    assert segbatch.lint(tmp_path / "segments", contacts).findings == ()
    [finding] = segbatch.lint(tmp_path / "segments", contacts, project="p").findings
    assert finding.name == "always-holds"


def test_findings_are_silenced_by_name(tmp_path: Path) -> None:
    write_segment(tmp_path, "it", rule("status", "exists", 1), rule("status", "eq", "a "))
    assert len(segbatch.lint(tmp_path).findings) == 2
    assert [entry.name for entry in segbatch.lint(tmp_path, ignore=["unused-value"]).findings] == ["surrounding-space"]
    with pytest.raises(segbatch.UsageError, match="did you mean 'unused-value'"):
        segbatch.lint(tmp_path, ignore=["unused-values"])


def test_findings_are_in_the_order_of_the_rules(tmp_path: Path) -> None:
    write_segment(tmp_path, "it", *(rule(f"f{number}", "exists", 1) for number in range(12)))
    paths = [entry.problem.path for entry in segbatch.lint(tmp_path).findings]
    assert paths == [f"$.rules[{number}].value" for number in range(12)]


def test_every_name_has_a_line_and_a_chapter() -> None:
    page = (Path(__file__).parents[2] / "docs" / "lint.md").read_text()
    assert set(NAMES) == set(get_args(FindingName))
    for name in NAMES:
        assert f"### `{name}`" in page


def test_every_finding_has_an_example() -> None:
    tried = {name for name, *_ in (*WITH_CONTACTS, *ALONE, *GROUPS)} | {"contradiction", "same-meaning", "expires-soon"}
    assert tried == set(NAMES)
