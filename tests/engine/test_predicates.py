"""Predicates that are evaluated once per distinct text have the results of those that are evaluated per contact."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pytest

import segbatch
from builders import rule, write_contacts, write_segment
from segbatch.compiler.conditions import numbers_in
from segbatch.compiler.prepare import EvaluationOptions, PreparedEvaluation, prepare
from segbatch.definitions.loader import load_definitions
from segbatch.engine.local import LocalEngine, text_sources
from segbatch.errors import EvaluationError

VALUES = ["pro", "PRO", "free", "", " ", " 12 ", "12.5", "-3", "nan", "inf", "true", "é", "É", "a.b", "%", None]
MANY = [f"v{number}" for number in range(20)]
RULES: list[dict[str, Any]] = [
    *(rule("f", operator, "pro") for operator in ("eq", "neq", "gt", "lt", "gte", "lte", "starts_with", "ends_with")),
    *(rule("f", operator, 12) for operator in ("eq", "neq", "gt", "lt", "gte", "lte")),
    *(rule("f", operator) for operator in ("exists", "empty", "blank", "not_blank")),
    *(
        rule("f", operator, part)
        for operator in ("contains", "not_contains")
        for part in ("r", "É", ".", "", "tr", "2.5")
    ),
    *(rule("f", "eq", text, ignore_case=True) for text in ("Pro", "É", "TRUE")),
    *(rule("f", operator, "R", ignore_case=True) for operator in ("contains", "not_contains", "ends_with")),
    *(rule("f", "contains", part, ignore_case=True) for part in ("PR", "é", "nan", "F")),
    *(rule("f", "contains", "r", missing=policy) for policy in ("include", "exclude")),
    *(rule("f", "matches", pattern, ignore_case=case) for pattern in ("^p.o$", r"\d", "É") for case in (False, True)),
    *(rule("f", operator, ["pro", 12.5, True]) for operator in ("in", "not_in")),
    *(rule("f", operator, [*MANY, "free", -3]) for operator in ("in", "not_in")),
    *(rule("f", "between", bounds) for bounds in (["a", "pro"], [-5, 12])),
    *(rule("f", "eq", "pro", missing=policy) for policy in ("include", "exclude")),
    *(rule("f", "neq", "pro", missing=policy) for policy in ("include", "exclude")),
]


def ready(folder: Path, column: pa.Array, field: str, **options: Any) -> PreparedEvaluation:
    """Prepare one segment per rule over a file with one column."""
    name = field.split(".", maxsplit=1)[0]
    ids = pa.array([str(number) for number in range(len(column))])
    write_contacts(folder / "contacts.parquet", {"id": ids, name: column}, **options)
    for number, written in enumerate(RULES):
        write_segment(folder / "segments", f"s{number:02}", written | {"field": field})
    as_of = datetime(2025, 6, 1, tzinfo=UTC)
    prepared = prepare(
        EvaluationOptions(folder / "contacts.parquet", as_of=as_of), load_definitions(folder / "segments")
    )
    assert not prepared.errors
    return prepared


def members(prepared: PreparedEvaluation) -> dict[str, list[bool]]:
    batches = LocalEngine().evaluate(prepared.plan, prepared.snapshot)
    return pl.concat([batch.frame for batch in batches]).to_dict(as_series=False)


def encoded(prepared: PreparedEvaluation) -> list[set[str]]:
    plan = prepared.plan
    return [set(batch.texts) for batch in prepared.snapshot.batches(plan.leaves, 65_536, text_sources(plan))]


@pytest.mark.parametrize("field", ["f", "home.city.f"])
def test_every_rule_on_texts_has_the_same_members_with_and_without_a_dictionary(tmp_path: Path, field: str) -> None:
    column = pa.array(VALUES * 9)
    for name in reversed(field.split(".")[1:]):
        column = pa.StructArray.from_arrays(
            [column], [name], mask=pa.array([row % 7 == 3 for row in range(len(column))])
        )
    with_dictionary = ready(tmp_path / "with", column, field)
    without = ready(tmp_path / "without", column, field, use_dictionary=False)
    assert (encoded(with_dictionary), encoded(without)) == ([{field}], [set()])
    found, expected = members(with_dictionary), members(without)
    assert found == expected
    differ = sum(0 < sum(column) < len(column) for column in found.values())
    assert differ > len(RULES) * 0.8


@pytest.mark.parametrize("form", ["json", "map"])
@pytest.mark.parametrize("repeated", [True, False])
def test_fields_in_json_and_maps_have_the_same_members_with_and_without_a_dictionary(
    tmp_path: Path, form: str, *, repeated: bool
) -> None:
    values = VALUES * 40 if repeated else [*VALUES, *(f"text {number}" for number in range(1_000))]
    rows = [None if number % 7 == 3 else {"f": value} for number, value in enumerate(values)]
    cells: Any = [row and json.dumps(row) for row in rows]
    if form == "map":
        cells = pa.array([row and list(row.items()) for row in rows], pa.map_(pa.string(), pa.string()))
    struct = ready(tmp_path / "struct", pa.array(rows), "custom_fields.f", use_dictionary=False)
    other = ready(tmp_path / "other", pa.array(cells), "custom_fields.f")
    assert encoded(other) == [{"custom_fields.f"} if repeated else set()]
    assert members(other) == members(struct)


@pytest.mark.parametrize("form", [pa.large_string(), pa.string_view(), pa.dictionary(pa.int8(), pa.string())])
def test_the_layout_in_the_file_changes_no_member(tmp_path: Path, form: pa.DataType) -> None:
    plain = ready(tmp_path / "plain", pa.array(VALUES), "f", use_dictionary=False)
    other = ready(tmp_path / "other", pa.array(VALUES).cast(form), "f")
    assert encoded(other) == [{"f"}]
    assert members(other) == members(plain)


def test_a_file_without_contacts_has_no_members(tmp_path: Path) -> None:
    write_contacts(tmp_path / "contacts.parquet", {"f": pa.array([], pa.string())})
    write_segment(tmp_path / "segments", "one", rule("f", "eq", "a"))
    report = segbatch.run(
        tmp_path / "contacts.parquet", tmp_path / "segments", tmp_path / "output", dry_run=True, allow_empty=True
    )
    assert (report.run.contacts, report.run.memberships) == (0, 0)


def test_a_column_that_another_predicate_reads_too_is_not_encoded(tmp_path: Path) -> None:
    plan = ready(tmp_path, pa.array(VALUES), "f").plan
    assert text_sources(plan) == {"f": len(plan.predicates)}
    object.__setattr__(plan, "sources", {number: path for number, path in plan.sources.items() if number != 3})
    assert text_sources(plan) == {}


def test_a_column_whose_name_may_be_a_pattern_is_not_encoded(tmp_path: Path) -> None:
    plan = ready(tmp_path, pa.array(VALUES), "^f$").plan
    assert plan.sources
    assert text_sources(plan) == {}


def test_a_predicate_that_fails_on_distinct_texts_names_its_segment(tmp_path: Path) -> None:
    prepared = ready(tmp_path, pa.array(VALUES), "f")
    predicates = [*prepared.plan.predicates]
    [number] = numbers_in(prepared.plan.segments[2].condition)
    predicates[number] = pl.col("f").cast(pl.Int64)
    object.__setattr__(prepared.plan, "predicates", tuple(predicates))
    with pytest.raises(EvaluationError, match="a rule of segment 's02' cannot be evaluated") as caught:
        members(prepared)
    assert "nan" not in str(caught.value)
