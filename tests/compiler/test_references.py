"""Segments that name segments."""

from pathlib import Path

import polars as pl
import pytest

from builders import rule, segment, write_segment
from segbatch import DefinitionError, Segment, check, compile_segment
from segbatch.compiler.clock import read_clock
from segbatch.compiler.plan import Plan, make_plan
from segbatch.definitions.definition import BrokenDefinition, Definition
from segbatch.errors import Problem

PEOPLE = pl.DataFrame({"id": ["a", "b", "c"], "n": [1, 2, None], "project_id": ["p1", "p2", "p1"]})
NOW = "2026-01-01T00:00:00Z"


def member_of(other: str, *, negated: bool = False) -> dict[str, object]:
    return {"operator": "not_in_segment" if negated else "in_segment", "value": other}


def named(segment_id: str, *rules: dict[str, object], **more: object) -> Segment:
    return segment(*rules, id=segment_id, **more)


def plan(*segments: Segment, broken: tuple[BrokenDefinition, ...] = ()) -> Plan:
    clock = read_clock(NOW, "UTC", None)  # type: ignore[arg-type]
    return make_plan([Definition(entry) for entry in segments], PEOPLE.schema, clock, broken=broken)


def reasons(found: Plan) -> dict[str, str]:
    return {segment_id: problems[0].message for segment_id, problems in found.failed.items()}


def test_in_segment_and_not_in_segment_use_the_members_of_another_segment() -> None:
    small = named("small", rule("n", "lte", 1))
    for found, expected in (
        (named("s", member_of("small")), ["a"]),
        (named("s", member_of("small", negated=True)), ["b", "c"]),
        (named("s", member_of("small", negated=True), rule("n", "exists")), ["b"]),
    ):
        condition = compile_segment(found, PEOPLE.schema, segments=[small])
        assert PEOPLE.filter(condition).get_column("id").to_list() == expected


def test_a_referenced_segment_keeps_its_own_project() -> None:
    everyone = named("everyone", rule("id", "exists"), project_id="p1")
    condition = compile_segment(named("s", member_of("everyone", negated=True)), PEOPLE.schema, segments=[everyone])
    assert PEOPLE.filter(condition).get_column("id").to_list() == ["b"]


def test_two_paths_to_a_segment_are_not_a_circle() -> None:
    found = plan(
        named("top", member_of("left"), member_of("right")),
        named("left", member_of("base")),
        named("right", member_of("base")),
        named("base", rule("n", "exists")),
    )
    assert not found.failed
    order = found.shared_segments
    assert order.index("base") < min(order.index("left"), order.index("right"))
    assert "top" not in found.shared_segments


def test_a_circle_is_printed_and_fails_its_segments_and_their_users() -> None:
    found = plan(
        named("a", {"match": "any", "rules": [member_of("b")]}),
        named("b", member_of("c")),
        named("c", member_of("a")),
        named("above", member_of("a")),
        named("self", member_of("self")),
        named("good", rule("n", "exists")),
    )
    assert reasons(found) == {
        "a": "the segments refer to each other in a circle: a -> b -> c -> a",
        "b": "the segments refer to each other in a circle: b -> c -> a -> b",
        "c": "the segments refer to each other in a circle: c -> a -> b -> c",
        "above": "segment 'a' failed: the segments refer to each other in a circle: a -> b -> c -> a",
        "self": "the segments refer to each other in a circle: self -> self",
    }
    assert found.failed["a"][0].path == "$.rules[0].rules[0].value"


def test_a_missing_or_failed_segment_fails_the_segments_that_reference_it() -> None:
    broken = BrokenDefinition("torn", "torn.json", "$", (Problem("not JSON", file="torn.json"),))
    found = plan(
        named("typo", member_of("smal")),
        named("small", rule("n", "gt", "x")),
        named("upon", member_of("small")),
        named("on-torn", member_of("torn")),
        broken=(broken,),
    )
    failed = reasons(found)
    assert failed["typo"] == "there is no segment 'smal'; did you mean 'small'?"
    assert failed["upon"].startswith("segment 'small' failed: 'x' cannot be compared with 'n'")
    assert failed["on-torn"] == "segment 'torn' cannot be read: torn.json: not JSON"


def test_a_chain_of_references_is_limited() -> None:
    chain = [named("s0", rule("n", "exists")), *(named(f"s{i}", member_of(f"s{i - 1}")) for i in range(1, 103))]
    found = plan(*chain)
    assert "s100" not in found.failed
    assert reasons(found)["s101"] == "more than 100 segments refer to each other in a chain"
    assert reasons(found)["s102"].startswith("segment 's101' failed")


def test_a_single_segment_cannot_reference_another() -> None:
    with pytest.raises(DefinitionError, match="there is no segment 'small'"):
        compile_segment(named("s", member_of("small")), PEOPLE.schema)


def test_an_invalid_pattern_is_found_without_a_snapshot(tmp_path: Path) -> None:
    write_segment(tmp_path, "s", rule("name", "matches", "(a"), rule("name", "matches", "a"))
    [problem] = check(tmp_path).problems
    assert str(problem).endswith("s.json: $.rules[0].value: '(a' is not a valid regular expression: unclosed group")


def test_circles_and_unknown_segments_are_found_without_a_snapshot(tmp_path: Path) -> None:
    write_segment(tmp_path, "self", member_of("self"))
    write_segment(tmp_path, "typo", member_of("sel"))
    (tmp_path / "torn.json").write_text("{")
    write_segment(tmp_path, "upon", member_of("torn"))
    messages = {problem.segment_id: problem.message for problem in check(tmp_path).problems if problem.segment_id}
    assert messages["self"] == "the segments refer to each other in a circle: self -> self"
    assert messages["typo"] == "there is no segment 'sel'; did you mean 'self'?"
    assert messages["upon"].startswith("segment 'torn' cannot be read")


def test_removing_segments_from_a_plan_keeps_the_others() -> None:
    found = plan(
        named("base", rule("n", "exists")), named("top", member_of("base")), named("apart", rule("n", "empty"))
    )
    assert (found.shared_segments, len(found.segments)) == (("base",), 3)
    rest = found.without({"top", "base"})
    assert ([entry.definition.segment_id for entry in rest.segments], rest.shared_segments) == (["apart"], ())
    assert rest.predicates == found.predicates
    assert found.without({"top"}).shared_segments == ("base",)
