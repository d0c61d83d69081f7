"""Segments of a project over contacts whose project is known, unknown, or the same for all."""

import json
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa
import pytest

import segbatch
from builders import rule, segment, write_contacts, write_segment
from calling import Commands
from segbatch.sql.generate import write_sql

ACTIVE = rule("status", "eq", "active")
UNKNOWN = (
    "segment 'theirs': $.project_id: the snapshot has no column 'project_id', so the contacts of 'shop-1' are unknown; "
    "export that column, or pass --project shop-1 if all contacts are its own"
)
ASSUMED = "the snapshot has no column 'project_id', so all of its contacts count as those of 'shop-1'"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_contacts(Path("contacts.parquet"), {"status": ["active", "active", "new"]})
    write_segment(Path("segments"), "theirs", ACTIVE, project_id="shop-1")
    write_segment(Path("segments"), "anyones", ACTIVE)


def members(output: str = "output") -> dict[str, list[str]]:
    with duckdb.connect(f"{output}/segbatch.duckdb", read_only=True) as tables:
        rows = tables.sql("FROM membership SELECT segment_id, contact_id ORDER BY ALL").fetchall()
    found: dict[str, list[str]] = {}
    for segment_id, contact_id in rows:
        found.setdefault(segment_id, []).append(contact_id)
    return found


def messages(problems: Any) -> list[str]:
    return [str(problem).removeprefix("segments/theirs.json: ") for problem in problems]


def test_a_segment_of_a_project_fails_without_a_project_column() -> None:
    bare = UNKNOWN.removeprefix("segment 'theirs': ")
    report = segbatch.run("contacts.parquet")
    assert {one.segment_id: one.status for one in report.segments} == {"theirs": "failed", "anyones": "ok"}
    assert members() == {"anyones": ["a", "b"]}
    assert messages(segbatch.check(contacts="contacts.parquet").errors) == [bare]
    assert messages(segbatch.lint(contacts="contacts.parquet").errors) == [bare]
    questions = (
        lambda: segbatch.preview("contacts.parquet", "theirs"),
        lambda: segbatch.explain("contacts.parquet", "theirs", "a"),
        lambda: segbatch.funnel("contacts.parquet", "theirs"),
        lambda: write_sql("theirs", "contacts.parquet"),
        lambda: write_sql("theirs", "contacts.parquet", table="contacts"),
    )
    for question in questions:
        with pytest.raises(segbatch.DefinitionError) as raised:
            question()
        assert messages(raised.value.problems) == [bare]


def test_one_project_for_all_contacts_is_assumed_and_recorded() -> None:
    report = segbatch.run("contacts.parquet", project="shop-1")
    assert report.run.project_id == "shop-1"
    assert members() == {"anyones": ["a", "b"], "theirs": ["a", "b"]}
    assert ASSUMED in [str(problem) for problem in report.notes]
    manifest = json.loads(next(Path("output/runs").glob("*/manifest.json")).read_text())
    assert manifest["run"]["project_id"] == "shop-1"
    assert ASSUMED in manifest["notes"]
    assert not segbatch.check(contacts="contacts.parquet", project="shop-1").errors
    assert segbatch.preview("contacts.parquet", "theirs", project="shop-1").segments[0].members == 2
    assert segbatch.explain("contacts.parquet", "theirs", "a", project="shop-1").member
    with duckdb.connect() as tables:
        assert len(tables.sql(write_sql("theirs", "contacts.parquet", project="shop-1")).fetchall()) == 2


def test_a_segment_fails_if_it_references_a_failed_segment_of_a_project() -> None:
    write_segment(Path("segments"), "outer", {"operator": "not_in_segment", "value": "theirs"})
    segbatch.run("contacts.parquet")
    assert members() == {"anyones": ["a", "b"]}


def test_members_are_kept_if_the_next_export_lacks_the_column() -> None:
    write_contacts(Path("contacts.parquet"), {"status": ["active"] * 3, "project_id": ["shop-1", "shop-2", None]})
    segbatch.run("contacts.parquet")
    write_contacts(Path("contacts.parquet"), {"status": ["active"] * 3})
    report = segbatch.run("contacts.parquet")
    assert {one.segment_id: one.status for one in report.segments}["theirs"] == "failed"
    assert members()["theirs"] == ["a"]


