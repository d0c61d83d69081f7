"""Rules that name a list: what they match, in what files, and what is wrong with them."""

import json
import pickle
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import segbatch
from builders import rule, segment, write_contacts, write_segment
from segbatch import DefinitionError, explain, preview
from segbatch.authoring.columns.columns import describe_columns, schema_file_of
from segbatch.compiler.prepare import EvaluationOptions, prepare
from segbatch.definitions.definition import Definition, Definitions
from segbatch.definitions.segment_filter import SegmentFilter
from segbatch.definitions.source import Source
from segbatch.engine.local import evaluate_predicates
from segbatch.snapshot.schema_file import write_schema_file
from segbatch.sql.generate import write_sql
from workspace import Workspace

CONTACTS = {
    "email": ["A@x", "b@x", None, "d@x"],
    "seats": [1, 2, None, 10],
    "tags": [["x", "y"], [], None, ["z"]],
    "day": pa.array(["2025-06-01", "2025-06-02", None, "2025-06-04"]).cast(pa.date32()),
}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_contacts(tmp_path / "contacts.parquet", CONTACTS)
    (tmp_path / "lists").mkdir()
    return tmp_path


def write_list(content: str, name: str = "vip.txt") -> None:
    (Path("lists") / name).write_text(content)


def members(*rules: dict[str, Any], **options: Any) -> list[str | int]:
    return list(preview("contacts.parquet", segment(*rules), **options).segments[0].first)


@pytest.mark.parametrize(
    ("written", "content", "expected"),
    [
        (rule("email", "in_list", "vip"), "b@x\nz@x\n", ["b"]),
        (rule("email", "not_in_list", "vip"), "b@x\nz@x\n", ["a", "c", "d"]),
        (rule("email", "not_in_list", "vip", missing="exclude"), "b@x\n", ["a", "d"]),
        (rule("email", "in_list", "vip", missing="include"), "b@x\n", ["b", "c"]),
        (rule("email", "in_list", "vip", ignore_case=True), "a@X\nB@x\n", ["a", "b"]),
        (rule("id", "in_list", "vip"), "a\nd\n", ["a", "d"]),
        (rule("seats", "in_list", "vip"), "10.0\n 2 \n", ["b", "d"]),
        (rule("tags", "in_list", "vip"), "y\nz\n", ["a", "d"]),
        (rule("day", "in_list", "vip"), "2025-06-02\ntoday\n", ["b"]),
    ],
)
def test_a_list_is_compared_as_the_values_of_a_rule_are(written: dict[str, Any], content: str, expected: Any) -> None:
    write_list(content)
    assert members(written) == expected


def test_numbers_of_a_parquet_list_are_compared_with_texts_as_numbers() -> None:
    write_contacts(Path("contacts.parquet"), {"code": ["7", "07", "x", "8"]})
    pq.write_table(pa.table({"code": [7]}), Path("lists") / "vip.parquet")
    assert members(rule("code", "in_list", "vip")) == ["a", "b"]


def test_a_long_list_has_the_same_meaning() -> None:
    write_list("".join(f"{number}\n" for number in range(2, 5_000)))
    assert members(rule("seats", "in_list", "vip")) == ["b", "d"]
    assert members(rule("seats", "not_in_list", "vip")) == ["a", "c"]


def test_the_folder_of_the_lists_can_be_anywhere() -> None:
    Path("elsewhere").mkdir()
    (Path("elsewhere") / "vip.txt").write_text("b@x\n")
    assert members(rule("email", "in_list", "vip"), lists="elsewhere") == ["b"]


@pytest.mark.parametrize(
    ("written", "content", "message"),
    [
        (
            rule("seats", "in_list", "vip"),
            "1\n\nmany\n",
            "the value at lists/vip.txt:3 cannot be compared with 'seats' (whole number): write a number",
        ),
        (
            rule("day", "not_in_list", "vip"),
            "2025-02-30\n",
            "the value at lists/vip.txt:1 cannot be compared with 'day' (date): the day does not exist; write a date",
        ),
        (rule("email", "in_list", "vip"), "\n", "lists/vip.txt: the list has no values; add one, or remove the rules"),
        (rule("email", "in_list", "gone"), "a", "there is no list 'gone' in lists; create lists/gone.txt with one"),
    ],
)
def test_what_is_wrong_with_a_list_names_it_and_the_line(written: dict[str, Any], content: str, message: str) -> None:
    write_list(content)
    with pytest.raises(DefinitionError) as refused:
        members(written)
    assert f"$.rules[0].value: {message}" in str(refused.value)
    assert "many" not in str(refused.value)


def test_a_check_finds_lists_without_a_snapshot() -> None:
    write_segment(Path("segments"), "some", rule("email", "in_list", "gone"))
    [problem] = segbatch.check().errors
    assert str(problem) == (
        "segments/some.json: $.rules[0].value: there is no list 'gone' in lists; create lists/gone.txt with one value "
        "per line"
    )
    assert segbatch.lint().errors == (problem,)
    Path("other").mkdir()
    (Path("other") / "gone.txt").write_text("a")
    assert segbatch.check(lists="other").errors == ()
    assert segbatch.lint(contacts="contacts.parquet", lists="other").errors == ()


