"""Line numbers of places in files of definitions."""

import json
import pickle
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segbatch.compiler.clock import read_clock
from segbatch.compiler.references import wrong_references
from segbatch.definitions.loader import load_definitions
from segbatch.definitions.source_text import SourceText
from segbatch.definitions.strict_json import child_path

TEXT = """{
  "name": "VIP, [gold] {\\"x\\"}",
  "rules": [
    { "field": "a", "operator": "exists" },
    {
      "match": "any",
      "rules": [
        { "field": "home.city",
          "operator": "eq",
          "value":
            "Rome" }
      ]
    }
  ],
  "odd \\"key\\"": {"": [1,
    2]}
}
"""


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("$.name", 2),
        ("$.rules", 3),
        ("$.rules[0]", 4),
        ("$.rules[0].operator", 4),
        ("$.rules[1]", 5),
        ("$.rules[1].rules[0].field", 8),
        ("$.rules[1].rules[0].value", 10),
        ('$["odd \\"key\\""][""][1]', 16),
    ],
)
def test_a_place_has_the_line_of_its_key(path: str, line: int) -> None:
    assert SourceText(TEXT.encode()).line_of(path) == line


@pytest.mark.parametrize(
    ("path", "line"), [("$.rules[1].rules[0].missing", 8), ("$.rules[0].value[3]", 4), ("$.owner", None), ("$", None)]
)
def test_a_missing_key_has_the_line_of_its_object(path: str, line: int | None) -> None:
    assert SourceText(TEXT.encode()).line_of(path) == line


def test_a_path_that_is_not_a_path_has_no_line() -> None:
    assert SourceText(TEXT.encode()).line_of("nowhere") is None


def test_a_byte_order_mark_and_crlf_do_not_change_lines() -> None:
    content = b"\xef\xbb\xbf" + TEXT.replace("\n", "\r\n").encode()
    assert SourceText(content).line_of("$.rules[1].rules[0].operator") == 9


def test_a_pickled_source_leaves_the_content_behind() -> None:
    assert pickle.loads(pickle.dumps(SourceText(TEXT.encode()))) == SourceText(b"")  # noqa: S301 - our own


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
)


@given(JSON)
def test_every_value_of_indented_json_is_found_on_its_line(data: Any) -> None:
    text = json.dumps(data, indent=1)
    found = SourceText(text.encode())
    lines = text.split("\n")
    for path, value in _leaves(data, "$"):
        if path != "$":
            line = found.line_of(path)
            assert line is not None
            assert lines[line - 1].rstrip(",").endswith(json.dumps(value))


def _leaves(data: Any, path: str) -> list[tuple[str, Any]]:
    if isinstance(data, dict) and data:
        return [found for key, child in data.items() for found in _leaves(child, child_path(path, key))]
    if isinstance(data, list) and data:
        return [found for index, child in enumerate(data) for found in _leaves(child, child_path(path, index))]
    return [(path, data)]


CLOCK = read_clock(None, "UTC", datetime.now(UTC))


def test_problems_of_definitions_have_lines(tmp_path: Path) -> None:
    text = """[
      {"id": "a", "name": "A",
       "rules": [{"field": "x", "operator": "exits"}]},
      {"id": "b", "name": "B",
       "rules": [
         {"operator": "in_segment", "value": "nobody"}
       ]},
      {"id": "c", "name": "C", "rules": [{"field": "x", "operator": "exists"}]},
      {
       "id": "c", "name": "C", "rules": [{"field": "x", "operator": "exists"}]}
    ]"""
    (tmp_path / "all.json").write_text(text)
    definitions = load_definitions(tmp_path)
    lines = {
        str(problem.path): problem.line for problem in (*definitions.problems, *wrong_references(definitions, CLOCK))
    }
    assert lines == {"$[0].rules[0].operator": 3, "$[1].rules[0].value": 6, "$[3].id": 10}
    assert str(definitions.problems[0]).startswith(f"{tmp_path}/all.json:3: segment 'a': $[0].rules[0].operator: ")
