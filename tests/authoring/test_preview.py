"""Sizes and first members of definitions that are not saved."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl
import pyarrow as pa
import pytest

import segbatch
from builders import rule, segment, write_contacts, write_segment
from segbatch import DefinitionError, SnapshotError, UsageError
from segbatch.authoring.preview import preview

ACTIVE = rule("status", "eq", "active")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    columns = {"status": ["active", "new", None, "active"], "seats": [1, 2, 3, 4], "project_id": ["p", "p", "q", "q"]}
    write_contacts(tmp_path / "contacts.parquet", columns)
    write_segment(tmp_path / "segments", "active", ACTIVE)
    write_segment(tmp_path / "segments", "few", {"operator": "in_segment", "value": "active"}, rule("seats", "lt", 3))
    return tmp_path


def sizes(*arguments: Any, **options: Any) -> dict[str, tuple[int, tuple[str | int, ...]]]:
    report = preview("contacts.parquet", *arguments, **options)
    return {entry.segment_id: (entry.members, entry.first) for entry in report.segments}


def test_a_saved_segment_is_found_by_its_id() -> None:
    assert sizes("few") == {"few": (1, ("a",))}


def test_a_file_need_not_be_saved_and_can_name_saved_segments(tmp_path: Path) -> None:
    write_segment(tmp_path / "drafts", "draft", {"operator": "not_in_segment", "value": "few"})
    assert sizes("drafts/draft.json") == {"draft": (3, ("b", "c", "d"))}
    assert sizes(Path("drafts")) == {"draft": (3, ("b", "c", "d"))}


def test_a_draft_replaces_the_saved_segment_with_its_id(tmp_path: Path) -> None:
    write_segment(tmp_path / "drafts", "active", rule("status", "exists"))
    both = [
        {"id": "active", "name": "A", "rules": [rule("status", "exists")]},
        {"id": "x", "name": "X", "rules": [{"operator": "in_segment", "value": "active"}]},
    ]
    Path("both.json").write_text(json.dumps(both))
    assert sizes("both.json", first=1) == {"active": (3, ("a",)), "x": (3, ("a",))}


def test_standard_input_is_a_definition(monkeypatch: pytest.MonkeyPatch) -> None:
    content = json.dumps({"name": "N", "rules": [ACTIVE]}).encode()
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(content)))
    assert sizes("-") == {"stdin": (2, ("a", "d"))}


DRAFTS = [
    {"id": "lively", "name": "A", "rules": [ACTIVE]},
    {"id": "large", "name": "L", "rules": [{"operator": "in_segment", "value": "lively"}, rule("seats", "gt", 1)]},
]


def test_segments_of_the_input_can_name_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = {"large": (1, ("d",)), "lively": (2, ("a", "d"))}
    content = json.dumps(DRAFTS)
    Path("drafts.json").write_text(content)
    for draft in DRAFTS:
        write_segment(Path("drafts"), str(draft["id"]), *draft["rules"])  # type: ignore[arg-type]
    assert sizes("drafts.json", segments="nowhere") == expected
    assert sizes("drafts", segments="nowhere") == expected
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(content.encode())))
    assert sizes("-", segments="nowhere") == expected


def test_references_are_searched_in_the_input_and_then_in_the_saved_segments() -> None:
    write_segment(Path("drafts"), "active", rule("status", "exists"))
    write_segment(Path("drafts"), "both", {"operator": "in_segment", "value": "few"})
    assert sizes("drafts", first=0) == {"active": (3, ()), "both": (2, ())}


def test_a_folder_is_previewed_for_a_project() -> None:
    write_segment(Path("drafts"), "ours", ACTIVE, project_id="q")
    write_segment(Path("drafts"), "theirs", ACTIVE, project_id="p")
    assert sizes("drafts", project="q") == {"ours": (1, ("d",))}
    with pytest.raises(UsageError, match=r"^no segment belongs to project 'x' \(--project\)$"):
        sizes("drafts", project="x")


def test_a_custom_field_that_no_contact_has_is_a_warning_and_with_strict_an_error() -> None:
    write_contacts(Path("cf.parquet"), {"cf": [{"plan": "pro"}]})
    rules = ["cf.plam neq x"]
    [warning] = preview("cf.parquet", rules=rules).warnings
    assert "did you mean 'plan'?" in str(warning)
    with pytest.raises(DefinitionError) as caught:
        preview("cf.parquet", rules=rules, strict=True)
    assert str(caught.value) == str(warning)
    assert [problem.severity for problem in caught.value.problems] == ["error"]


def test_a_broken_custom_field_is_refused_with_strict() -> None:
    write_contacts(Path("cf.parquet"), {"custom_fields": ["{", '{"plan": "pro"}']})
    assert len(preview("cf.parquet", rules=["custom_fields.plan empty"]).warnings) == 1
    with pytest.raises(SnapshotError, match=r"\(--strict\)$"):
        preview("cf.parquet", rules=["custom_fields.plan empty"], strict=True)


def test_rules_and_segments_can_be_given() -> None:
    assert sizes(rules=["status eq active", "seats gt 1"]) == {"--rule": (1, ("d",))}
    assert sizes(rules=["status eq active", "seats eq 2"], match="any") == {"--rule": (3, ("a", "b", "d"))}
    assert sizes(rules=["in_segment few"], first=0) == {"--rule": (1, ())}
    assert sizes(segment(ACTIVE)) == {"s": (2, ("a", "d"))}


def test_a_project_looks_at_its_own_contacts() -> None:
    assert sizes(rules=["status exists"], project="q") == {"--rule": (1, ("d",))}


def test_a_preview_has_the_result_of_a_run() -> None:
    report = segbatch.run("contacts.parquet")
    published = {entry.segment_id: entry.member_count for entry in report.segments}
    assert published == {entry: members for entry, (members, _) in sizes(Path("segments")).items()}


def test_shares_are_of_all_contacts() -> None:
    report = preview("contacts.parquet", "active")
    assert (report.contacts, report.segments[0].share) == (4, 0.5)
    write_contacts(Path("none.parquet"), {"id": pa.array([], pa.string()), "status": []})
    assert preview("none.parquet", segment(rule("status", "empty"))).segments[0].share is None


def test_one_wrong_definition_does_not_affect_others() -> None:
    both = [{"id": "good", "name": "A", "rules": [ACTIVE]}, {"id": "bad", "name": "X", "rules": [rule("x", "exists")]}]
    Path("both.json").write_text(json.dumps([*both, {"id": "worse"}]))
    report = preview("contacts.parquet", "both.json")
    assert [entry.segment_id for entry in report.segments] == ["good"]
    assert [problem.segment_id for problem in report.errors] == ["bad", "worse", "worse"]


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (["activ"], {}, "segments: there is no segment 'activ'; did you mean 'active'?"),
        (["zzz"], {}, "segments: there is no segment 'zzz'; it has active, few"),
        ([], {}, "pass one definition (a JSON file, a folder, '-', or the id of a segment), or rules with --rule"),
        (
            ["few"],
            {"rules": ["a exists"]},
            (
                "pass one definition (a JSON file, a folder, '-', or the id of a segment), or rules with --rule, "
                "not both"
            ),
        ),
        (["few"], {"first": -1}, "invalid --first -1: use 0 or more"),
        (["few"], {"match": "any"}, "--match combines the rules of --rule; a definition has its own 'match'"),
        (
            [],
            {"rules": ["a exists"], "match": "most"},
            "invalid --match 'most': use all, any or none",
        ),
        (
            [],
            {"rules": ["in_segment vips"], "segments": "segmnts"},
            ("cannot find the referenced segment 'vips': segmnts: no such file or folder; did you mean 'segments'?"),
        ),
        (["x" * 500], {}, f"segments: there is no segment '{'x' * 58}…; it has active, few"),
        (
            ["drafts/x.json"],
            {},
            "drafts/x.json: no such file or folder; check the path of the definitions (--segments)",
        ),
        (
            [segment(ACTIVE, project_id="p")],
            {"project": "q"},
            "segment 's' belongs to project 'p', not to 'q' (--project)",
        ),
    ],
)
def test_invalid_questions_are_refused(arguments: list[Any], options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        preview("contacts.parquet", *arguments, **options)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        (
            ["stauts eq x"],
            "--rule: $.rules[0].field: the snapshot has no column 'stauts'; did you mean 'status'?",
        ),
        (["in_segment activ"], "--rule: $.rules[0].value: there is no segment 'activ'; did you mean 'active'?"),
    ],
)
def test_a_rule_that_has_no_meaning(rules: list[str], message: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        preview("contacts.parquet", rules=rules)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "stdin: the file is empty; a segment is a JSON object with 'name' and 'rules'"),
        (
            "{",
            (
                "stdin: not JSON at line 1, column 2: the file ends here; it may be truncated, or a closing bracket is "
                "missing"
            ),
        ),
        ('{"name": "A"}', "stdin: $.rules: 'rules' is missing; it is a list of rules {field, operator, value}"),
    ],
)
def test_standard_input_that_is_not_a_definition(content: str, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(content.encode())))
    with pytest.raises(DefinitionError) as caught:
        preview("contacts.parquet", "-")
    assert str(caught.value) == message


def test_standard_input_without_a_definition(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(b"[]")))
    with pytest.raises(UsageError, match="stdin: contains no segment"):
        preview("contacts.parquet", "-")


@pytest.mark.parametrize(
    "ask",
    [
        segbatch.run,
        lambda frame: preview(frame, "active"),
        lambda frame: segbatch.check("segments", frame),
        lambda frame: segbatch.lint("segments", frame),
        lambda frame: segbatch.funnel(frame, "active"),
        lambda frame: segbatch.explain(frame, "active", "a"),
    ],
)
def test_contacts_that_are_not_a_path_are_not_shown(ask: Callable[[Any], object]) -> None:
    with pytest.raises(UsageError) as caught:
        ask(pl.DataFrame({"id": ["a"], "email": ["ann@example.com"]}))
    message = "the contacts are a path to Parquet; a frame is filtered with segbatch.compile_segment"
    assert str(caught.value) == f"{message}; found a value of type DataFrame"


def test_a_snapshot_that_a_run_refuses_has_no_sizes() -> None:
    write_contacts(Path("twice.parquet"), {"id": ["a", "a"], "status": ["active", "active"]})
    with pytest.raises(SnapshotError, match="occurs more than once"):
        preview("twice.parquet", "active")
