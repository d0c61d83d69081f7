"""The findings that count no contacts, as warnings of a check and of a run."""

import json
from pathlib import Path
from typing import Any

import pytest

import segbatch
from builders import rule, write_contacts, write_segment
from calling import Commands
from segbatch.findings import contradictions, normal_form
from segbatch.findings.finding import MOST_SHOWN
from segbatch.findings.intervals import region_of
from segbatch.observability.events import Event, Warned
from segbatch.storage.manifest_io import read_history, read_manifest
from workspace import Workspace

ODD: dict[str, list[dict[str, Any]]] = {
    "contradiction": [rule("seats", "gt", 2), rule("seats", "lt", 1)],
    "duplicate-rule": [rule("status", "eq", "a"), rule("status", "in", ["a"]), rule("seats", "gt", 1)],
    "duplicate-value": [rule("status", "in", ["a", "b", "a"])],
    "empty-text": [rule("status", "starts_with", "")],
    "same-meaning": [rule("status", "neq", "b")],
    "surrounding-space": [rule("status", "eq", "a ")],
    "text-order": [rule("status", "gt", "30")],
    "unused-value": [rule("status", "exists", 1)],
}
TWIN = [rule("status", "not_in", ["b"])]
NAMES = tuple(ODD)


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Commands:
    return Commands(monkeypatch, capsys)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_contacts(Path("contacts.parquet"), {"status": ["a", "b"], "seats": [1, 3]})
    for name, rules in ODD.items():
        write_segment(Path("segments"), f"odd-{name}", *rules)
    write_segment(Path("segments"), "even", *TWIN)


def manifest() -> tuple[str, ...]:
    return read_manifest(Path("output/runs") / read_history(Path("output")).runs[-1].folder).warnings


def twins(count: int) -> None:
    """Write segments that all have the meaning of one."""
    segments = [{"id": f"s{number:03}", "name": "S", "rules": TWIN} for number in range(count + 1)]
    Path("twins.json").write_text(json.dumps(segments))


def names(problems: tuple[segbatch.Problem, ...]) -> list[str | None]:
    assert all(problem.message.endswith(f" ({problem.finding})") for problem in problems)
    assert {problem.severity for problem in problems} <= {"warning"}
    return [problem.finding for problem in problems]


def test_a_check_has_the_findings_of_lint_that_count_no_contacts() -> None:
    for contacts in (None, "contacts.parquet"):
        report = segbatch.check("segments", contacts)
        linted = [finding for finding in segbatch.lint("segments", contacts).findings if finding.name in NAMES]
        assert report.problems == tuple(finding.named for finding in linted)
    assert names(report.problems) == list(NAMES)
    assert names(segbatch.check("segments").problems) == [name for name in NAMES if name != "text-order"]


@pytest.mark.parametrize("dry_run", [False, True])
def test_a_run_warns_of_them(dry_run: bool) -> None:  # noqa: FBT001 - a test's own
    heard: list[Event] = []
    report = segbatch.run("contacts.parquet", dry_run=dry_run, strict=True, events=heard.append)
    assert (report.run.status, report.errors) == ("ok", ())
    assert names(report.warnings) == list(NAMES)
    assert [event.problem for event in heard if isinstance(event, Warned)] == list(report.warnings)
    texts = [str(problem) for problem in report.warnings]
    assert report.to_json()["warnings"] == texts
    assert dry_run or manifest() == tuple(texts)
    assert texts[4] == (
        "segments/odd-same-meaning.json: $: has the same meaning as segment 'even' (segments/even.json); "
        "keep one of them (same-meaning)"
    )


@pytest.mark.parametrize("command", [["check"], ["check", "--contacts", "contacts.parquet"]])
@pytest.mark.parametrize("strict", [[], ["--strict"]])
def test_they_do_not_change_the_exit_status_of_a_check(call: Commands, command: list[str], strict: list[str]) -> None:
    assert call(*command, *strict) == 0
    count = len(NAMES) - (len(command) == 1)
    assert call.out == f"9 segments checked: 0 errors, {count} warnings\n"
    assert [line.split(": ")[0] for line in call.err.splitlines()] == ["warning"] * count


