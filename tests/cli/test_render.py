"""How the result of a query is printed: without wrapped lines if stdout is not a terminal, and as valid JSON."""

import json
import math
import re
from decimal import Decimal

import pytest
from rich.table import Table

from segbatch.interfaces.cli.render.base import print_table
from segbatch.interfaces.cli.render.query import print_answer
from segbatch.runs.query import Answer


def test_lines_are_not_wrapped_without_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    print_answer(Answer(("a", "b"), (("x" * 300, "y z " * 100),), complete=True), as_json=False)
    assert capsys.readouterr().out.splitlines()[1].split() == ["x" * 300, *(["y", "z"] * 100)]


def test_lines_of_tables_have_no_trailing_spaces(capsys: pytest.CaptureFixture[str]) -> None:
    print_answer(Answer(("a", "b"), (("x", "[y]"), ("x" * 9, "y" * 9)), complete=True), as_json=False)
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if line != line.rstrip()] == []
    assert lines[1].split() == ["x", "[y]"]


def test_lines_are_wrapped_on_a_terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "20")
    print_answer(Answer(("a",), (("x" * 300,),), complete=True), as_json=False)
    assert len(capsys.readouterr().out.splitlines()) > 15


COLOURS = re.compile(r"\x1b\[[0-9;]*m")


@pytest.mark.parametrize("environment", [{}, {"FORCE_COLOR": "1", "COLUMNS": "20"}])
def test_tables_with_empty_cells_have_no_trailing_spaces(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], environment: dict[str, str]
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    rows = (("x", "a longer one"), ("y", "b"), ("z z", None), (None, None))
    print_answer(Answer(("name", "what"), rows, complete=True), as_json=False)
    lines = COLOURS.sub("", capsys.readouterr().out).splitlines()
    assert lines == [line.rstrip() for line in lines]
    assert lines[2:] == ["y     b", "z z", ""]


def test_lists_and_objects_are_shown_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    row = (["ä", None], {"b": True}, None, Decimal("1.50"))
    print_answer(Answer(("l", "o", "n", "d"), (row,), complete=True), as_json=False)
    assert capsys.readouterr().out.splitlines()[1].split() == ['["ä",', "null]", '{"b":', "true}", "1.50"]


def test_decimals_in_lists_and_objects_are_shown_with_all_digits(capsys: pytest.CaptureFixture[str]) -> None:
    row = ([Decimal("1.50"), math.nan], {"a": [Decimal("12345678901234567890.10")]})
    print_answer(Answer(("l", "o"), (row,), complete=True), as_json=False)
    shown = capsys.readouterr().out.splitlines()[1].split()
    assert shown == ["[1.50,", "NaN]", '{"a":', "[12345678901234567890.10]}"]


def test_decimals_are_exact_numbers_in_json(capsys: pytest.CaptureFixture[str]) -> None:
    numbers = ("0.1000000000000000055511151231257827", "-12345678901234567890.50", "0E-9", "1E+20", "7")
    row = (*map(Decimal, numbers), [Decimal("0.30")], {"a": Decimal("0.10")})
    print_answer(Answer(tuple("abcdefg"), (row,), complete=True), as_json=True)
    [found] = json.loads(capsys.readouterr().out, parse_float=str)
    assert list(found.values()) == [*numbers[:2], "0.000000000", 10**20, 7, ["0.30"], {"a": "0.10"}]


def test_nan_and_infinity_are_null_in_json(capsys: pytest.CaptureFixture[str]) -> None:
    row = (math.nan, -math.inf, [math.inf, 0.5], Decimal("1.50"), Decimal(12345678901234567890123))
    print_answer(Answer(tuple("abcde"), (row,), complete=True), as_json=True)
    [found] = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    assert list(found.values()) == [None, None, [None, 0.5], 1.5, 12345678901234567890123]


def test_a_table_without_a_terminal_looks_as_on_a_wide_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("text", min_width=12)
    table.add_column("number", justify="right")
    table.add_column("status")
    table.add_row("  \\[a] 日本", "1,000", "[green]ok[/green]")
    table.add_row(":smile:", "", "")
    print_table(table)
    plain = capsys.readouterr().out
    for name, value in {"FORCE_COLOR": "1", "COLUMNS": "200", "TERM": "xterm"}.items():
        monkeypatch.setenv(name, value)
    print_table(table)
    coloured = capsys.readouterr().out
    assert plain.splitlines() == ["text          number  status", "  [a] 日本     1,000  ok", ":smile:"]
    assert "\x1b[32mok" in coloured
    assert [line.rstrip(" ") for line in COLOURS.sub("", coloured).splitlines()] == plain.splitlines()
