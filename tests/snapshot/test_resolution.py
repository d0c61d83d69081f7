"""Fields that only the data shows: JSON wherever it is, records of keys and values, several places, and odd names."""

import json
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import segbatch
from builders import write_contacts
from segbatch import DefinitionError, SnapshotError, UsageError
from segbatch.authoring.preview import PreviewReport
from segbatch.errors import Problem
from segbatch.sql.generate import write_sql

Ids = tuple[str | int, ...]
Rule = tuple[str, str, Any]


def ask(path: Path, rule: Rule, **more: Any) -> PreviewReport:
    field, operator, value = rule
    definition = {"name": "S", "rules": [{"field": field, "operator": operator, "value": value}]}
    file = path.with_suffix(".json")
    file.write_text(json.dumps(definition))
    return segbatch.preview(path, file, **more)


def found(path: Path, rule: Rule, **more: Any) -> Ids:
    """Return the contacts of a rule, after checking that DuckDB finds the same ones."""
    members = ask(path, rule, **more).segments[0].first
    sql = write_sql(str(path.with_suffix(".json")), path, **more)
    assert tuple(row[0] for row in duckdb.execute(sql).fetchall()) == members, sql
    return members


def texts(*cells: Any) -> list[str | None]:
    return [cell if cell is None or isinstance(cell, str) else json.dumps(cell) for cell in cells]


def contacts(folder: Path, **columns: Any) -> Path:
    return write_contacts(folder / "c.parquet", columns)


def warned(report: PreviewReport) -> list[str]:
    return [problem.message for problem in report.warnings]


BIG = 10**40 + 7


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (("p.id", "eq", 12345678901234567891), ("b",)),
        (("p.id", "eq", "12345678901234567890"), ("a",)),
        (("p.id", "neq", 12345678901234567891), ("a", "c", "d", "e", "f")),
        (("p.id", "in", [12345678901234567891, 0.5]), ("b", "c")),
        (("p.id", "in", [*range(20), 12345678901234567890, 0.5, BIG]), ("a", "c", "d")),
        (("p.id", "gt", 12345678901234567890), ("b", "d")),
        (("p.id", "gte", 12345678901234567890), ("a", "b", "d")),
        (("p.id", "lt", 1), ("c", "e")),
        (("p.id", "lte", -BIG), ("e",)),
        (("p.id", "lt", -BIG), ()),
        (("p.id", "gt", -BIG), ("a", "b", "c", "d")),
        (("p.id", "gt", BIG - 1), ("d",)),
        (("p.id", "lt", BIG + 1), ("a", "b", "c", "d", "e")),
        (("p.id", "eq", BIG), ("d",)),
        (("p.id", "eq", str(BIG)), ("d",)),
        (("p.id", "eq", BIG + 1), ()),
        (("p.id", "between", [12345678901234567890, BIG]), ("a", "b", "d")),
        (("p.id", "gt", 0.4), ("a", "b", "c", "d")),
        (("p.id", "eq", 0.5), ("c",)),
        (("p.id", "exists", None), ("a", "b", "c", "d", "e")),
        (("p.ids", "contains", BIG), ("a",)),
        (("p.ids", "contains", 2**64 + 1), ("b",)),
        (("p.ids", "contains", 2**64), ()),
        (("p.n", "eq", 2**53 + 1), ("b",)),
        (("p.n", "gt", 2**53), ("b",)),
        (("p.e", "eq", 1000), ("a", "b")),
        (("p.e", "gte", 1000.5), ("c", "d")),
        (("p.e", "eq", 9007199254740993), ()),
        (("p.e", "gt", 9007199254740993), ("c",)),
        (("p.e", "lt", 9007199254740993), ("a", "b", "d")),
    ],
)
def test_whole_numbers_of_json_are_exact_at_any_length(tmp_path: Path, rule: Rule, expected: Ids) -> None:
    cells = [
        f'{{"id": 12345678901234567890, "ids": [{BIG}, 1], "n": {2**53}, "e": 1e3}}',
        f'{{"id": 12345678901234567891, "ids": {2**64 + 1}, "n": {2**53 + 1}, "e": 1000}}',
        '{"id": 0.5, "n": 1.5, "e": 1E400}',
        f'{{"id": {BIG}, "e": 9007199254740992.0}}',
        f'{{"id": -{BIG}}}',
        '{"id": null}',
    ]
    # "e" holds a whole number too long for a double, so that all is compared exactly
    cells[4] = cells[4].removesuffix("}") + ', "e": -9007199254740993}' if rule[0] == "p.e" else cells[4]
    expected = (*expected, "e") if rule == ("p.e", "lt", 9007199254740993) else expected
    assert found(contacts(tmp_path, p=cells), rule) == expected


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (("p.tags", "eq", "red"), ("a", "c")),
        (("p.tags", "neq", "red"), ("b", "d", "e")),
        (("p.tags", "contains", "blue"), ("a", "b")),
        (("p.tags", "exists", None), ("a", "b", "c")),
        (("p.flags", "contains", True), ("a", "b")),
        (("p.scores", "contains", 2), ("a", "b")),
        (("p.mixed", "eq", "1"), ("a",)),
        (("p.mixed", "contains", "x"), ("b", "c")),
        (("p.mixed.x", "eq", 1), ("c",)),
    ],
)
def test_a_key_that_is_a_list_for_some_contacts_is_a_list(tmp_path: Path, rule: Rule, expected: Ids) -> None:
    cells = texts(
        {"tags": ["red", "blue"], "flags": [True], "scores": [1, 2], "mixed": 1},
        {"tags": ["blue"], "flags": True, "scores": 2, "mixed": "x"},
        {"tags": "red", "flags": False, "mixed": {"x": 1}},
        {"tags": None},
        None,
    )
    assert found(contacts(tmp_path, p=cells), rule) == expected