def test_they_do_not_change_the_exit_status_of_a_run(call: Commands) -> None:
    assert call("run", "--contacts", "contacts.parquet", "--strict", "--log-format", "plain") == 0
    assert call.err.count("warning: ") == len(NAMES)


def test_they_come_after_other_warnings() -> None:
    write_contacts(Path("contacts.parquet"), {"status": ["a", "b"], "seats": [1, 3], "cf": [{"a": 1}, {"a": 2}]})
    write_segment(Path("segments"), "zero", rule("cf.b", "exists"))
    report = segbatch.run("contacts.parquet")
    assert [problem.finding for problem in report.warnings] == [None, *NAMES]


@pytest.mark.parametrize("command", [["check"], ["run", "--dry-run", "--log-format", "plain"]])
def test_they_are_silenced_by_name(call: Commands, command: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    command = [*command, "--contacts", "contacts.parquet"]
    silenced = [word for name in NAMES for word in ("--lint-ignore", name)]
    assert call(*command, *silenced) == 0
    assert call.err == ""
    assert call(*command, *silenced[2:], "--lint-ignore", "always-holds") == 0
    assert [line.rpartition(" ")[2] for line in call.err.splitlines()] == ["(contradiction)"]
    monkeypatch.setenv("SEGBATCH_LINT_IGNORE", " ".join(NAMES[:-1]))
    assert call(*command) == 0
    assert [line.rpartition(" ")[2] for line in call.err.splitlines()] == ["(unused-value)"]
    monkeypatch.delenv("SEGBATCH_LINT_IGNORE")
    Path("segbatch.toml").write_text(f"lint_ignore = {json.dumps(NAMES[1:])}")
    assert call(*command) == 0
    assert [line.rpartition(" ")[2] for line in call.err.splitlines()] == ["(contradiction)"]


def test_they_are_silenced_from_python() -> None:
    assert segbatch.check("segments", "contacts.parquet", lint_ignore=NAMES).problems == ()
    assert segbatch.check("segments", lint_ignore=NAMES).problems == ()
    assert segbatch.run("contacts.parquet", lint_ignore=NAMES).warnings == ()
    assert manifest() == ()


@pytest.mark.parametrize("command", ["check", "run", "lint"])
def test_a_name_that_does_not_exist_is_refused_before_anything_is_read(call: Commands, command: str) -> None:
    message = "there is no finding 'same-meanings'; did you mean 'same-meaning'? "
    plain = ["--log-format", "plain"] if command == "run" else []
    assert call(command, "--contacts", "nowhere.parquet", "--lint-ignore", "same-meanings", *plain) == 2
    assert call.err == f"error: {message}(--lint-ignore)\n"
    Path("segbatch.toml").write_text('lint_ignore = ["same-meanings"]')
    assert call(command, "--contacts", "contacts.parquet", *plain) == 2
    assert call.err == f"error: {message}(segbatch.toml: lint_ignore)\n"
    assert not Path("output/current").exists()


@pytest.mark.parametrize(
    "wrong", [rule("nowhere", "eq", 1), rule("seats", "contains", "x"), {"operator": "in_segment", "value": "gone"}]
)
def test_segments_with_an_error_are_not_looked_into(wrong: dict[str, Any]) -> None:
    write_segment(Path("other"), "wrong", wrong, rule("status", "exists", 1))
    write_segment(Path("other"), "right", rule("status", "exists"))
    is_alone = "field" not in wrong
    for contacts in (None, "contacts.parquet") if is_alone else ("contacts.parquet",):
        report = segbatch.check("other", contacts)
        assert (len(report.errors), report.warnings) == (1, ())
        linted = segbatch.lint("other", contacts, ignore=["always-holds"])
        assert (linted.errors, linted.findings) == (report.errors, ())
    assert segbatch.run("contacts.parquet", "other").warnings == ()


def test_segments_that_fail_since_a_field_changed_are_not_looked_into(workspace: Workspace) -> None:
    workspace.contacts(a="10", b="20")
    write_segment(workspace.folder / "segments", "odd", rule("plan", "exists", 1))
    write_segment(workspace.folder / "segments", "even", rule("id", "exists"))
    workspace.drop("pro")
    workspace.drop("free")
    assert names(workspace.run(0, strict=True).warnings) == ["unused-value"]
    write_contacts(workspace.folder / "contacts.parquet", {"plan": [10, 20]})
    report = workspace.run(1, strict=True)
    assert [entry.segment_id for entry in report.segments if entry.status == "failed"] == ["odd"]
    assert report.warnings == ()


def test_other_commands_lack_these_options() -> None:
    odd = "odd-unused-value"
    assert segbatch.preview("contacts.parquet", odd).warnings == ()
    assert segbatch.explain("contacts.parquet", odd, "a").warnings == ()
    assert segbatch.funnel("contacts.parquet", odd).warnings == ()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("count", "more"), [(MOST_SHOWN, ""), (MOST_SHOWN + 1, "1 more finding"), (1_020, "1,000 more findings")]
)
def test_of_many_findings_a_screenful_is_shown(call: Commands, count: int, more: str) -> None:
    twins(count)
    last = [f"warning: {more}; 'segbatch lint' lists them all, --lint-ignore silences some"] if more else []
    for command in (["check"], ["run", "--log-format", "plain"]):
        assert call(*command, "--segments", "twins.json", "--contacts", "contacts.parquet") == 0
        lines = call.err.splitlines()
        assert [line for line in lines if "segment 's000'" in line] == lines[:MOST_SHOWN]
        assert lines[MOST_SHOWN:] == last
    assert len(manifest()) == count
    assert call("lint", "--segments", "twins.json") == 3
    assert len(call.err.splitlines()) == count


