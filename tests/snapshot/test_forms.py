"""The forms in which custom fields come beside plain JSON texts: maps of many types, and what is in no form at all."""

import math
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

import segbatch
from builders import write_contacts
from segbatch.sql.generate import write_sql


def preview(folder: Path, cells: pa.Array, written: str, **more: Any) -> tuple[tuple[str | int, ...], list[str]]:
    """Return who a rule holds, and the warnings."""
    path = write_contacts(folder / "c.parquet", {"custom_fields": cells})
    report = segbatch.preview(path, rules=[written], **more)
    return report.segments[0].first, [problem.message for problem in report.warnings]


HOMES = pa.map_(
    pa.string(),
    pa.struct([("city", pa.string()), ("a.b", pa.float64()), ("tags", pa.list_(pa.string()))]),
)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("home.city eq Bonn", ("a",)),
        ("home.city neq Bonn", ("b", "c", "d")),
        ("home.city empty", ("b", "c", "d")),
        ("home.a.b gt 1", ("a",)),
        ("home.tags contains x", ("a",)),
        ("home exists", ("a",)),
        ("home.old.city eq Kiel", ("d",)),
    ],
)
def test_a_path_goes_on_in_a_struct_that_is_a_value_of_a_map(
    tmp_path: Path, written: str, expected: tuple[str, ...]
) -> None:
    bonn, kiel = {"city": "Bonn", "a.b": 1.5, "tags": ["x"]}, {"city": "Kiel", "a.b": math.nan, "tags": None}
    cells = pa.array([[("home", bonn)], [], None, [("home", None), ("home.old", kiel)]], HOMES)
    assert preview(tmp_path, cells, f"custom_fields.{written}") == (expected, [])
    sql = write_sql(None, tmp_path / "c.parquet", rules=[f"custom_fields.{written}"])
    assert tuple(row[0] for row in duckdb.execute(sql).fetchall()) == expected


def test_a_missing_path_into_a_struct_of_a_map_gives_a_warning(tmp_path: Path) -> None:
    cells = pa.array([[("home", {"city": "Bonn"})]], HOMES)
    [warning] = preview(tmp_path, cells, "custom_fields.home.town eq Bonn")[1]
    assert warning.startswith("'custom_fields.home' has no 'town' in this snapshot")
    [warning] = preview(tmp_path, cells, "custom_fields.home.tags.x eq y")[1]
    assert warning == (
        "'custom_fields.home.tags' is a list of text, and no path leads into a list, so it is missing for every contact"
    )


def test_a_path_goes_on_in_a_map_inside_of_a_column(tmp_path: Path) -> None:
    inner = pa.map_(pa.string(), pa.string())
    for kind, cell in (
        (pa.map_(pa.string(), inner), [("m", [("k", "v")])]),
        (pa.struct([("m", inner)]), {"m": [("k", "v")]}),
    ):
        cells = pa.array([cell, None], kind)
        assert preview(tmp_path, cells, "custom_fields.m.k eq v") == (("a",), [])
        assert preview(tmp_path, cells, "custom_fields.m exists") == (("a",), [])
        assert by_sql(tmp_path, "custom_fields.m.k neq v") == ("b",)


def test_a_list_that_is_a_value_of_a_map_is_compared_as_a_list(tmp_path: Path) -> None:
    cells = pa.array([[("l", ["x"])], [("l", [])], []], pa.map_(pa.string(), pa.list_(pa.string())))
    assert preview(tmp_path, cells, "custom_fields.l contains x") == (("a",), [])


@pytest.mark.parametrize("stored", [pa.string(), pa.large_string()])
def test_json_texts_in_a_dictionary_are_read_as_json(tmp_path: Path, stored: pa.DataType) -> None:
    cells = pa.array(['{"plan":"pro"}', '{"plan":"free"}', None, '{"plan":"pro"}', "{"], stored).dictionary_encode()
    found, [warning] = preview(tmp_path, cells, "custom_fields.plan eq pro")
    assert found == ("a", "d")
    assert warning.startswith(
        "'custom_fields' of 1 contact is not a JSON object and counts as missing; the first is that of 'e'"
    )


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        (pa.array([b'\xff{"plan":"pro"}']), "bytes"),
        (pa.array([1]), "a number (Int64)"),
        (pa.array([[{"key": "plan"}]]), "a list of structs"),
        (pa.array([[(1, "pro")]], pa.map_(pa.int64(), pa.string())), "a map of numbers (Int64) to text"),
    ],
)
def test_custom_fields_in_a_form_that_is_not_read_give_a_warning(tmp_path: Path, cells: pa.Array, words: str) -> None:
    found, warnings = preview(tmp_path, cells, "custom_fields.plan eq pro")
    assert found == ()
    forms = "paths can lead into a struct, JSON texts, or a map with text keys; export it as one of these"
    assert warnings == [f"'custom_fields' is {words}, and so 'plan' in it is missing for every contact; {forms}"]


def by_sql(folder: Path, written: str) -> tuple[str, ...]:
    sql = write_sql(None, folder / "c.parquet", rules=[written])
    return tuple(row[0] for row in duckdb.execute(sql).fetchall())


def test_a_trailing_comma_is_not_json_unless_it_is_inside_a_text(tmp_path: Path) -> None:
    texts = ['{"a": [1, "x"]}', '{"a": 1,}', '{"a": ",}"}', '{"a": [1,\n]}', '{"a": {"b": ",]"}}', '{"a": "\\",}"}']
    found, [warning, mixed] = preview(tmp_path, pa.array(texts), "custom_fields.a exists")
    assert found == by_sql(tmp_path, "custom_fields.a exists") == ("a", "c", "e", "f")
    assert warning.startswith(
        "'custom_fields' of 2 contacts is not a JSON object and counts as missing; the first is that of 'b'"
    )
    assert mixed == (
        "'custom_fields.a' holds lists for 1 contact, objects for 1 contact and texts for 2 contacts, "
        "and all are read as text"
    )


@pytest.mark.parametrize(
    "cells",
    [
        pa.array(['{"a": "1", "a": "2"}']),
        pa.array([[("a", "1"), ("a", "2")]], pa.map_(pa.string(), pa.string())),
    ],
)
def test_of_a_key_that_is_there_twice_the_first_counts(tmp_path: Path, cells: pa.Array) -> None:
    assert preview(tmp_path, cells, "custom_fields.a eq 1") == (("a",), [])
    assert preview(tmp_path, cells, "custom_fields.a eq 2") == ((), [])
    assert by_sql(tmp_path, "custom_fields.a eq 1") == ("a",)
    assert by_sql(tmp_path, "custom_fields.a eq 2") == ()


def test_a_number_of_json_that_no_double_can_hold_is_infinite(tmp_path: Path) -> None:
    cells = pa.array(['{"a": 1e400}', '{"a": 1}', '{"b": "1e400"}'])
    assert preview(tmp_path, cells, "custom_fields.a gt 1") == (("a",), [])
    assert by_sql(tmp_path, "custom_fields.a gt 1") == ("a",)
    assert preview(tmp_path, cells, "custom_fields.b gt 1") == ((), [])
