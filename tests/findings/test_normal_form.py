"""Segments with the same meaning."""

from pathlib import Path
from typing import Any

import pytest

import segbatch
from builders import rule, write_segment

A, B, C = rule("a", "eq", "x"), rule("b", "gt", 1), rule("c", "exists")


def group(match: str, *rules: dict[str, Any]) -> dict[str, Any]:
    return {"match": match, "rules": list(rules)}


SAME = [
    ([A, B], [B, A]),
    ([A, B], [A, B, A]),
    ([A, B, C], [A, group("all", B, group("all", C))]),
    ([A], [group("any", A)]),
    ([A], [rule("a", "in", ["x"])]),
    ([A], [rule("a", "in", ["x", "x"])]),
    ([A], [group("none", rule("a", "neq", "x"))]),
    ([group("none", A, B)], [rule("a", "neq", "x"), group("none", B)]),
    ([group("any", A, rule("a", "eq", "y"))], [rule("a", "in", ["y", "x"])]),
    ([rule("a", "not_in", ["x", "y"])], [rule("a", "neq", "x"), rule("a", "neq", "y")]),
    ([rule("a", "neq", "x", missing="include")], [rule("a", "neq", "x")]),
    ([rule("a", "eq", "X", ignore_case=True)], [rule("a", "eq", "x", ignore_case=True)]),
    ([rule("a", "eq", 10)], [rule("a", "eq", 10.0)]),
    ([rule("a", "exists", 1)], [rule("a", "exists")]),
    ([rule("a", "empty")], [group("none", rule("a", "exists"))]),
]

OTHER = [
    ([A], [B]),
    ([A, B], [group("any", A, B)]),
    ([rule("a", "eq", 1)], [rule("a", "eq", "1")]),
    ([rule("a", "eq", 1)], [rule("a", "eq", value=True)]),
    ([rule("a", "contains", 10**20)], [rule("a", "contains", 1e20)]),
    ([A], [rule("a", "eq", "X")]),
    ([A], [rule("a", "eq", "x", ignore_case=True)]),
    ([rule("a", "neq", "x")], [rule("a", "neq", "x", missing="exclude")]),
    ([rule("a", "matches", "X", ignore_case=True)], [rule("a", "matches", "x", ignore_case=True)]),
    ([rule("a", "between", [1, 2])], [rule("a", "between", [1, 3])]),
    ([group("none", rule("a", "gt", 5))], [rule("a", "lte", 5)]),
]


def same(folder: Path, one: list[dict[str, Any]], other: list[dict[str, Any]], **more: Any) -> list[str]:
    write_segment(folder, "one", *one)
    write_segment(folder, "other", *other, **more)
    return [str(entry.problem) for entry in segbatch.lint(folder).findings if entry.name == "same-meaning"]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_they_say_the_same(tmp_path: Path, one: list[dict[str, Any]], other: list[dict[str, Any]]) -> None:
    assert same(tmp_path, one, other) == [
        f"{tmp_path}/other.json: $: has the same meaning as segment 'one' ({tmp_path}/one.json); keep one of them"
    ]


@pytest.mark.parametrize(("one", "other"), OTHER)
def test_they_do_not(tmp_path: Path, one: list[dict[str, Any]], other: list[dict[str, Any]]) -> None:
    assert same(tmp_path, one, other) == []


def test_two_projects_have_their_own_segments(tmp_path: Path) -> None:
    assert same(tmp_path, [A], [A], project_id="p") == []
    assert same(tmp_path, [A, B], [A, B], match="any") == []