@pytest.mark.parametrize(
    ("field", "warning"),
    [
        ("p.a", "'p.a' holds numbers for 1 contact, texts for 1 contact and true or false for 1 contact"),
        ("p.b", "the elements of 'p.b' are numbers for 2 contacts and texts for 1 contact"),
        ("p.c", "'p.c' holds lists for 1 contact and objects for 1 contact"),
    ],
)
def test_other_mixtures_are_text_with_a_warning_that_counts(tmp_path: Path, field: str, warning: str) -> None:
    cells = texts({"a": 1, "b": [1, "x"], "c": [1]}, {"a": "x", "b": 2, "c": {}}, {"a": True})
    path = contacts(tmp_path, p=cells)
    assert warned(ask(path, (field, "exists", None))) == [f"{warning}, and all are read as text"]
    with pytest.raises(DefinitionError, match="all are read as text"):
        ask(path, (field, "exists", None), strict=True)


@pytest.mark.parametrize("form", ["json", "struct"])
@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (("p.home.city", "eq", "Oslo"), ("a",)),
        (("p.home.city", "neq", "Oslo"), ("b", "c", "d")),
        (("p.home.city", "eq", "x"), ("c",)),
        (("p.home.city", "in", ["Bergen", "x"]), ("b", "c")),
        (("p.a.b.c", "eq", 1), ("a",)),
        (("p.a.b.c", "eq", 2), ("b",)),
        (("p.a.b.c", "eq", 3), ("c",)),
        (("p.a.b.c", "gte", 2), ("b", "c")),
    ],
)
def test_a_dotted_key_and_a_path_count_contact_by_contact(tmp_path: Path, form: str, rule: Rule, expected: Ids) -> None:
    rows = [
        {"home": {"city": "Oslo"}, "a": {"b": {"c": 1}}},
        {"home": {"city": "Bergen"}, "a.b": {"c": 2}},
        {"home.city": "x", "home": {"city": "Oslo"}, "a": {"b.c": 3, "b": {"c": 9}}},
        {"home": None},
    ]
    cells = texts(*rows) if form == "json" else pa.array(rows)
    assert found(contacts(tmp_path, p=cells), rule) == expected


