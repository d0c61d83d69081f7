"""Predicates that Polars rejects: one segment fails, with one message and no traceback."""

from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

import segbatch
from builders import rule, write_contacts, write_segment
from segbatch.compiler import rule_planner
from segbatch.compiler.predicates import CompiledRule, compile_rule
from segbatch.errors import EvaluationError
from segbatch.model.rule import Rule

FAULT = "one of its rules cannot be evaluated, which is a bug in segbatch; please report it with the rule"


def spoil(monkeypatch: pytest.MonkeyPatch, spoilt: pl.Expr) -> None:
    """Let every rule about `status` become an expression that is wrong."""

    def compiled(one: Rule, *more: object) -> CompiledRule:
        right = compile_rule(one, *more)  # type: ignore[arg-type]
        return replace(right, predicate=spoilt) if one.field == "status" else right

    monkeypatch.setattr(rule_planner, "compile_rule", compiled)


@pytest.fixture
def snapshot(tmp_path: Path) -> Path:
    write_segment(
        tmp_path / "segments", "bad", rule("status", "eq", "active"), {"match": "any", "rules": [rule("n", "eq", 1)]}
    )
    write_segment(tmp_path / "segments", "good", rule("n", "eq", 1))
    write_segment(tmp_path / "segments", "named", {"operator": "in_segment", "value": "bad"})
    return write_contacts(tmp_path / "contacts.parquet", {"status": ["active", "secret"], "n": [1, 2]})


def test_a_rejected_predicate_fails_only_its_segment_and_its_users(
    snapshot: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil(monkeypatch, pl.col("status").struct.field("nope"))
    report = segbatch.run(snapshot, snapshot.parent / "segments", snapshot.parent / "output")
    bad, good, named = report.segments
    assert (good.status, good.member_count) == ("ok", 1)
    assert bad.error is not None
    assert f"bad.json: $.rules: {FAULT} (" in bad.error
    assert named.error is not None
    assert FAULT in named.error


def test_an_evaluation_error_is_one_line_without_contact_data(snapshot: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spoil(monkeypatch, pl.col("status").cast(pl.Int64) == 1)
    with pytest.raises(EvaluationError) as told:
        segbatch.run(snapshot, snapshot.parent / "segments", snapshot.parent / "output")
    assert str(told.value) == (
        "a rule of segment 'bad' cannot be evaluated over these contacts, which is a bug in segbatch; please report "
        "it with the rule, and exclude the segment until then"
    )
    assert isinstance(told.value.__cause__, pl.exceptions.PolarsError)


def test_the_empty_frame_has_the_types_of_the_snapshot(tmp_path: Path) -> None:
    write_contacts(tmp_path / "1.parquet", {"custom_fields": ['{"a": {"b": 1}}'], "n": [None]})
    write_contacts(tmp_path / "2.parquet", {"custom_fields": ["{}"], "n": [1], "id": ["b"]})
    write_segment(tmp_path / "segments", "s", rule("custom_fields.a.b", "eq", 1), rule("n", "empty"))
    assert segbatch.preview(tmp_path, "s", segments=tmp_path / "segments").segments[0].first == ("a",)
