"""Reports: the web page with the data of published runs in it."""

import base64
import gzip
import json
import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from builders import rule, write_segment
from calling import Commands
from segbatch.errors import ExportError
from segbatch.interfaces.web import page_file, report
from segbatch.interfaces.web.page_file import read_page
from segbatch.interfaces.web.report import write_report
from segbatch.runs.views import RunViews
from workspace import Workspace

ELEMENT = '<script id="segbatch-data" type="application/json">'
PAGE = files("segbatch.interfaces.web") / "page.html"


@pytest.fixture(autouse=True)
def _read_page_again() -> Iterator[None]:
    yield
    read_page.cache_clear()


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Commands:
    return Commands(monkeypatch, capsys)


def data_in(path: Path) -> dict[str, Any]:
    """Return the data of a report, as the page reads it."""
    [text] = re.findall(f"{ELEMENT}([^<]*)</script>", path.read_text(encoding="utf-8"))
    found: dict[str, Any] = json.loads(gzip.decompress(base64.b64decode(json.loads(text))))
    return found


def test_a_report_is_the_page_with_the_answers_of_the_api(commands: Commands, four: Workspace) -> None:
    path = four.folder / "report.html"
    assert commands("report", "--output", str(four.output), "--to", str(path)) == 0
    assert commands.out == f"{path}: 2 segments, 4 runs, {path.stat().st_size / 1e6:.1f} MB\n"
    found, views = data_in(path), RunViews(four.output)
    assert {name: found["report"][name] for name in ("run_id", "runs")} == {"run_id": "night-3", "runs": 4}
    answers = found["answers"]
    assert list(answers) == [
        "/api/v1/runs",
        *(f"/api/v1/runs/night-{number}" for number in (3, 2, 1, 0)),
        "/api/v1/runs/current",
        "/api/v1/runs/current/segments",
        "/api/v1/runs/current/overlap",
        "/api/v1/runs/current/segments/free",
        "/api/v1/contacts/segments/free/explanation",
        "/api/v1/runs/current/segments/pro",
        "/api/v1/contacts/segments/pro/explanation",
    ]
    assert answers["/api/v1/runs/night-1"] == views.run("night-1", None).model_dump(mode="json")
    assert answers["/api/v1/runs/current/segments"] == views.segments("current", None, 4).model_dump(mode="json")
    assert answers["/api/v1/runs/current/overlap"]["counts"] == [[2, 0], [0, 1]]
    assert len(answers["/api/v1/runs/current/segments/pro"]["runs"]) == 4
    explanation = answers["/api/v1/contacts/segments/pro/explanation"]
    assert explanation["words"] == [
        {
            "path": "$.rules[0]",
            "words": 'plan eq "pro"',
            "match": None,
            "definition": {"field": "plan", "operator": "eq", "value": "pro"},
            "rules": [],
        }
    ]
    page = PAGE.read_text(encoding="utf-8")
    before, _, after = page.partition(f"{ELEMENT}</script>")
    text = path.read_text(encoding="utf-8")
    assert text.startswith(before)
    assert text.endswith(after)


def test_a_report_has_no_contact_ids_unless_asked(four: Workspace) -> None:
    path = four.folder / "report.html"
    write_report(four.output, path)
    assert not re.search(r"\b(ann|bob|cem|dan)\b", json.dumps(data_in(path)))
    write_report(four.output, path, members=1)
    members = data_in(path)["answers"]["/api/v1/contacts/segments/free/members"]
    assert (members["member_count"], members["members"], members["next_cursor"]) == (2, ["bob"], None)