RECORD = pa.struct([("key", pa.string()), ("value", pa.string())])
TYPED = pa.struct([("string_value", pa.string()), ("int_value", pa.int64()), ("double_value", pa.float64())])


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (("up.plan", "eq", "pro"), ("a",)),
        (("up.plan", "neq", "pro"), ("b", "c", "d")),
        (("up.plan", "exists", None), ("a", "b")),
        (("up.home.city", "eq", "Oslo"), ("b",)),
        (("up.info.level", "eq", 3), ("a",)),
        (("ga.plan", "eq", "pro"), ("a",)),
        (("ga.seats", "gt", 4), ("a",)),
        (("ga.seats", "eq", 4), ("b",)),
        (("ga.plan.string_value", "eq", "pro"), ("a",)),
        (("ga.plan.int_value", "exists", None), ()),
    ],
)
def test_records_of_keys_and_values_read_like_a_map(tmp_path: Path, rule: Rule, expected: Ids) -> None:
    def typed(**values: Any) -> dict[str, Any]:
        return {"string_value": None, "int_value": None, "double_value": None, **values}

    up = [
        [{"key": "plan", "value": "pro"}, {"key": "plan", "value": "free"}, {"key": "info", "value": '{"level": 3}'}],
        [{"key": "home.city", "value": "Oslo"}, {"key": "plan", "value": "free"}, {"key": None, "value": "x"}],
        [],
        None,
    ]
    ga = [
        [{"key": "plan", "value": typed(string_value="pro")}, {"key": "seats", "value": typed(double_value=4.5)}],
        [{"key": "seats", "value": typed(int_value=4)}],
        [],
        None,
    ]
    path = contacts(
        tmp_path,
        up=pa.array(up, pa.list_(RECORD)),
        ga=pa.array(ga, pa.list_(pa.struct([("key", pa.string()), ("value", TYPED)]))),
    )
    assert found(path, rule) == expected


def test_a_text_inside_of_a_struct_or_a_map_is_read_as_json(tmp_path: Path) -> None:
    path = contacts(
        tmp_path,
        s=pa.array([{"body": '{"plan": "pro", "n": [1]}', "x": 1}, {"body": "{", "x": 2}, None]),
        m=pa.array([[("body", '{"plan": "pro"}')], [], None], pa.map_(pa.string(), pa.string())),
    )
    assert found(path, ("s.body.plan", "eq", "pro")) == ("a",)
    assert found(path, ("s.body.n", "contains", 1)) == ("a",)
    assert found(path, ("s.body", "eq", "{")) == ("b",)
    assert found(path, ("m.body.plan", "eq", "pro")) == ("a",)
    [warning] = warned(ask(path, ("s.body.plan", "exists", None)))
    assert warning.startswith(
        "'s.body' of 1 contact is not a JSON object and counts as missing; the first is that of 'b' in row 2"
    )


def test_a_path_into_texts_that_are_not_json_warns_of_the_rule_alone(tmp_path: Path) -> None:
    path = contacts(tmp_path, status=["active", "new"])
    report = ask(path, ("status.plan", "empty", None))
    assert report.segments[0].members == 2
    assert warned(report) == [
        "'status' is text, and none of its texts is a JSON object with 'plan' in it, so it is missing for every contact"
    ]
    with pytest.raises(DefinitionError, match="none of its texts is a JSON object"):
        ask(path, ("status.plan", "empty", None), strict=True)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (("tags", "contains", "vip"), ("a", "b")),
        (("tags", "exists", None), ("a", "b", "c")),
        (("tags", "empty", None), ("d", "e")),
        (("tags", "blank", None), ("c", "d", "e")),
        (("score", "gt", 10), ("b",)),
        (("score", "eq", 7), ("a",)),
        (("text", "starts_with", "a"), ("a",)),
        (("flag", "eq", True), ("a",)),
    ],
)
def test_arrays_and_scalars_in_a_column_that_the_file_calls_json(tmp_path: Path, rule: Rule, expected: Ids) -> None:
    def column(*cells: str | None) -> pa.Array:
        return pa.ExtensionArray.from_storage(pa.json_(), pa.array(cells))

    path = contacts(
        tmp_path,
        tags=column('["vip", "x"]', '"vip"', "[]", "null", None),
        score=column("7", "12.5", None, None, None),
        text=column('"ab"', '"b"', '""', None, None),
        flag=column("true", "false", None, None, None),
    )
    assert found(path, rule) == expected


