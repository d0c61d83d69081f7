"""The evaluator on whole contacts and runs: paths, forms of `custom_fields`, projects, other segments."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings

from . import strategies
from .evaluator import Refused, check, holds, members
from .fields import Form, Snapshot
from .kinds import Kind

STRUCT = pa.struct([("plan", pa.string()), ("a.b", pa.int64()), ("a", pa.struct([("b", pa.string())]))])


def segment(*rules: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"id": "s", "name": "S", "rules": list(rules), **more}


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("custom_fields.a.b", 1, True),
        ("custom_fields.plan", "wins", True),
        ("custom_fields.nope", 1, False),
        ("custom_fields.a.b.c", 1, False),
        ("custom_fields.plan.c", 1, False),
    ],
)
def test_a_path_takes_the_longest_name_at_each_step(field: str, value: Any, *, expected: bool) -> None:
    schema = pa.schema([("custom_fields", STRUCT), ("custom_fields.plan", pa.string())])
    row = {"custom_fields": {"plan": "x", "a.b": 1, "a": {"b": "1"}}, "custom_fields.plan": "wins"}
    rule = {"field": field, "operator": "eq", "value": value}
    assert holds(segment(rule), row, schema) is expected


TEXTS = [
    (
        '{"n": 1, "mix": 1.50, "l": [1, "a"], "o": {"k": null}, "tags": ["x"], "home.city": "x",'
        ' "id": 12345678901234567890}'
    ),
    '{"n": 2.5, "mix": {"a": [true, null]}, "l": [], "tags": "x", "home": {"city": "y"}, "id": 0.5}',
    '{"mix": null, "home": {"city": "z"}, "home.city": null, "id": 12345678901234567891}',
    '{"n": NaN}',
    "[1]",
    None,
]


@pytest.mark.parametrize(
    ("field", "kind", "cells"),
    [
        ("n", Kind("float"), [1.0, 2.5, None]),
        ("mix", Kind("text"), ["1.50", '{"a":[true,null]}', None]),
        ("mix.a", Kind("list", item=Kind("boolean")), [None, [True, None], None]),
        ("l", Kind("list", item=Kind("text")), [["1", "a"], [], None]),
        ("tags", Kind("list", item=Kind("text")), [["x"], ["x"], None]),
        ("home.city", Kind("text"), ["x", "y", "z"]),
        ("id", Kind("number"), [12345678901234567890, 0.5, 12345678901234567891]),
        ("o.k", Kind("null"), [None, None, None]),
    ],
)
def test_json_texts_show_their_type_over_the_whole_snapshot(field: str, kind: Kind, cells: list[Any]) -> None:
    schema = pa.schema([("custom_fields", pa.string())])
    found = Snapshot.of(schema, "json", {"custom_fields": TEXTS}).find(f"custom_fields.{field}")
    assert found.kind == kind
    assert [found.cell({"custom_fields": text}) for text in TEXTS] == [*cells, None, None, None]


def test_the_forms_of_custom_fields_mean_the_same() -> None:
    rule = segment({"field": "custom_fields.plan", "operator": "eq", "value": "pro"})
    text, pairs = '{"plan": "pro"}', [("plan", "pro")]
    as_text, as_map = (
        pa.schema([("custom_fields", arrow)]) for arrow in (pa.string(), pa.map_(pa.string(), pa.string()))
    )
    forms: tuple[tuple[Any, pa.Schema, Form], ...] = ((text, as_text, "json"), (pairs, as_map, "map"))
    for cell, schema, form in forms:
        cells = {"custom_fields": [cell, None]}
        found = members(
            rule, [{"custom_fields": one} for one in (cell, None)], schema, custom_fields_form=form, cells=cells
        )
        assert found == [True, False]


def test_a_column_that_differs_by_case_alone_is_meant_if_it_is_the_only_one() -> None:
    schema = pa.schema([("STATUS", pa.string()), ("a", pa.string()), ("A", pa.string())])
    rule = segment({"field": "status", "operator": "eq", "value": "x"})
    assert holds(rule, {"STATUS": "x", "a": None, "A": None}, schema)
    assert Snapshot.of(schema).find("a").column == "a"
    with pytest.raises(Refused):
        Snapshot.of(pa.schema([("Ab", pa.string()), ("aB", pa.string())])).find("ab")


def test_a_segment_holds_contacts_of_its_own_project_only() -> None:
    schema = pa.schema([("project_id", pa.string()), ("x", pa.int64())])
    rows = [{"project_id": project, "x": None} for project in ("p1", "p2", None)]
    rule = {"field": "x", "operator": "empty"}
    assert members(segment(rule, project_id="p1"), rows, schema) == [True, False, False]
    assert members(segment(rule, project_id=None), rows, schema) == [True, True, True]


def test_in_segment_is_membership_in_the_same_run() -> None:
    schema = pa.schema([("x", pa.int64())])
    big = {**segment({"field": "x", "operator": "gt", "value": 1}), "id": "big"}
    rows = [{"x": cell} for cell in (1, 2, None)]
    for operator, expected in (("in_segment", [False, True, False]), ("not_in_segment", [True, False, True])):
        rule = {"operator": operator, "value": "big"}
        assert members(segment(rule), rows, schema, segments={"big": big}) == expected


@pytest.mark.parametrize(
    ("value", "reason"),
    [("s", "s -> a -> s"), ("nobody", "no segment 'nobody'"), ("wrong", "'wrong' failed")],
)
def test_a_circle_and_an_unknown_or_failed_segment_are_refused(value: str, reason: str) -> None:
    others = {
        "a": {**segment({"operator": "in_segment", "value": value}), "id": "a"},
        "wrong": {**segment({"field": "nope", "operator": "exists"}), "id": "wrong"},
    }
    with pytest.raises(Refused, match=reason):
        check(segment({"operator": "in_segment", "value": "a"}), pa.schema([("x", pa.int64())]), segments=others)


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(strategies.cases())
def test_every_case_is_decided_and_neq_is_exactly_not_eq(case: strategies.Case) -> None:
    rows = case.table.to_pylist()
    for name, value in (("nickname", 12), ("ratio", 10), ("tags", "a"), ("created_at", "2025-03-30")):
        rules = [segment({"field": name, "operator": operator, "value": value}) for operator in ("eq", "neq")]
        equal, unequal = (members(rule, rows, case.table.schema, **case.options) for rule in rules)
        assert equal == [not held for held in unequal]
    for definition in case.segments.values():
        try:
            held = members(definition, rows, case.table.schema, **case.options)
        except Refused:
            continue
        assert all(isinstance(one_held, bool) for one_held in held)