@pytest.mark.parametrize(
    ("column", "owner", "expected"),
    [
        (["shop-1", "SHOP-1", None], "shop-1", ["a"]),
        (["", None, "shop-1 "], "shop-1", []),
        ([None, None, None], "shop-1", []),
        ([7, 70, None], "7", ["a"]),
        ([7.0, 7.5, None], "7", ["a"]),
        (pa.array(["shop-1", "x", None]).dictionary_encode(), "shop-1", ["a"]),
    ],
)
def test_a_contact_belongs_only_to_its_own_project(column: Any, owner: str, expected: list[str]) -> None:
    write_contacts(Path("contacts.parquet"), {"status": ["active"] * 3, "project_id": column})
    write_segment(Path("segments"), "theirs", rule("status", "neq", "x"), project_id=owner)
    report = segbatch.run("contacts.parquet")
    assert [one.status for one in report.segments] == ["ok", "ok"]
    assert members().get("theirs", []) == expected


@pytest.mark.parametrize("columns", [["PROJECT_ID"], ["Project_Id", "PROJECT_ID"], ["project_id ", "projectid"]])
def test_a_column_with_another_name_does_not_match_all_contacts(columns: list[str]) -> None:
    values: dict[str, Any] = {name: ["shop-1", "shop-2", None] for name in columns}
    write_contacts(Path("contacts.parquet"), {"status": ["active"] * 3} | values)
    segbatch.run("contacts.parquet")
    assert members().get("theirs", []) in ([], ["a"])


@pytest.mark.parametrize("owner", ["007", "7.0", "7e0", "+7", " 7", "7 ", "7.", "-07"])
@pytest.mark.parametrize("column", [[7, 8], [7.0, 8.5]])
def test_another_text_for_the_same_number_is_another_project(owner: str, column: list[Any]) -> None:
    write_contacts(Path("contacts.parquet"), {"status": ["active"] * 2, "project_id": column})
    write_segment(Path("segments"), "theirs", ACTIVE, project_id=owner)
    [problem] = segbatch.check(contacts="contacts.parquet").errors
    assert "'project_id' is a number in this snapshot" in problem.message
    write_segment(Path("segments"), "theirs", ACTIVE, project_id="8.5")
    assert not segbatch.check(contacts="contacts.parquet").errors


def test_the_option_does_not_resolve_an_ambiguous_column() -> None:
    write_contacts(Path("contacts.parquet"), {"status": ["active"], "PROJECT_ID": ["x"], "Project_Id": ["y"]})
    problems = segbatch.check(contacts="contacts.parquet", project="shop-1").problems
    assert {problem.severity for problem in problems} == {"error"}
    assert len(problems) == 2


def test_two_columns_that_differ_by_case_are_both_reported() -> None:
    write_contacts(Path("contacts.parquet"), {"status": ["active"], "PROJECT_ID": ["x"], "Project_Id": ["x"]})
    message = "$.project_id: the snapshot has no column 'project_id', but 'PROJECT_ID' and 'Project_Id'; "
    assert messages(segbatch.check(contacts="contacts.parquet").errors) == [f"{message}name one of them 'project_id'"]


def test_a_frame_without_the_column_needs_the_project_option() -> None:
    frame, theirs = pl.DataFrame({"status": ["active", "new"]}), segment(ACTIVE, project_id="shop-1")
    with pytest.raises(segbatch.DefinitionError, match="the contacts of 'shop-1' are unknown"):
        segbatch.compile_segment(theirs, frame.schema)
    with pytest.raises(segbatch.DefinitionError, match="all contacts count as those of 'shop-2'"):
        segbatch.compile_segment(theirs, frame.schema, project="shop-2")
    assert frame.filter(segbatch.compile_segment(theirs, frame.schema, project="shop-1")).height == 1


def test_the_command_shows_the_option_quoted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_segment(Path("segments"), "theirs", ACTIVE, project_id="our shop")
    command = Commands(monkeypatch, capsys)
    assert command("run", "--contacts", "contacts.parquet") == 3
    assert "or pass --project 'our shop' if all contacts are its own" in command.err
