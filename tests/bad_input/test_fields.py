"""Rules on fields that the snapshot's columns do not have or support."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest

from .conftest import SNAPSHOT, write
from .making import ABSENT, contacts, group, rule, segment

if TYPE_CHECKING:
    from .conftest import Program

A_DATE = "write a date like '2025-06-01'"
A_DATETIME = "write a date-time like '2025-06-01T10:00:00Z'"
A_MOMENT = f"{A_DATETIME}, or a date like '2025-06-01'"
A_RELATIVE_DATE = "write a date like '2025-06-01', or a relative one like 'today-30d', 'now-36h' or 'start_of_month'"
A_DOUBLE = "write a number that a double can hold (up to about 1.8e308)"
NO_SUCH_HOUR = "the day, hour or offset does not exist; write it like '2025-06-01T10:00:00Z'"
OUT_OF_CALENDAR = "in UTC, this is before the year 1 or after 9999; write a time between them"
ONLY_PRESENCE = "only 'exists' and 'empty' apply to it"
NO_PART = "it needs a text or a list"
NO_ORDER = "true and false have no order"
NO_LIST_ORDER = "a list has no order; use 'contains' or 'eq'"
NO_ELEMENT = "its elements cannot be compared; use 'exists' or 'empty'"
TOO_LONG = "a number this long is not exact in a column of text; write it as a text, in quotes"
LONG_TEXT = "9" * 401
LONG_SHOWN = f"'{'9' * 58}…"
IN_NONE = "in this snapshot, so it is missing for every contact"
EVERY_COLUMN = "id, status, age, score, price, vip, seen, born, tags, sizes, grid, custom_fields and 2 more"


@cache
def snapshot() -> bytes:
    return contacts(
        age=[30, 40],
        score=[0.5, None],
        price=[Decimal("1.50"), None],
        vip=[True, False],
        seen=[datetime(2025, 6, 1, tzinfo=UTC), None],
        born=[date(1990, 1, 1), None],
        tags=[["a"], []],
        sizes=[[1], None],
        grid=[[[1]], None],
        custom_fields=[{"plan": "pro", "seats": 3, "address": {"city": "Graz"}}, None],
        photo=[b"\x00", None],
        opens=[time(9), None],
    )


FIELDS: dict[str, tuple[str, str]] = {
    "near": ("statuss", "the snapshot has no column 'statuss'; did you mean 'status'?"),
    "like none": ("zebra", f"the snapshot has no column 'zebra'; it has {EVERY_COLUMN}"),
    "blank": (" ", f"the snapshot has no column ' '; it has {EVERY_COLUMN}"),
    "near, with a path": (
        "custom_field.plan",
        "the snapshot has no column 'custom_field'; did you mean 'custom_fields'?",
    ),
    "like none, with a path": ("zebra.plan", f"the snapshot has no column 'zebra'; it has {EVERY_COLUMN}"),
}

OPERATORS: dict[str, tuple[dict[str, Any], str]] = {
    "contains on number": (rule(field="age", operator="contains", value=3), f"(whole number): {NO_PART}"),
    "contains on decimal": (
        rule(field="price", operator="not_contains", value="1"),
        f"(decimal number): {NO_PART}",
    ),
    "contains on boolean": (rule(field="vip", operator="contains", value="t"), f"(boolean): {NO_PART}"),
    "contains on date": (rule(field="born", operator="contains", value="1990"), f"(date): {NO_PART}"),
    "contains on date-time": (rule(field="seen", operator="contains", value="2025"), f"(date-time): {NO_PART}"),
    "gt on boolean": (rule(field="vip", operator="gt", value=False), f"(boolean): {NO_ORDER}"),
    "lte on boolean": (rule(field="vip", operator="lte", value="true"), f"(boolean): {NO_ORDER}"),
    "gt on list": (rule(field="tags", operator="gt", value="a"), f"(list of text): {NO_LIST_ORDER}"),
    "lt on list": (rule(field="sizes", operator="lt", value=1), f"(list of whole numbers): {NO_LIST_ORDER}"),
    "eq on list of lists": (
        rule(field="grid", operator="eq", value=1),
        f"(list of list of whole numbers): {NO_ELEMENT}",
    ),
    "eq on struct": (rule(field="custom_fields", operator="eq", value="pro"), f"(struct): {ONLY_PRESENCE}"),
    "gt on struct": (rule(field="custom_fields", operator="gt", value="pro"), f"(struct): {ONLY_PRESENCE}"),
    "contains on struct": (
        rule(field="custom_fields.address", operator="contains", value="Graz"),
        f"(struct): {ONLY_PRESENCE}",
    ),
}

VALUES: dict[str, tuple[dict[str, Any], str]] = {
    "number": (rule(field="age", value="old"), "'old' cannot be compared with 'age' (whole number): write a number"),
    "number, boolean": (
        rule(field="age", value=True),
        "true cannot be compared with 'age' (whole number): write a number",
    ),
    "number with comma": (
        rule(field="score", operator="gt", value="1,5"),
        "'1,5' cannot be compared with 'score' (number): write a number",
    ),
    "number too long": (
        rule(field="age", value=LONG_TEXT),
        f"{LONG_SHOWN} cannot be compared with 'age' (whole number): {A_DOUBLE}",
    ),
    "number too large": (
        rule(field="score", operator="lt", value="1e999"),
        f"'1e999' cannot be compared with 'score' (number): {A_DOUBLE}",
    ),
    "boolean": (rule(field="vip", value="yes"), "'yes' cannot be compared with 'vip' (boolean): write true or false"),
    "boolean, number": (rule(field="vip", value=1), "1 cannot be compared with 'vip' (boolean): write true or false"),
    "date": (rule(field="born", value="1.6.2025"), f"'1.6.2025' cannot be compared with 'born' (date): {A_DATE}"),
    "date, number": (rule(field="born", value=2025), f"2025 cannot be compared with 'born' (date): {A_DATE}"),
    "date, date-time": (
        rule(field="born", operator="gte", value="2025-06-01T10:00:00Z"),
        f"'2025-06-01T10:00:00Z' cannot be compared with 'born' (date): {A_DATE}",
    ),
    "date, no such day": (
        rule(field="born", value="2025-02-30"),
        f"'2025-02-30' cannot be compared with 'born' (date): the day does not exist; {A_DATE}",
    ),
    "date-time": (rule(field="seen", value="10:30"), f"'10:30' cannot be compared with 'seen' (date-time): {A_MOMENT}"),
    "a word for a date-time": (
        rule(field="seen", value="noon"),
        f"'noon' cannot be compared with 'seen' (date-time): {A_RELATIVE_DATE}",
    ),
    "date-time, number": (
        rule(field="seen", operator="gt", value=1748772000),
        f"1748772000 cannot be compared with 'seen' (date-time): {A_MOMENT}",
    ),
    "date, before the calendar": (
        rule(field="born", value="0000-01-01"),
        f"'0000-01-01' cannot be compared with 'born' (date): the day does not exist; {A_DATE}",
    ),
    "date-time, before the calendar": (
        rule(field="seen", value="0001-01-01T00:00:00+14:00"),
        f"'0001-01-01T00:00:00+14:00' cannot be compared with 'seen' (date-time): {OUT_OF_CALENDAR}",
    ),
    "date-time, no such hour": (
        rule(field="seen", value="2025-06-01T25:00:00Z"),
        f"'2025-06-01T25:00:00Z' cannot be compared with 'seen' (date-time): {NO_SUCH_HOUR}",
    ),
    "text, order of a boolean": (
        rule(operator="gt", value=True),
        "true cannot be compared with 'status' (text): true and false have no order; write a text or a number",
    ),
    "text, containing a boolean": (
        rule(operator="contains", value=False),
        "false cannot be compared with 'status' (text): write a text",
    ),
    "text, number too long": (
        rule(value=2**53),
        f"9007199254740992 cannot be compared with 'status' (text): {TOO_LONG}",
    ),
    "list of text, number too long": (
        rule(field="tags", operator="contains", value=-(2**60)),
        f"-1152921504606846976 cannot be compared with 'tags' (list of text): {TOO_LONG}",
    ),
    "list of numbers": (
        rule(field="sizes", operator="contains", value="XL"),
        "'XL' cannot be compared with 'sizes' (list of whole numbers): write a number",
    ),
    "custom field": (
        rule(field="custom_fields.seats", operator="gt", value="many"),
        "'many' cannot be compared with 'custom_fields.seats' (whole number): write a number",
    ),
}

WRONG_BY_THEMSELVES: dict[str, tuple[dict[str, Any], str]] = {
    "pattern": (
        rule(operator="matches", value="(a"),
        "value: '(a' is not a valid regular expression: unclosed group",
    ),
    "pattern on a number": (
        rule(field="age", operator="matches", value="a{2,1}"),
        (
            "value: 'a{2,1}' is not a valid regular expression: invalid repetition count range, "
            "the start must be <= the end"
        ),
    ),
    "pattern of many lines": (
        rule(operator="matches", value="a\n(?x)\n["),
        r"value: 'a\n(?x)\n[' is not a valid regular expression: unclosed character class",
    ),
    "range of texts": (
        rule(operator="between", value=["b", "a"]),
        'value: in ["b", "a"] the low value is above the high one; swap them',
    ),
    "range of texts that are numbers": (
        rule(field="age", operator="between", value=["10", "9"]),
        'value: in ["10", "9"] the low value is above the high one; swap them',
    ),
    "case of a number": (
        rule(field="age", value=30, ignore_case=True),
        "ignore_case: 'ignore_case' is for texts and lists of texts, and 'age' is a number (Int64); remove it",
    ),
    "case of a date": (
        rule(field="born", operator="in", value=["2025-06-01"], ignore_case=True),
        "ignore_case: 'ignore_case' is for texts and lists of texts, and 'born' is a date; remove it",
    ),
    "case of a list of numbers": (
        rule(field="sizes", operator="contains", value=1, ignore_case=True),
        (
            "ignore_case: 'ignore_case' is for texts and lists of texts, and 'sizes' is a list of numbers (Int64); "
            "remove it"
        ),
    ),
    "operator that a list has not, in any case": (
        rule(field="tags", operator="starts_with", value="a", ignore_case=True),
        "operator: 'starts_with' is not for 'tags' (list of text): it needs a text",
    ),
}

IN_NO_TEXT = "none of its texts is a JSON object with 'name' in it, so it is missing for every contact"
UNKNOWN_KEYS: dict[str, tuple[str, str]] = {
    "near": (
        "custom_fields.plann",
        f"'custom_fields' has no 'plann' {IN_NONE}; did you mean 'plan'?",
    ),
    "like none": (
        "custom_fields.zebra",
        f"'custom_fields' has no 'zebra' {IN_NONE}",
    ),
    "deeper": (
        "custom_fields.address.citty",
        f"'custom_fields.address' has no 'citty' {IN_NONE}; did you mean 'city'?",
    ),
    "in a text": (
        "custom_fields.plan.name",
        f"'custom_fields.plan' is text, and {IN_NO_TEXT}",
    ),
    "in a column": ("status.name", f"'status' is text, and {IN_NO_TEXT}"),
}


def expect(program: Program, wrong: dict[str, Any], message: str, *arguments: str) -> None:
    """Put a wrong rule in a group, and look for its message in both commands."""
    write({SNAPSHOT: snapshot(), "segments/bad.json": segment(rule(), group(rules=[wrong]))})
    messages = [f"segments/bad.json: $.rules[1].rules[0].{message}"]
    program.finds(messages, "--contacts", SNAPSHOT, *arguments)
    program.fails_alone(messages, *arguments)


@pytest.mark.parametrize(("field", "message"), FIELDS.values(), ids=list(FIELDS))
def test_an_unknown_column_is_refused_with_those_there_are(program: Program, field: str, message: str) -> None:
    expect(program, rule(field=field, operator="exists", value=ABSENT), f"field: {message}")


@pytest.mark.parametrize(("wrong", "reason"), OPERATORS.values(), ids=list(OPERATORS))
def test_an_operator_that_a_column_has_not_is_refused(program: Program, wrong: dict[str, Any], reason: str) -> None:
    expect(program, wrong, f"operator: '{wrong['operator']}' is not for '{wrong['field']}' {reason}")


@pytest.mark.parametrize(("field", "kind"), [("photo", "bytes"), ("opens", "time of day")])
def test_a_column_of_a_rare_type_can_only_be_asked_whether_it_is_there(program: Program, field: str, kind: str) -> None:
    expect(program, rule(field=field), f"operator: 'eq' is not for '{field}' ({kind}): {ONLY_PRESENCE}")


@pytest.mark.parametrize(("wrong", "message"), VALUES.values(), ids=list(VALUES))
def test_a_value_that_the_column_cannot_have_is_refused(program: Program, wrong: dict[str, Any], message: str) -> None:
    expect(program, wrong, f"value: {message}")


@pytest.mark.parametrize(("wrong", "message"), WRONG_BY_THEMSELVES.values(), ids=list(WRONG_BY_THEMSELVES))
def test_the_message_names_the_problem_and_not_the_column(
    program: Program, wrong: dict[str, Any], message: str
) -> None:
    expect(program, wrong, message)


@pytest.mark.parametrize(("field", "message"), UNKNOWN_KEYS.values(), ids=list(UNKNOWN_KEYS))
def test_an_unknown_key_is_a_warning_and_with_strict_an_error(program: Program, field: str, message: str) -> None:
    expect(program, rule(field=field), f"field: {message}", "--strict")
    outcome = program("check", "--contacts", SNAPSHOT)
    assert outcome.err == f"warning: segments/bad.json: $.rules[1].rules[0].field: {message}\n"
    assert (outcome.status, outcome.out) == (0, "2 segments checked: 0 errors, 1 warning\n")


def test_without_a_snapshot_columns_are_not_asked_for(program: Program) -> None:
    write({"segments/bad.json": segment(rule(field="zebra"))})
    assert program("check").status == 0


def test_all_wrong_rules_of_a_segment_are_reported_at_once(program: Program) -> None:
    write(
        {
            SNAPSHOT: snapshot(),
            "segments/bad.json": segment(
                rule(field="agee"), rule(field="age", value="x"), rule(field="vip", operator="gt")
            ),
            "segments/wrong.json": {"name": "S", "rules": 1},
        }
    )
    messages = [
        "segments/wrong.json: $.rules: 'rules' must be a list; found 1",
        "segments/bad.json: $.rules[0].field: the snapshot has no column 'agee'; did you mean 'age'?",
        "segments/bad.json: $.rules[1].value: 'x' cannot be compared with 'age' (whole number): write a number",
        "segments/bad.json: $.rules[2].operator: 'gt' is not for 'vip' (boolean): true and false have no order",
    ]
    program.finds(messages, "--contacts", SNAPSHOT)
