"""UUIDs: a rule may write them in any usual form, at any depth, and SQL means the same."""

from pathlib import Path
from typing import Any
from uuid import UUID

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import segbatch
from builders import rule, segment
from segbatch.errors import DefinitionError
from segbatch.sql.generate import write_sql

ONE = UUID("6f9619ff-8b86-d011-b42d-00c04fc964ff")
TWO = UUID("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11")
FORMS = {
    "canonical": str(ONE),
    "capitals": str(ONE).upper(),
    "without hyphens": ONE.hex,
    "capitals without hyphens": ONE.hex.upper(),
    "braces": f"{{{str(ONE).upper()}}}",
    "URN": ONE.urn,
    "white space": f" {ONE}\n",
}
NOT_UUIDS = (
    "",
    "6f9619ff",
    f"{ONE}0",
    f"{{{ONE}",
    f"{ONE}}}",
    str(ONE).replace("6f", "6g"),
    "+" + ONE.hex[1:],
    7,
    True,
)
ADVICE = "write a UUID like '6f9619ff-8b86-d011-b42d-00c04fc964ff'"


def uuids(*values: UUID | None) -> pa.Array:
    stored = pa.array([value and value.bytes for value in values], pa.binary(16))
    return pa.ExtensionArray.from_storage(pa.uuid(), stored)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Write UUIDs at the top level, in a struct, lists, a map, and records."""
    top = uuids(ONE, TWO, None)
    struct = pa.StructArray.from_arrays([top, pa.ListArray.from_arrays([0, 1, 2, 3], top)], ["in", "l"])
    records = pa.StructArray.from_arrays([pa.array(["k"] * 3), top], ["key", "value"])
    columns = {
        "top": top,
        "s": struct,
        "l": pa.ListArray.from_arrays([0, 1, 2, 3], top),
        "m": pa.MapArray.from_arrays([0, 1, 2, 3], pa.array(["k"] * 3), top),
        "r": pa.ListArray.from_arrays([0, 1, 2, 3], records),
        "a.b": top,
    }
    pq.write_table(pa.table({"id": ["a", "b", "c"], **columns}), tmp_path / "c.parquet")
    return tmp_path / "c.parquet"


def members(path: Path, field: str, operator: str, *value: Any, **more: Any) -> list[str | int]:
    """Return the members of a segment with one rule, which are the same in SQL."""
    wanted = segment(rule(field, operator, *value, **more))
    found = list(segbatch.preview(path, wanted, first=9).segments[0].first)
    assert [row for (row,) in duckdb.execute(write_sql(wanted, path)).fetchall()] == found
    return found


@pytest.mark.parametrize(
    "form", [form if form == "URN" else pytest.param(form, marks=pytest.mark.slow) for form in FORMS]
)
def test_a_uuid_in_any_form_is_found_at_any_depth(path: Path, form: str) -> None:
    value = FORMS[form]
    for field in ("top", "s.in", "m.k", "r.k", "a.b"):
        assert members(path, field, "eq", value) == ["a"]
        assert members(path, field, "neq", value) == ["b", "c"]
        assert members(path, field, "in", [value, str(UUID(int=5))]) == ["a"]
        assert members(path, field, "not_in", [value]) == ["b", "c"]
        assert members(path, field, "eq", value, ignore_case=True) == ["a"]
        assert members(path, field, "in", [value, *(str(UUID(int=number)) for number in range(20))]) == ["a"]
    for field in ("l", "s.l"):
        for operator in ("eq", "contains"):
            assert members(path, field, operator, value) == ["a"]
        assert members(path, field, "not_contains", value) == ["b", "c"]
        assert members(path, field, "contains", value, ignore_case=True) == ["a"]
        assert members(path, field, "in", [value, *(str(UUID(int=number)) for number in range(20))]) == ["a"]


@pytest.mark.parametrize("form", FORMS)
def test_uuids_have_the_order_of_their_text(path: Path, form: str) -> None:
    value = FORMS[form]
    assert members(path, "top", "gt", value) == ["b"]
    assert members(path, "s.in", "gte", value) == ["a", "b"]
    assert members(path, "m.k", "lt", value) == []
    assert members(path, "top", "between", [value, str(TWO).upper()]) == ["a", "b"]
    with pytest.raises(DefinitionError, match="the low value is above the high one"):
        members(path, "top", "between", [str(TWO), value])


@pytest.mark.parametrize("field", ["top", "s.in", "m.k"])
def test_parts_of_uuids_have_no_case(path: Path, field: str) -> None:
    for operator, value in (
        ("contains", "8B86-D011"),
        ("contains", FORMS["braces"]),
        ("starts_with", "6F96"),
        ("starts_with", FORMS["capitals without hyphens"]),
        ("ends_with", "64FF"),
        ("matches", "^6F.*[A-F]$"),
        ("contains", 9619),
    ):
        assert members(path, field, operator, value) == ["a"]
    assert members(path, field, "not_contains", "8B86-D011") == ["b", "c"]
    assert members(path, field, "not_blank") == members(path, field, "exists") == ["a", "b"]


@pytest.mark.parametrize("value", NOT_UUIDS)
@pytest.mark.parametrize(("field", "words"), [("top", "UUID"), ("s.in", "UUID"), ("l", "list of UUID")])
def test_a_value_that_is_not_a_uuid_is_an_error_of_the_rule(path: Path, field: str, words: str, value: Any) -> None:
    said = {True: "true", 7: "7"}.get(value, repr(value))
    message = rf"value: {said} cannot be compared with '{field}' \({words}\): {ADVICE}".replace("+", r"\+")
    message = message.replace("{", r"\{").replace("}", r"\}")
    for operator in ("eq", "neq"):
        with pytest.raises(DefinitionError, match=message):
            members(path, field, operator, value)
    with pytest.raises(DefinitionError, match=r"value\[1\]"):
        members(path, field, "in", [str(ONE), value])


def test_true_is_not_a_part_of_a_uuid(path: Path) -> None:
    with pytest.raises(DefinitionError, match="write a text"):
        members(path, "top", "contains", True)  # noqa: FBT003 - the value of a rule


def test_no_path_leads_into_a_uuid(path: Path) -> None:
    report = segbatch.preview(path, segment(rule("top.x", "exists")))
    assert report.segments[0].members == 0
    assert "'top' is a UUID and has no 'x' in it" in str(report.warnings[0])


def test_a_map_whose_keys_are_uuids_has_paths(tmp_path: Path) -> None:
    cells = pa.MapArray.from_arrays([0, 1, 2], uuids(ONE, TWO), pa.array(["pro", "free"]))
    pq.write_table(pa.table({"id": ["a", "b"], "m": cells}), tmp_path / "c.parquet")
    assert members(tmp_path / "c.parquet", f"m.{ONE}", "eq", "pro") == ["a"]


def test_explain_shows_uuids_in_one_form(path: Path) -> None:
    found = segbatch.explain(path, segment(rule("top", "eq", FORMS["braces"])), "b")
    assert found.verdicts[0].why == f"'{TWO}' is not '{ONE}'"


def test_two_forms_of_one_uuid_do_not_contradict_each_other(path: Path, tmp_path: Path) -> None:
    both = segment(rule("top", "eq", FORMS["capitals"]), rule("top", "eq", FORMS["braces"]))
    others = segment(rule("top", "eq", FORMS["capitals"]), rule("top", "eq", str(TWO)), id="t")
    assert segbatch.preview(path, both).segments[0].members == 1
    folder = tmp_path / "segments"
    folder.mkdir()
    for number, definition in enumerate((both, others)):
        (folder / f"{number}.json").write_text(definition.model_dump_json(exclude_unset=True))
    assert not [found for found in segbatch.lint(folder).findings if found.name == "contradiction"]
    found = segbatch.lint(folder, path).findings
    assert [one.problem.file for one in found if one.name == "contradiction"] == [str(folder / "1.json")]


def test_uuids_are_texts_if_another_file_has_texts(tmp_path: Path) -> None:
    pq.write_table(pa.table({"id": ["a"], "u": uuids(ONE)}), tmp_path / "a.parquet")
    pq.write_table(pa.table({"id": ["b"], "u": [str(ONE).upper()]}), tmp_path / "b.parquet")
    found = segbatch.preview(tmp_path, segment(rule("u", "eq", str(ONE))), first=9).segments[0].first
    assert found == ("a",)
