"""Explanations of why a contact is in a segment or not, and counts of the contacts that each rule keeps."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from builders import rule, segment, write_contacts, write_segment
from segbatch import DefinitionError, UsageError, explain, funnel
from segbatch.authoring.explain.reports import Step, Verdict

ACTIVE = rule("status", "eq", "active")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    columns = {"status": ["active", "new", None, "active"], "seats": [1, 2, 3, 4], "project_id": ["p", "p", "q", "q"]}
    write_contacts(tmp_path / "contacts.parquet", columns)
    write_segment(tmp_path / "segments", "active", ACTIVE, project_id="p")
    return tmp_path


def lines(verdicts: tuple[Verdict, ...], depth: int = 0) -> list[str]:
    found = []
    for entry in verdicts:
        found.append(f"{'  ' * depth}{'yes' if entry.holds else 'no'} {entry.rule}: {entry.why}")
        found += lines(entry.parts, depth + 1)
    return found


def steps(entries: tuple[Step, ...], depth: int = 0) -> list[tuple[str, int, int | None]]:
    found: list[tuple[str, int, int | None]] = []
    for entry in entries:
        found.append(("  " * depth + entry.rule, entry.keeps, entry.left))
        found += steps(entry.parts, depth + 1)
    return found


NESTED = segment(
    {"match": "any", "rules": [rule("seats", "gt", 3), {"match": "none", "rules": [ACTIVE]}]},
    {"operator": "not_in_segment", "value": "active"},
    project_id="q",
)


def test_each_rule_shows_the_value_of_the_contact() -> None:
    found = explain("contacts.parquet", NESTED, "c")
    assert (found.segment_id, found.contact_id, found.member) == ("s", "c", True)
    assert lines(found.verdicts) == [
        "yes project_id eq \"q\": 'q' is 'q'",
        "yes any of: 1 of 2 matches",
        "  no seats gt 3: 3 is not above 3",
        "  yes none of: none match",
        '    no status eq "active": missing, and the rule does not match missing values',
        "yes not_in_segment \"active\": not in 'active'",
        "  no project_id eq \"p\": 'q' is not 'p'",
        '  no status eq "active": missing, and the rule does not match missing values',
    ]


def test_a_segment_in_a_segment_is_explained_one_level_deep() -> None:
    write_segment(Path("segments"), "two", {"operator": "in_segment", "value": "active"})
    found = explain("contacts.parquet", segment({"operator": "in_segment", "value": "two"}), "a")
    assert lines(found.verdicts) == [
        "yes in_segment \"two\": in 'two'",
        "  yes in_segment \"active\": in 'active'",
    ]


def test_a_segment_any_is_one_group() -> None:
    found = explain("contacts.parquet", segment(ACTIVE, rule("seats", "eq", 9), match="any"), "a")
    assert [line.split(":")[0] for line in lines(found.verdicts)] == [
        "yes any of",
        '  yes status eq "active"',
        "  no seats eq 9",
    ]
    assert found.verdicts[0].path == "$"


def test_a_funnel_counts_alone_and_in_turn() -> None:
    found = funnel("contacts.parquet", NESTED)
    assert (found.contacts, found.members, found.share) == (4, 2, 0.5)
    assert steps(found.steps) == [
        ('project_id eq "q"', 2, 2),
        ("any of", 3, 2),
        ("  seats gt 3", 1, None),
        ("  none of", 2, None),
        ('    status eq "active"', 2, None),
        ('not_in_segment "active"', 3, 2),
    ]


def test_a_funnel_over_no_contacts() -> None:
    write_contacts(Path("none.parquet"), {"id": pa.array([], pa.string()), "status": []})
    found = funnel("none.parquet", segment(rule("status", "empty")))
    assert (found.members, found.share, found.steps[0].share) == (0, None, None)


def test_a_warning_is_reported() -> None:
    write_contacts(Path("cf.parquet"), {"cf": [{"plan": "pro"}]})
    found = explain("cf.parquet", segment(rule("cf.plam", "neq", "x")), "a")
    assert lines(found.verdicts) == [
        'yes cf.plam neq "x": missing for every contact, and the rule matches missing values'
    ]
    assert "did you mean 'plan'?" in str(found.warnings[0])


def test_a_warning_is_an_error_with_strict() -> None:
    write_contacts(Path("cf.parquet"), {"cf": [{"plan": "pro"}]})
    unknown = segment(rule("cf.plam", "neq", "x"))
    with pytest.raises(DefinitionError, match=r"did you mean 'plan'\?$"):
        explain("cf.parquet", unknown, "a", strict=True)
    with pytest.raises(DefinitionError, match=r"did you mean 'plan'\?$"):
        funnel("cf.parquet", unknown, strict=True)
    assert explain("cf.parquet", segment(rule("cf.plan", "eq", "pro")), "a", strict=True).member


def test_numbers_as_ids() -> None:
    write_contacts(Path("n.parquet"), {"id": [7, 12], "status": ["active", None]})
    assert explain("n.parquet", segment(ACTIVE), "7").member
    assert explain("n.parquet", segment(ACTIVE), 12).contact_id == 12


@pytest.mark.parametrize(
    ("ids", "contact_id", "message"),
    [
        (pa.array(["x"]), "y", "no contact has the id 'y'; the ids in the column 'id' are texts"),
        (pa.array([1]), "2", "no contact has the id '2'; the ids in the column 'id' are whole numbers"),
        (pa.array([1]), "x", "'x' cannot be the id of a contact: the column 'id' has whole numbers"),
        (pa.array([b"0" * 16], pa.uuid()), "x", "'x' cannot be the id of a contact: the column 'id' has UUIDs"),
        (pa.array(["x", "x"]), "x", "'x' is the id of 2 contacts; keep one row per contact in the export"),
    ],
)
def test_a_contact_that_is_not_there(ids: Any, contact_id: str, message: str) -> None:
    write_contacts(Path("ids.parquet"), pa.table({"id": ids, "status": ["new"] * len(ids)}))
    with pytest.raises(UsageError) as caught:
        explain("ids.parquet", segment(ACTIVE), contact_id)
    assert str(caught.value) == message


def test_a_segment_that_is_not_there_or_wrong() -> None:
    with pytest.raises(UsageError, match=r"^segments: there is no segment 'activ'; did you mean 'active'\?$"):
        explain("contacts.parquet", "activ", "a")
    with pytest.raises(DefinitionError, match="the snapshot has no column 'x'"):
        funnel("contacts.parquet", segment(rule("x", "exists")))
    Path("list.json").write_text('[{"id": "a"}, {"id": "b"}]')
    with pytest.raises(UsageError) as caught:
        explain("contacts.parquet", "list.json", "a")
    assert str(caught.value) == "list.json: contains 2 segments; add --segments list.json and name one by its id"
