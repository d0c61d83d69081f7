"""`segbatch lists`: the lists, their sizes, and who uses them."""

import hashlib
import json
import sys
from pathlib import Path

import pytest

from builders import rule, write_segment
from segbatch.interfaces import cli


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    write_segment(tmp_path / "segments", "one", rule("email", "in_list", "vip"), rule("id", "not_in_list", "vip"))
    write_segment(tmp_path / "segments", "two", rule("email", "in_list", "vip"))
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists" / "vip.csv").write_text("email\na@x\nb@x\n")
    (tmp_path / "lists" / "unused.txt").write_text("a\n")
    return tmp_path


def call(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["segbatch", "lists", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return int(ended.value.code or 0)


def test_the_table_shows_used_and_unused_lists(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert out.splitlines() == [
        "list    values  file              used by",
        "unused       1  lists/unused.txt  -",
        "vip          2  lists/vip.csv     one, two",
        "2 lists in lists",
    ]


def test_a_name_without_a_file_is_an_error(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    write_segment(Path("segments"), "three", rule("email", "in_list", "gone"))
    (Path("lists") / "empty.txt").write_text("\n")
    assert call(monkeypatch) == 2
    out, err = capsys.readouterr()
    assert out.splitlines()[1:3] == ["empty        -  -                 -", "gone         -  -                 three"]
    assert err.splitlines() == [
        "error: lists/empty.txt: the list has no values; add one, or remove the rules that use it",
        ("error: there is no list 'gone' in lists; create lists/gone.txt with one value per line (used by three)"),
    ]


def test_a_file_that_no_rule_can_name_is_an_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (Path("lists") / "od d.txt").write_text("a\n")
    assert call(monkeypatch) == 2
    out, err = capsys.readouterr()
    assert out.splitlines()[1].split() == ["od", "d", "-", "-", "-"]
    assert err == (
        "error: lists: no rule can name the list 'od d'; rename its file: a name has letters (A-Z, a-z), digits, '-', "
        "'_' and '.', and at most 128 of them\n"
    )


def test_json_has_all_facts(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    (Path("segments") / "bad.json").write_text("{")
    assert call(monkeypatch, "--json") == 2
    report = json.loads(capsys.readouterr().out)
    assert report["folder"] == "lists"
    assert [problem.partition(":")[0] for problem in report["problems"]] == ["segments/bad.json"]
    assert report["lists"][1] == {
        "name": "vip",
        "used_by": ["one", "two"],
        "file": "lists/vip.csv",
        "values": 2,
        "column": "email",
        "sha256": hashlib.sha256(b"email\na@x\nb@x\n").hexdigest(),
        "error": None,
    }


def test_the_folder_can_be_an_option_or_a_setting(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("other").mkdir()
    (Path("other") / "vip.txt").write_text("a\n")
    assert call(monkeypatch, "--lists", "other") == 0
    monkeypatch.setenv("SEGBATCH_LISTS", "other")
    assert call(monkeypatch) == 0
    monkeypatch.delenv("SEGBATCH_LISTS")
    Path("segbatch.toml").write_text('lists = "other"\n')
    assert call(monkeypatch) == 0
    assert capsys.readouterr().out.count("1 list in") == 3


def test_a_folder_that_is_a_file_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch, "--lists", "segments/one.json") == 2
    assert capsys.readouterr().err == "error: segments/one.json: cannot be read: Not a directory (--lists)\n"
    assert call(monkeypatch, "--lists", "") == 2
    assert capsys.readouterr().err == "error: the path of the lists is empty; is a variable not set? (--lists)\n"
