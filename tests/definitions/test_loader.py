"""Definitions from files and folders."""

import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest

from builders import rule, write_segment
from segbatch import DefinitionError, Group, Rule, UsageError, load_segments
from segbatch.definitions.loader import load_definitions

ACTIVE = rule("status", "eq", "active")


def test_a_file_of_one_segment_gives_it_its_name(tmp_path: Path) -> None:
    [segment] = load_segments(write_segment(tmp_path, "vip.gold", ACTIVE))
    assert segment.id == "vip.gold"
    assert segment.rules == (Rule(field="status", operator="eq", value="active"),)


def test_an_id_in_the_file_wins_over_its_name(tmp_path: Path) -> None:
    [segment] = load_segments(write_segment(tmp_path, "vip", ACTIVE, id="gold"))
    assert segment.id == "gold"


def test_a_file_can_hold_a_list(tmp_path: Path) -> None:
    file = tmp_path / "all.json"
    file.write_text(
        json.dumps([{"id": "b", "name": "B", "rules": [ACTIVE]}, {"id": "a", "name": "A", "rules": [ACTIVE]}])
    )
    assert [segment.id for segment in load_segments(file)] == ["a", "b"]


def test_folders_below_are_read_and_hidden_ones_are_not(tmp_path: Path) -> None:
    write_segment(tmp_path, "top", ACTIVE)
    write_segment(tmp_path / "team", "below", ACTIVE)
    write_segment(tmp_path / ".git", "hidden", ACTIVE)
    write_segment(tmp_path, ".hidden", ACTIVE)
    (tmp_path / "notes.txt").write_text("no definition")
    assert [segment.id for segment in load_segments(tmp_path)] == ["below", "top"]


def test_a_byte_order_mark_does_no_harm(tmp_path: Path) -> None:
    file = write_segment(tmp_path, "vip", ACTIVE)
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
    assert len(load_segments(file)) == 1


def test_all_keys_are_kept_as_they_were_written(tmp_path: Path) -> None:
    written = {
        "id": "pro",
        "project_id": "proj-1",
        "name": "Pro",
        "description": "On the pro plan",
        "match": "any",
        "rules": [ACTIVE, {"match": "none", "rules": [rule("country", "exists")]}],
        "list_id": None,
        "created_at": "2025-06-01T10:00:00.000Z",
        "updated_at": None,
    }
    file = tmp_path / "pro.json"
    file.write_text(json.dumps(written))
    [segment] = load_segments(file)
    assert segment.to_json() == written
    assert isinstance(segment.rules[1], Group)


def test_a_time_with_another_offset_is_brought_to_utc(tmp_path: Path) -> None:
    [segment] = load_segments(write_segment(tmp_path, "vip", ACTIVE, created_at="2025-06-01T12:00:00+02:00"))
    assert segment.to_json()["created_at"] == "2025-06-01T10:00:00.000Z"


def test_a_broken_definition_does_not_hide_the_others(tmp_path: Path) -> None:
    write_segment(tmp_path, "good", ACTIVE)
    (tmp_path / "bad.json").write_text("{")
    write_segment(tmp_path, "worse", rule("status", "equal", "x"), project_id="proj-2")
    definitions = load_definitions(tmp_path)
    assert [entry.segment_id for entry in definitions.good] == ["good"]
    assert [entry.segment_id for entry in definitions.broken] == ["bad", "worse"]
    with pytest.raises(DefinitionError) as caught:
        load_segments(tmp_path)
    assert len(caught.value.problems) == 2


def test_two_definitions_with_one_id_are_both_refused_with_their_places(tmp_path: Path) -> None:
    one, two = write_segment(tmp_path, "a", ACTIVE, id="same"), write_segment(tmp_path, "b", ACTIVE, id="same")
    definitions = load_definitions(tmp_path)
    assert not definitions.good
    [broken] = definitions.broken
    assert broken.segment_id == "same"
    [problem] = broken.problems
    assert str(two) in str(problem)
    assert str(one) in str(problem)


def test_a_project_keeps_its_own_segments_and_those_without_a_project(tmp_path: Path) -> None:
    write_segment(tmp_path, "own", ACTIVE, project_id="p1")
    write_segment(tmp_path, "other", ACTIVE, project_id="p2")
    write_segment(tmp_path, "common", ACTIVE)
    write_segment(tmp_path, "broken", project_id="p2")
    (tmp_path / "garbage.json").write_text("[1]")
    definitions = load_definitions(tmp_path).of_project("p1")
    assert [entry.segment_id for entry in definitions.good] == ["common", "own"]
    assert [entry.segment_id for entry in definitions.broken] == ["garbage"]


def test_a_project_without_segments_is_refused(tmp_path: Path) -> None:
    write_segment(tmp_path, "own", ACTIVE, project_id="p1")
    with pytest.raises(UsageError, match="no segment belongs to project 'p3'"):
        load_definitions(tmp_path).of_project("p3")
    with pytest.raises(UsageError, match=r"^the project is empty; is a variable not set\? \(--project\)$"):
        load_definitions(tmp_path).of_project("")


def test_an_empty_list_is_not_a_definition(tmp_path: Path) -> None:
    (tmp_path / "none.json").write_text("[]")
    with pytest.raises(UsageError, match="contains no segment"):
        load_segments(tmp_path)


def test_a_file_that_cannot_be_read_is_a_problem_of_that_file(tmp_path: Path) -> None:
    (tmp_path / "gone.json").symlink_to(tmp_path / "nowhere")
    [broken] = load_definitions(tmp_path).broken
    assert [str(problem) for problem in broken.problems] == [
        f"{tmp_path}/gone.json: is a broken link; fix it or remove it"
    ]


@pytest.mark.parametrize("locked", ["segments", "segments/sub"])
def test_a_folder_that_cannot_be_listed_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, locked: str
) -> None:
    def list_folder(path: str) -> Any:
        if Path(path) == tmp_path / locked:
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return listing(path)

    listing = os.scandir
    write_segment(tmp_path / "segments", "good", rule("plan", "eq", "pro"))
    (tmp_path / "segments" / "sub").mkdir()
    monkeypatch.setattr(os, "scandir", list_folder)
    if locked == "segments":
        with pytest.raises(UsageError, match="segments: cannot be read: Permission denied"):
            load_definitions(tmp_path / "segments")
    else:
        [broken] = load_definitions(tmp_path / "segments").broken
        assert (broken.segment_id, broken.place) == ("sub/", f"{tmp_path}/segments/sub")


def test_a_path_into_a_file_has_no_suggestion(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{}")
    with pytest.raises(UsageError, match=r"a\.json/b\.json: no such file or folder; check the path"):
        load_definitions(tmp_path / "a.json" / "b.json")


def test_a_file_that_cannot_be_read_is_named_by_its_path_if_its_stem_is_an_id(tmp_path: Path) -> None:
    write_segment(tmp_path, "a", ACTIVE)
    (tmp_path / "more").mkdir()
    (tmp_path / "more/a.json").write_text("{")
    definitions = load_definitions(tmp_path)
    assert [entry.segment_id for entry in definitions.good] == ["a"]
    assert [entry.segment_id for entry in definitions.broken] == [str(tmp_path / "more/a.json")]