ODD = ("*", "^id$", "^.*$", "a b", 'q"q', "it's", "b\\s", "l\ne", "ü", "0", "it", "entry", "id", "~", "/", "$")


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize(
    "place", ["column", "json", *(pytest.param(place, marks=pytest.mark.slow) for place in ("struct", "map", "pairs"))]
)
def test_any_name_is_read_literally(tmp_path: Path, place: str, name: str) -> None:
    names = [one for one in ODD if place != "column" or one != "id"]
    if name not in names:
        pytest.skip("the ids are called so")
    rows = [{one: f"{one}{row}" for one in names} for row in range(3)]
    columns: dict[str, Any] = {
        "column": {one: [row[one] for row in rows] for one in names},
        "struct": {"p": pa.array(rows)},
        "json": {"p": texts(*rows)},
        "map": {"p": pa.array([list(row.items()) for row in rows], pa.map_(pa.string(), pa.string()))},
        "pairs": {"p": pa.array([[{"key": k, "value": v} for k, v in row.items()] for row in rows])},
    }[place]
    field = name if place == "column" else f"p.{name}"
    path = contacts(tmp_path, **columns)
    assert found(path, (field, "eq", f"{name}1")) == ("b",)
    assert segbatch.explain(path, tmp_path / "c.json", "b").member
    assert segbatch.funnel(path, tmp_path / "c.json").members == 1
    assert not segbatch.lint(tmp_path / "c.json", path).errors


@pytest.mark.parametrize("place", ["struct", "json", "map"])
def test_keys_that_differ_by_case_alone_are_two(tmp_path: Path, place: str) -> None:
    rows = [{"plan": "pro", "Plan": "x"}, {"plan": "x", "Plan": "pro"}]
    cells: dict[str, Any] = {
        "struct": pa.array(rows),
        "json": texts(*rows),
        "map": pa.array([list(row.items()) for row in rows], pa.map_(pa.string(), pa.string())),
    }
    path = contacts(tmp_path, p=cells[place])
    for field, expected in (("p.plan", "a"), ("p.Plan", "b")):
        assert ask(path, (field, "eq", "pro")).segments[0].first == (expected,)


def test_a_column_that_differs_by_case_alone_is_meant_with_one_note(tmp_path: Path) -> None:
    path = contacts(tmp_path, STATUS=["active", "new"], CUSTOM_FIELDS=texts({"plan": "pro"}, {"Plan": "pro"}))
    report = ask(path, ("status", "eq", "active"), strict=True)
    assert (report.segments[0].first, report.warnings) == (("a",), ())
    assert report.notes == (
        Problem("'status' is read from the column 'STATUS', whose name differs only in case", severity="note"),
    )
    assert found(path, ("custom_fields.plan", "eq", "pro")) == ("a",)
    assert found(path, ("custom_fields", "exists", None)) == ("a", "b")
    twins = contacts(tmp_path, Ab=["x", "y"], aB=["x", "y"])
    with pytest.raises(DefinitionError, match="both 'Ab' and 'aB' differ from it only in case; name one of them"):
        ask(twins, ("ab", "eq", "x"))