def test_explain_names_the_list() -> None:
    write_list("b@x\ny\n")
    either = segment(rule("email", "in_list", "vip"), rule("tags", "in_list", "vip"), match="any")
    [group] = explain("contacts.parquet", either, "a").verdicts
    assert [part.why for part in group.parts] == [
        "'A@x' is not in the list 'vip'",
        """an element of ["x", "y"] is in the list 'vip'""",
    ]
    assert group.parts[0].rule == 'email in_list "vip"'


def test_sql_has_the_values_of_a_short_list() -> None:
    write_list("b@x\nd@x\n")
    assert "WHERE email IN ('b@x', 'd@x')" in write_sql(segment(rule("email", "in_list", "vip")), "contacts.parquet")
    write_list("".join(f"{number}\n" for number in range(10_001)))
    for field in ("email", "tags"):
        with pytest.raises(DefinitionError, match="the list 'vip' has 10,001 values, too many for a query; use a list"):
            write_sql(segment(rule(field, "in_list", "vip")), "contacts.parquet")


def test_a_run_records_its_lists(workspace: Workspace) -> None:
    workspace.contacts(a="pro", b="free")
    write_segment(workspace.folder / "segments", "listed", rule("id", "in_list", "vip"))
    write_segment(workspace.folder / "segments", "unlisted", rule("id", "not_in_list", "gone"))
    workspace.segment("pro")
    (workspace.folder / "lists").mkdir(exist_ok=True)
    (workspace.folder / "lists" / "vip.csv").write_text("id\na\nz\n")
    report = workspace.run(0)
    assert {entry.segment_id: entry.status for entry in report.segments} == {
        "free": "ok",
        "listed": "ok",
        "pro": "ok",
        "unlisted": "failed",
    }
    assert workspace.members("listed") == ["a"]
    [record] = workspace.manifest("night-0").lists
    assert (record.name, record.path, record.values) == ("vip", f"{workspace.folder}/lists/vip.csv", 2)
    before = {entry.segment_id: entry.fingerprint for entry in report.segments}
    (workspace.folder / "lists" / "vip.csv").write_text("id\nb\n")
    after = {entry.segment_id: entry.fingerprint for entry in workspace.run(1).segments}
    assert {name for name in before if before[name] != after[name]} == {"listed"}
    assert record.sha256 != workspace.manifest("night-1").lists[0].sha256


def test_a_manifest_without_lists_can_be_read(workspace: Workspace) -> None:
    workspace.contacts(a="pro")
    workspace.segment("pro")
    workspace.run(0)
    path = workspace.place("night-0") / "manifest.json"
    data = json.loads(path.read_text())
    assert data.pop("lists") == []
    path.write_text(json.dumps(data))
    assert workspace.manifest("night-0").lists == ()


def test_a_check_against_a_schema_reads_the_lists() -> None:
    write_schema_file(Path("schema.json"), schema_file_of(describe_columns("contacts.parquet")))
    write_segment(Path("segments"), "good", rule("seats", "in_list", "vip"))
    write_segment(Path("segments"), "wrong", rule("day", "in_list", "vip"))
    on_rows = {"table": "orders", "operator": "gte", "value": 1, "where": [rule("sku", "in_list", "gone")]}
    write_segment(Path("segments"), "rows", on_rows)
    write_list("1\n2\n")
    errors = {problem.segment_id: problem for problem in segbatch.check(schema="schema.json").errors}
    assert {name: problem.path for name, problem in errors.items()} == {
        "rows": "$.rules[0].where[0].value",
        "wrong": "$.rules[0].value",
    }
    assert errors["wrong"].message.startswith("the value at lists/vip.txt:1 cannot be compared with 'day' (date)")


def test_a_run_of_some_segments_reads_their_lists(workspace: Workspace) -> None:
    workspace.contacts(a="pro", b="free")
    write_segment(workspace.folder / "segments", "listed", rule("id", "in_list", "vip"))
    write_segment(workspace.folder / "segments", "unlisted", rule("id", "in_list", "gone"))
    (workspace.folder / "lists").mkdir(exist_ok=True)
    (workspace.folder / "lists" / "vip.txt").write_text("a\n")
    report = workspace.run(0, only=SegmentFilter(segments=("listed",)))
    assert [(entry.segment_id, entry.status) for entry in report.segments] == [("listed", "ok")]


def test_the_default_folder_is_next_to_the_definitions() -> None:
    assert Source.of("team/segments").lists == Path("team/lists")
    assert Source.of("segments/one.json").lists == Path("segments/lists")
    assert Source.of(".").lists.resolve() == Path("../lists").resolve()


def test_a_plan_with_a_long_list_and_a_sample_can_be_pickled() -> None:
    write_list("".join(f"{number}\n" for number in range(2, 5_000)))
    sample = {"operator": "sample", "value": {"seed": "s", "from": 0, "to": 1}}
    definitions = Definitions((Definition(segment(rule("seats", "in_list", "vip"), sample)),), (), Path("lists"))
    prepared = prepare(EvaluationOptions("contacts.parquet"), definitions)
    plan = pickle.loads(pickle.dumps(prepared.plan))  # noqa: S301 - our own
    [batch] = prepared.snapshot.batches(plan.leaves, 10)
    found = evaluate_predicates(plan, batch.frame).frame
    assert found.row(0) == (False, True)
    assert found.get_column("0").to_list() == [False, True, False, True]
