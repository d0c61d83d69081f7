"""Folders and lists of definitions: duplicate ids, nothing to load, and many problems at once."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from .conftest import write
from .making import (
    A_FIELD,
    A_LIST_OF_RULES,
    A_NODE,
    A_SEGMENT,
    ABSENT,
    NO_RULES,
    NULL_IS_NO_VALUE,
    rule,
    segment,
)

pytestmark = pytest.mark.slow

if TYPE_CHECKING:
    from .conftest import Program

NO_ID = "'id' is missing; it is a text such as \"pro-plan-users\""
X_TAKEN = "the id 'x' is already in segments/all.json $[0]; give one of them another id"
NO_FILE = "segments: the folder has no .json file; each segment is a JSON file"
TO_LEAVE_OUT = "move the file, or exclude it with 'exclude' in segbatch.toml or --exclude"
NOT_JSON = "not JSON at line 1, column 2: the file ends here; it may be truncated, or a closing bracket is missing"

TAKEN: dict[str, tuple[dict[str, Any], list[str]]] = {
    "in two files": (
        {"segments/a.json": segment(id="x"), "segments/b.json": segment(id="x")},
        ["segments/b.json: segment 'x': $.id: the id 'x' is already in segments/a.json; give one of them another id"],
    ),
    "by two file names": (
        {"segments/a.json": segment(), "segments/old/a.json": segment()},
        ["segments/old/a.json: $.id: the id 'a' is already in segments/a.json; give one of them another id"],
    ),
    "in one list": (
        {"segments/all.json": [segment(id="x"), segment(id="y", match="al"), segment(id="x")]},
        [
            f"segments/all.json: segment 'x': $[2].id: {X_TAKEN}",
            "segments/all.json: segment 'y': $[1].match: 'al' is not a value of 'match'; did you mean 'all'?",
        ],
    ),
    "three times": (
        {"segments/all.json": [segment(id="x"), segment(id="x")], "segments/x.json": segment()},
        [
            f"segments/all.json: segment 'x': $[1].id: {X_TAKEN}",
            f"segments/x.json: $.id: {X_TAKEN}",
        ],
    ),
    "by one that is wrong itself": (
        {"segments/a.json": segment(id="x", name=5), "segments/b.json": segment(id="x")},
        [
            "segments/a.json: segment 'x': $.name: 'name' must be a text; found 5",
            "segments/b.json: segment 'x': $.id: the id 'x' is already in segments/a.json; give one of them another id",
        ],
    ),
}

LISTS: dict[str, tuple[list[Any], list[str]]] = {
    "no id": ([segment()], [f"segments/all.json: segment 'all[0]': $[0].id: {NO_ID}"]),
    "no object": (
        ["status", None, []],
        [f'segments/all.json: $: ["status", null, []] is a list without a segment in it; {TO_LEAVE_OUT}'],
    ),
    "no object beside a segment": (
        [segment(id="x", match="al"), "status", None],
        [
            f"segments/all.json: segment 'all[1]': $[1]: {A_SEGMENT}; found 'status'",
            f"segments/all.json: segment 'all[2]': $[2]: {A_SEGMENT}; found null",
            "segments/all.json: segment 'x': $[0].match: 'al' is not a value of 'match'; did you mean 'all'?",
        ],
    ),
    "a list in a list": (
        [[segment(id="x", rules=[1])]],
        [
            (
                'segments/all.json: $: [[{"name": "S", "rules": [1], "id": "x"}]] is a list without a segment in it; '
                f"{TO_LEAVE_OUT}"
            )
        ],
    ),
    "the file's name as id": (
        [segment(id="all", name=ABSENT)],
        [
            (
                "segments/all.json: $[0].id: 'all' cannot be an id, since --accept all accepts every segment; "
                "choose another id"
            ),
            "segments/all.json: $[0].name: 'name' is missing; it is the display name of the segment",
        ],
    ),
    "a rule deep in it": (
        [segment(id="x", rules=[rule(), rule(operator="exist")])],
        ["segments/all.json: segment 'x': $[0].rules[1].operator: 'exist' is not an operator; did you mean 'exists'?"],
    ),
}


@pytest.mark.parametrize(("files", "messages"), TAKEN.values(), ids=list(TAKEN))
def test_a_duplicate_id_is_reported_with_both_places(
    program: Program, files: dict[str, Any], messages: list[str]
) -> None:
    write(files)
    program.finds(messages)
    program.fails_alone(messages)


@pytest.mark.parametrize(("items", "messages"), LISTS.values(), ids=list(LISTS))
def test_a_problem_in_a_list_is_reported_with_its_place(
    program: Program, items: list[Any], messages: list[str]
) -> None:
    write({"segments/all.json": items})
    program.finds(messages)
    program.fails_alone(messages)


def test_everything_wrong_in_all_files_is_reported_at_once(program: Program) -> None:
    write(
        {
            "segments/a.json": {"rules": [], "nam": "A", "match": "both"},
            "segments/b.json": "{",
            "segments/c.json": segment(rule(field="", operator="is like", value=[1]), rule(value=None), 7),
            "segments/d/e.json": {},
            "segments/d/f.json": segment(),
            "segments/g.json": [
                segment(id="g1", rules=5),
                segment(rule(value="new"), id="g2"),
                segment(id="g3", created_at="now"),
            ],
        }
    )
    messages = [
        "segments/a.json: $.match: 'both' is not a value of 'match'; there are all, any, none",
        f"segments/a.json: $.rules: {NO_RULES}",
        "segments/a.json: $.nam: 'nam' is not a key of a segment; did you mean 'name'?",
        f"segments/b.json: {NOT_JSON}",
        f"segments/c.json: $.rules[0].field: 'field' is empty; {A_FIELD}",
        "segments/c.json: $.rules[0].operator: 'is like' is not an operator; did you mean 'contains'?",
        f"segments/c.json: $.rules[1].value: {NULL_IS_NO_VALUE}",
        f"segments/c.json: $.rules[2]: {A_NODE}; found 7",
        "segments/d/e.json: $.name: 'name' is missing; it is the display name of the segment",
        f"segments/d/e.json: $.rules: 'rules' is missing; {A_LIST_OF_RULES}",
        "segments/g.json: segment 'g1': $[0].rules: 'rules' must be a list; found 5",
        (
            "segments/g.json: segment 'g3': $[2].created_at: 'now' is not a valid time; "
            "write it like 2025-06-01T10:00:00.000Z"
        ),
    ]
    outcome = program("check")
    assert outcome.err.splitlines() == [f"error: {message}" for message in messages]
    assert (outcome.status, outcome.out) == (2, "8 segments checked: 12 errors, 0 warnings\n")


NOWHERE: dict[str, tuple[dict[str, Any], str, str]] = {
    "no folder": ({}, "segments", "segments: no such file or folder; check the path of the definitions (--segments)"),
    "a folder of nearly that name": (
        {"segment/a.json": segment()},
        "segments",
        "segments: no such file or folder; did you mean 'segment'?",
    ),
    "a file of nearly that name": (
        {"segments/pro.json": segment()},
        "segments/por.json",
        "segments/por.json: no such file or folder; did you mean 'pro.json'?",
    ),
    "an empty folder": (
        {"segments/.keep": ""},
        "segments",
        NO_FILE,
    ),
    "a folder of other files": (
        {"segments/a.yaml": "name: S", "segments/.git/b.json": "{}"},
        "segments",
        NO_FILE,
    ),
    "an empty list": (
        {"all.json": []},
        "all.json",
        "all.json: contains no segment; a segment is a JSON object with 'name' and 'rules'",
    ),
    "a folder of empty lists": (
        {"segments/a.json": [], "segments/b.json": []},
        "segments",
        "segments: contains no segment; a segment is a JSON object with 'name' and 'rules'",
    ),
}


@pytest.mark.parametrize(("files", "path", "message"), NOWHERE.values(), ids=list(NOWHERE))
def test_both_commands_report_missing_segments(
    program: Program, files: dict[str, Any], path: str, message: str
) -> None:
    write(files)
    program.refuses(2, [message], "check", "--segments", path)
    program.refuses(2, [message], "run", "--segments", path, "--contacts", "contacts.parquet")


def test_a_file_that_cannot_be_read_is_reported_and_does_not_affect_others(program: Program) -> None:
    locked = Path("segments/bad.json")
    write({str(locked): segment()})
    locked.chmod(0)
    if os.access(locked, os.R_OK):
        pytest.skip("this user can read everything")
    program.finds(["segments/bad.json: cannot be read: Permission denied"])
    program.fails_alone(["segments/bad.json: cannot be read: Permission denied"])


def test_a_folder_that_is_named_like_a_file_is_searched_for_files(program: Program) -> None:
    Path("segments/bad.json").mkdir(parents=True)
    program.refuses(2, [NO_FILE], "check")
    write({"segments/bad.json/worse.json": segment(match="al")})
    messages = ["segments/bad.json/worse.json: $.match: 'al' is not a value of 'match'; did you mean 'all'?"]
    program.finds(messages)
    program.fails_alone(messages)


def test_a_file_in_capitals_is_read(program: Program) -> None:
    write({"segments/X.JSON": segment(match="al")})
    messages = ["segments/X.JSON: $.match: 'al' is not a value of 'match'; did you mean 'all'?"]
    program.finds(messages)
    program.fails_alone(messages)


def test_a_link_that_is_broken_does_not_affect_others(program: Program) -> None:
    Path("segments").mkdir()
    Path("segments/bad.json").symlink_to("nowhere.json")
    program.finds(["segments/bad.json: is a broken link; fix it or remove it"])
    program.fails_alone(["segments/bad.json: is a broken link; fix it or remove it"])