def test_a_report_goes_to_standard_output(commands: Commands, four: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    path = four.folder / "report.html"
    write_report(four.output, path, runs=2)
    assert commands("report", "--output", str(four.output), "--to", "-", "--runs", "2") == 0
    path_of_stdout = four.folder / "stdout.html"
    path_of_stdout.write_text(commands.out)
    assert data_in(path_of_stdout)["answers"] == data_in(path)["answers"]
    assert commands.err == f"report: 2 segments, 2 runs, {path.stat().st_size / 1e6:.1f} MB\n"
    assert commands("report", "--output", str(four.output), "--to", "-", "--json") == 2
    assert commands.err == "error: --json prints a summary to stdout, where the report goes; name a file (--to)\n"
    monkeypatch.setattr(report, "LARGE", 100_000)
    assert commands("report", "--output", str(four.output), "--to", "-") == 0
    assert commands.err.startswith("warning: has 0.")


def test_a_report_is_about_one_moment(four: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    path, real = four.folder / "report.html", RunViews.segments

    def publish(views: RunViews, *arguments: Any) -> Any:
        found = real(views, *arguments)
        four.segment("new", "pro")
        four.contacts(eve="pro")
        four.run(4)
        return found

    monkeypatch.setattr(RunViews, "segments", publish)
    write_report(four.output, path, members=10)
    data = data_in(path)
    assert data["report"]["run_id"] == "night-3"
    assert not re.search(r"night-4|\b(new|eve)\b", json.dumps(data["answers"]))
    members = data["answers"]["/api/v1/contacts/segments/free/members"]
    assert (members["run_id"], members["as_of"], len(members["members"])) == ("night-3", "2025-11-04T02:00:00.000Z", 2)


def test_a_report_has_no_examples_of_contacts(workspace: Workspace) -> None:
    examples = {"in": [{"id": "ann", "plan": "pro"}], "out": [{"id": "cem", "plan": "free"}]}
    workspace.segment("pro", examples=examples)
    workspace.run(0)
    path = workspace.folder / "report.html"
    write_report(workspace.output, path)
    data = data_in(path)
    assert data["answers"]["/api/v1/runs/current/segments/pro"]["definition"]["rules"]
    assert not re.search(r"ann|cem|examples", json.dumps(data))


def test_a_report_has_the_findings_that_need_no_contacts(workspace: Workspace) -> None:
    workspace.segment("pro", rules=[rule("plan", "eq", " pro")])
    workspace.segment("failed", rules=[rule("nothing", "eq", " pro")])
    workspace.segment("off", rules=[rule("plan", "eq", " pro")], enabled=False)
    workspace.segment("order", rules=[rule("plan", "gt", "10")])
    workspace.run(0)
    path = workspace.folder / "report.html"
    write_report(workspace.output, path)
    answers = data_in(path)["answers"]
    explained = {name: answers[f"/api/v1/contacts/segments/{name}/explanation"] for name in ("pro", "order", "free")}
    kinds = {name: [(one["path"], one["kind"]) for one in found["findings"]] for name, found in explained.items()}
    assert kinds == {
        "pro": [("$.rules[0].value", "surrounding-space")],
        "order": [("$.rules[0].value", "text-order")],  # the kind of the field is that of the run
        "free": [],
    }
    for name in ("failed", "off"):
        assert answers[f"/api/v1/contacts/segments/{name}/explanation"]["findings"] == []


def test_a_report_of_some_segments_has_only_their_numbers(commands: Commands, four: Workspace) -> None:
    path = four.folder / "report.html"
    arguments = ("report", "--output", str(four.output), "--to", str(path), "--segment", "pro", "--runs", "2", "--json")
    assert commands(*arguments) == 0
    told = json.loads(commands.out)
    assert told == {
        "path": str(path),
        "run_id": "night-3",
        "runs": 2,
        "segments": 1,
        "size": path.stat().st_size,
    }
    answers = data_in(path)["answers"]
    assert "free" not in json.dumps(answers)
    assert [row["membership_count"] for row in answers["/api/v1/runs"]["runs"]] == [1, 2]
    assert answers["/api/v1/runs/current/overlap"]["counts"] == [[1]]
    assert answers["/api/v1/runs/current/segments"]["segments"][0]["sizes"] == [2, 1]


def test_texts_of_definitions_cannot_leave_their_element(workspace: Workspace) -> None:
    name, path = "</script><script>alert(1)</script>\u2028<!--", workspace.folder / "report.html"
    workspace.segment("pro", name=name)
    (workspace.folder / "segments" / "broken.json").write_text("{")
    write_segment(
        workspace.folder / "segments",
        "a.b-c_d",
        {"match": "any", "rules": [rule("plan", "eq", "</script>"), rule("plan", "exists")]},
    )
    workspace.run(0)
    write_report(workspace.output, path)
    answers = data_in(path)["answers"]
    assert answers["/api/v1/runs/current/segments/pro"]["name"] == name
    assert answers["/api/v1/runs/current/segments/broken"]["status"] == "failed"
    assert "/api/v1/contacts/segments/broken/explanation" not in answers
    [group] = answers["/api/v1/contacts/segments/a.b-c_d/explanation"]["words"]
    assert (group["match"], [one["path"] for one in group["rules"]]) == (
        "any",
        ["$.rules[0].rules[0]", "$.rules[0].rules[1]"],
    )


def test_a_report_replaces_a_report_and_nothing_else(commands: Commands, four: Workspace) -> None:
    path, output = four.folder / "report.html", str(four.output)
    write_report(four.output, path, runs=1)
    path.chmod(0o640)
    assert commands("report", "--output", output, "--to", str(path)) == 0
    assert (len(data_in(path)["answers"]["/api/v1/runs"]["runs"]), path.stat().st_mode & 0o777) == (4, 0o640)
    other = four.folder / "other.html"
    other.write_text("<html></html>")
    for place, message in (
        (str(other), f"{other}: exists and is not a report of segbatch; choose another file (--to)"),
        (str(four.folder), f"{four.folder}: is a folder; name a file (--to)"),
        (
            f"{output}/current",
            f"{output}/current: is one of the files that runs publish; write the report elsewhere (--to)",
        ),
        ("s3://bucket/r.html", "s3://bucket/r.html: a report is written to a disk; name a file (--to)"),
        ("", "the path of the report is empty; is a variable not set? (--to)"),
    ):
        assert commands("report", "--output", output, "--to", place) == 2
        assert commands.err == f"error: {message}\n"
    assert other.read_text() == "<html></html>"
    assert sorted(one.name for one in four.folder.iterdir()) == sorted(
        ["contacts.parquet", "segments", "output", "report.html", "other.html"]
    )


def test_errors_of_a_report_are_one_message(commands: Commands, four: Workspace, tmp_path: Path) -> None:
    path = str(tmp_path / "report.html")
    assert commands("report", "--output", str(four.output), "--to", path, "--segment", "proo") == 2
    assert commands.err == "error: run night-3 does not have the segment 'proo'; did you mean 'pro'?\n"
    assert commands("report", "--output", str(four.output), "--to", path, "--segment", "everybody") == 2
    assert commands.err == "error: run night-3 does not have the segment 'everybody'; there are free, pro\n"
    assert commands("report", "--output", str(tmp_path / "none"), "--to", path) == 2
    assert "nothing is published there" in commands.err
    (four.place("night-3") / "state.arrow").unlink()
    assert commands("report", "--output", str(four.output), "--to", path) == 1
    assert "night-3/state.arrow: is missing; restore it from a copy" in commands.err
    assert not Path(path).exists()


def test_a_report_that_cannot_be_written_leaves_the_old_one(four: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    path = four.folder / "report.html"
    write_report(four.output, path)
    before = path.read_bytes()

    def fail(_new: Path, _old: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(report, "replace_file", fail)
    with pytest.raises(ExportError, match=r"report\.html: cannot be written"):
        write_report(four.output, path, runs=1)
    assert path.read_bytes() == before


def test_a_large_report_is_a_warning(commands: Commands, four: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "LARGE", 100_000)
    path = four.folder / "report.html"
    assert commands("report", "--output", str(four.output), "--to", str(path)) == 0
    size = f"{path.stat().st_size / 1e6:.1f} MB"
    assert commands.err == f"warning: {path}: has {size}; show less with --segment, --runs or --members\n"


def test_a_missing_page_is_reported(four: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    message = "this installation of segbatch lacks the web page; install a release, or run make web"
    monkeypatch.setattr(page_file, "files", lambda _package: tmp_path)
    for content in (None, "<html></html>"):
        if content:
            (tmp_path / "page.html").write_text(content)
        read_page.cache_clear()
        with pytest.raises(ExportError, match=message):
            write_report(four.output, tmp_path / "report.html")