def test_of_many_findings_the_log_has_a_screenful_and_json_has_all(call: Commands) -> None:
    twins(MOST_SHOWN + 7)
    options = ("--segments", "twins.json", "--contacts", "contacts.parquet", "--json")
    assert call("run", *options, "--log-format", "json") == 0
    logged = [json.loads(line) for line in call.err.splitlines()]
    messages = [line["message"] for line in logged if line["event"] == "warning"]
    assert len(messages) == MOST_SHOWN + 1
    assert messages[-1] == "7 more findings; 'segbatch lint' lists them all, --lint-ignore silences some"
    assert len(json.loads(call.out)["warnings"]) == MOST_SHOWN + 7
    assert call("check", *options) == 0
    assert len(json.loads(call.out)["problems"]) == MOST_SHOWN + 7


def test_a_run_is_shown_with_a_screenful_of_its_warnings(call: Commands) -> None:
    twins(103)
    segbatch.run("contacts.parquet", "twins.json")
    assert call("runs", "show", "last") == 0
    assert call.out.count("(same-meaning)") == 100
    assert "and 3 more warnings, with --json" in call.out


def test_rules_on_one_field_are_each_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or a segment of a thousand rules would take minutes, each compared with fifty others."""
    read: list[object] = []

    def counting(*args: Any, **options: Any) -> object:
        read.append(args)
        return region_of(*args, **options)

    monkeypatch.setattr(contradictions, "region_of", counting)
    rules = [rule("x", "in", [f"v{number}", *(f"w{number}-{more}" for more in range(50)), "z"]) for number in range(60)]
    write_segment(Path("wide"), "wide", *rules)
    assert segbatch.check("wide").warnings == ()
    assert len(read) <= len(rules) * 6  # kinds of columns


def test_groups_inside_each_other_are_each_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[object] = []

    def counting(one: Any, subject: Any) -> object:
        read.append(one)
        return test_of(one, subject)

    test_of = normal_form.test_of
    monkeypatch.setattr(normal_form, "test_of", counting)
    nested: list[dict[str, Any]] = [rule("x", "eq", "z")]
    for depth in range(28):
        nested = [rule("x", "eq", f"v{depth}"), {"match": ("all", "any")[depth % 2], "rules": nested}]
    write_segment(Path("deep"), "deep", *nested, match="any")
    segbatch.check("deep")
    assert len(read) == 29


def test_values_of_one_hash_are_two_meanings() -> None:
    assert hash(-1) == hash(-2)
    for name, number in {"one": -1, "two": -2, "three": -2}.items():
        write_segment(Path("hashes"), name, rule("seats", "eq", number))
    [warning] = segbatch.check("hashes").warnings
    assert (warning.segment_id, warning.finding) == ("two", "same-meaning")
    assert "'three'" in warning.message