def test_the_id_column_too_may_differ_by_case_alone(tmp_path: Path) -> None:
    path = tmp_path / "c.parquet"
    pq.write_table(pa.table({"ID": ["a", "b"], "x": [1, 2]}), path)
    report = ask(path, ("x", "eq", 2))
    assert report.segments[0].first == ("b",)
    assert [note.message for note in report.notes] == [
        "'id' is read from the column 'ID', whose name differs only in case"
    ]


@pytest.mark.parametrize("name", ["properties", "PROPERTIES"])
def test_the_column_of_custom_fields_may_be_called_otherwise(tmp_path: Path, name: str) -> None:
    path = contacts(tmp_path, properties=texts({"plan": "pro"}, {"plan": "free"}, "{"))
    assert found(path, ("custom_fields.plan", "eq", "pro"), custom_fields=name) == ("a",)
    assert found(path, ("custom_fields", "exists", None), custom_fields=name) == ("a", "b")
    assert found(path, ("properties.plan", "eq", "free"), custom_fields=name) == ("b",)
    report = segbatch.run(path, tmp_path / "c.json", tmp_path / "out", custom_fields=name)
    exported = segbatch.export("c", tmp_path / "x.csv", tmp_path / "out", columns=["custom_fields.plan"])
    assert (report.segments[0].member_count, exported.rows) == (1, 1)
    assert (tmp_path / "x.csv").read_text().splitlines()[1] == '"b","free"'


def test_a_column_of_custom_fields_that_cannot_be_is_refused(tmp_path: Path) -> None:
    path = contacts(tmp_path, properties=["{}"], custom_fields=["{}"])
    with pytest.raises(SnapshotError, match=r"no column 'propertes'; did you mean 'properties'.*--custom-fields"):
        ask(path, ("custom_fields.plan", "exists", None), custom_fields="propertes")
    with pytest.raises(
        SnapshotError, match="has a column 'custom_fields' and a column 'properties'; rules can use both"
    ):
        ask(path, ("custom_fields.plan", "exists", None), custom_fields="properties")


def test_numbers_of_any_length_are_explained_and_exported(tmp_path: Path) -> None:
    path = contacts(tmp_path, custom_fields=texts({"id": BIG, "l": [BIG, 0.5]}, {"id": 1.5}, {"id": 2}))
    ask(path, ("custom_fields.id", "gt", 1))
    verdict = segbatch.explain(path, tmp_path / "c.json", "a").verdicts[0]
    assert str(BIG)[:20] in verdict.why
    segbatch.run(path, tmp_path / "c.json", tmp_path / "out")
    columns = ["custom_fields.id", "custom_fields.l"]
    segbatch.export("c", tmp_path / "x.csv", tmp_path / "out", columns=columns)
    assert str(BIG) in (tmp_path / "x.csv").read_text()


def test_other_dialects_refuse_what_they_cannot_say(tmp_path: Path) -> None:
    path = contacts(tmp_path, p=texts({"id": BIG}, {"id": 0.5}), r=pa.array([[{"key": "k", "value": "v"}], []]))
    ask(path, ("p.id", "gt", 1))
    with pytest.raises(DefinitionError, match="a path into JSON texts is not supported for bigquery"):
        write_sql(str(tmp_path / "c.json"), path, dialect="bigquery", table="t")
    with pytest.raises(DefinitionError, match="a number of any length may mean something else in postgres"):
        write_sql(str(tmp_path / "c.json"), path, dialect="postgres", table="t")
    ask(path, ("r.k", "eq", "v"))
    with pytest.raises(DefinitionError, match="records"):
        write_sql(str(tmp_path / "c.json"), path, dialect="spark", table="t")
    with pytest.raises(UsageError):
        write_sql(str(tmp_path / "c.json"), path, dialect="spark")


def test_a_map_with_ten_thousand_keys_and_ten_thousand_json_keys_is_read(tmp_path: Path) -> None:
    row = {f"k{number}": number for number in range(10_000)}
    path = contacts(tmp_path, p=texts(row, {}))
    assert found(path, ("p.k9999", "eq", 9999)) == ("a",)
