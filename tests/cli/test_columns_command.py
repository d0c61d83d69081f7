"""`segbatch columns`: a table that fits the screen, and JSON."""

import json
import re
from pathlib import Path

import pytest

from builders import rule, write_contacts, write_segment
from calling import Commands

COLOURS = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Commands:
    monkeypatch.chdir(tmp_path)
    plans = ["pro"] * 120 + ["free"] * 60 + [""] * 19 + [None]
    texts = ['{"seats": 1}', '{"seats": "x"}'] * 100
    columns = {
        "id": [f"user{number}@example.com" for number in range(200)],
        "plan": plans,
        "score": [number % 4 for number in range(200)],
        "days": [number % 30 for number in range(200)],
        "custom_fields": texts,
        "span": [None] * 200,
    }
    write_contacts(Path("contacts.parquet"), columns)
    return Commands(monkeypatch, capsys)


def test_a_table_is_printed(call: Commands) -> None:
    assert call("columns", "--contacts", "contacts.parquet") == 0
    lines = [re.split(r"  +", line) for line in call.out.splitlines()]
    assert lines == [
        ["field", "type", "missing", "distinct", "values", "rule"],
        ["id", "text", "0.0%", "200", "(almost all different)", '{"field": "id", "operator": "exists"}'],
        [
            "plan",
            "text",
            "0.5%",
            "3",
            "pro 60%, free 30%, (empty) 10%",
            '{"field": "plan", "operator": "eq", "value": "pro"}',
        ],
        [
            "score",
            "number",
            "0.0%",
            "4",
            "0 25%, 1 25%, 2 25%, 3 25%",
            '{"field": "score", "operator": "gte", "value": 1}',
        ],
        ["days", "number", "0.0%", "30", "0 to 29", '{"field": "days", "operator": "gte", "value": 14}'],
        ["custom_fields", "object", "0.0%", "-", "-", '{"field": "custom_fields", "operator": "exists"}'],
        [
            "custom_fields.seats",
            "text, mixed",
            "0.0%",
            "2",
            "1 50%, x 50%",
            '{"field": "custom_fields.seats", "operator": "eq", "value": "1"}',
        ],
        ["span", "missing", "100.0%", "-", "-", '{"field": "span", "operator": "exists"}'],
        ["200 contacts, 7 fields"],
    ]
    assert "example.com" not in call.out + call.err


def test_the_table_fits_a_terminal(call: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    for width, first in ((80, r"field +type +missing +distinct +values"), (40, "field     id")):
        monkeypatch.setenv("COLUMNS", str(width))
        assert call("columns", "--contacts", "contacts.parquet") == 0
        lines = COLOURS.sub("", call.out).splitlines()
        assert re.fullmatch(first, lines[0])
        assert max(map(len, lines)) <= width
    assert "rule      {" in COLOURS.sub("", call.out)


def test_columns_of_related_tables_follow(call: Commands) -> None:
    rows = {"contact_id": [f"user{number}@example.com" for number in range(5)], "status": ["paid"] * 5}
    write_contacts(Path("orders.parquet"), rows)
    assert call("columns", "--contacts", "contacts.parquet", "--table", "orders=orders.parquet") == 0
    assert re.split(r"  +", call.out.splitlines()[-2])[:5] == ["orders: status", "text", "0.0%", "1", "paid 100%"]
    assert "user1" not in call.out


def test_a_field_with_one_value_is_not_called_different(call: Commands) -> None:
    columns = {"id": ["a"], "email": ["me@example.com"], "seats": [9], "vip": [True]}
    write_contacts(Path("one.parquet"), columns)
    assert call("columns", "--contacts", "one.parquet") == 0
    values = [re.split(r"  +", line)[4] for line in call.out.splitlines()[1:-1]]
    assert values == ["(only rare values)"] * 4
    assert "me@example.com" not in call.out


def test_json_has_every_field(call: Commands) -> None:
    assert call("columns", "--contacts", "contacts.parquet", "--json") == 0
    printed = json.loads(call.out)
    assert (printed["contacts"], printed["warnings"]) == (200, [])
    plan = printed["fields"][1]
    assert plan["values"][0] == {"value": "pro", "contacts": 120, "share": 120 / 199}
    assert (plan["path"], plan["type"], plan["is_unique"], plan["low"]) == ("plan", "text", False, None)


def test_a_missing_snapshot_is_one_line(call: Commands) -> None:
    assert call("columns", "--contacts", "nope.parquet") == 1
    assert call.err == "error: nope.parquet: no such file; check the path of the export\n"


def test_a_schema_is_written_and_used(call: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    assert call("columns", "--contacts", "contacts.parquet", "--schema", "schema.json") == 0
    assert call.out == "wrote 7 fields to schema.json\n"
    write_segment(Path("segments"), "a", rule("plam", "eq", "pro"))
    assert call("check", "--schema", "schema.json") == 2
    assert "the snapshot has no column 'plam'; did you mean 'plan'?" in call.err
    write_segment(Path("segments"), "a", rule("plan", "eq", "pro"))
    monkeypatch.setenv("SEGBATCH_SCHEMA_FILE", "schema.json")
    write_contacts(Path("contacts.parquet"), {"plan": ["pro", "pro"]})
    assert call("run", "--contacts", "contacts.parquet") == 0
    assert "warning: the snapshot has no column 'score', which schema.json lists\n" in call.err
    assert call("run", "--contacts", "contacts.parquet", "--strict") == 1
    assert call.err.endswith("the snapshot deviates from its schema; nothing was published (--schema, --strict)\n")
    Path("segbatch.toml").write_text('schema_file = "nope.json"\n')
    monkeypatch.delenv("SEGBATCH_SCHEMA_FILE")
    assert call("check") == 2
    assert call.err == "error: nope.json: cannot be read: No such file or directory (segbatch.toml: schema_file)\n"
