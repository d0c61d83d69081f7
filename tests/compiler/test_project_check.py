"""A project that nobody has is probably a slip."""

from pathlib import Path

import pytest

import segbatch
from builders import rule, write_contacts, write_segment
from segbatch.errors import Problem
from segbatch.sql.generate import write_sql

NOBODY = "no segment and no contact belongs to project 'shop-2'; did you mean 'shop-1'? (--project)"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_contacts(Path("contacts.parquet"), {"status": ["active", "new"], "project_id": ["shop-1", None]})
    write_contacts(Path("none.parquet"), {"status": ["active", "new"]})
    write_segment(Path("segments"), "active", rule("status", "eq", "active"))


def messages(problems: tuple[Problem, ...]) -> list[str]:
    assert all(problem.severity == "warning" for problem in problems)
    return [problem.message for problem in problems]


def test_commands_warn_about_an_unknown_project() -> None:
    found = list[Problem]()
    write_sql("active", "contacts.parquet", project="shop-2", warn=found.extend)
    assert messages(tuple(found)) == [NOBODY]
    assert messages(segbatch.check(contacts="contacts.parquet", project="shop-2").problems) == [NOBODY]
    assert messages(segbatch.lint(contacts="contacts.parquet", project="shop-2").warnings) == [NOBODY]
    assert messages(segbatch.preview("contacts.parquet", "active", project="shop-2").warnings) == [NOBODY]
    assert messages(segbatch.explain("contacts.parquet", "active", "a", project="shop-2").warnings) == [NOBODY]
    assert messages(segbatch.funnel("contacts.parquet", "active", project="shop-2").warnings) == [NOBODY]
    assert messages(segbatch.run("contacts.parquet", project="shop-2").warnings) == [NOBODY]


def test_a_project_of_only_contacts_or_only_segments_is_known() -> None:
    assert not segbatch.check(contacts="contacts.parquet", project="shop-1").problems
    write_segment(Path("segments"), "theirs", rule("status", "exists"), project_id="shop-2")
    assert not segbatch.check(contacts="contacts.parquet", project="shop-2").problems
    assert not segbatch.check(project="shop-2").problems


def test_without_contacts_the_projects_of_segments_are_known() -> None:
    assert not segbatch.check(project="shop-2").problems
    write_segment(Path("segments"), "theirs", rule("status", "exists"), project_id="shop-1")
    write_segment(Path("segments"), "broken", project_id="other")
    expected = ["no segment belongs to project 'shop-2'; did you mean 'shop-1'? (--project)"]
    assert messages(segbatch.check(project="shop-2").problems) == expected
    assert messages(segbatch.lint(project="shop-2").warnings) == expected
    assert not segbatch.lint(project="other").warnings


def test_a_project_column_without_texts_is_an_error() -> None:
    write_contacts(Path("contacts.parquet"), {"status": ["active"], "project_id": [1]})
    [problem] = segbatch.check(contacts="contacts.parquet", project="shop-2").problems
    assert problem.severity == "error"


def test_the_number_of_project_names_for_a_suggestion_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("segbatch.compiler.project_check._BATCH", 1)
    monkeypatch.setattr("segbatch.compiler.project_check._MOST_NAMES", 1)
    write_contacts(Path("contacts.parquet"), {"status": ["a", "b"], "project_id": ["other", "shop-1"]})
    [problem] = segbatch.check(contacts="contacts.parquet", project="shop-2").problems
    assert problem.message == "no segment and no contact belongs to project 'shop-2' (--project)"
