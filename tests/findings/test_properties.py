"""Findings for random segments, compared with an evaluator that shares no code with lint."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow.parquet as pq
from hypothesis import event, given
from hypothesis import strategies as st

import segbatch
from oracle.evaluator import Refused, check, members
from oracle.strategies import ALL, Case, cases
from ways import lists_folder

ALONE = tuple(operator for operator in ALL if "segment" not in operator)


def holds(case: Case, *rules: dict[str, Any], **more: Any) -> list[bool] | None:
    segment = {"id": "it", "name": "It", "rules": list(rules), **more}
    try:
        check(segment, case.table.schema, **case.options)
    except Refused:
        return None
    return members(segment, case.table.to_pylist(), case.table.schema, **case.options)


def lint(case: Case, segments: list[dict[str, Any]], *, over_contacts: bool) -> tuple[segbatch.Finding, ...]:
    with TemporaryDirectory() as folder:
        contacts, path = Path(folder) / "contacts.parquet", Path(folder) / "segments.json"
        pq.write_table(case.table, contacts)
        path.write_text(json.dumps(segments))
        as_of, timezone = case.options["as_of"], case.options["timezone"]
        report = segbatch.lint(
            path, contacts if over_contacts else None, as_of=as_of, timezone=timezone, lists=lists_folder()
        )
        return report.findings


def rules_in(nodes: list[dict[str, Any]], path: str) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for index, node in enumerate(nodes):
        place = f"{path}.rules[{index}]"
        found |= rules_in(node["rules"], place) if "rules" in node else {place: node}
    return found


def on_one_field(case: Case) -> list[dict[str, Any]]:
    rules = [rule for entry in case.segments.values() for rule in rules_in(entry["rules"], "$").values()]
    return [rule for rule in rules if isinstance(rule.get("field"), str)]


@given(data=st.data())
def test_rules_that_contradict_each_other_have_no_member(data: st.DataObject) -> None:
    case = data.draw(cases(ALONE).filter(lambda case: case.table.num_rows > 0 and bool(on_one_field(case))))
    pool = on_one_field(case)
    by_field = [rule for rule in pool if rule["field"] == pool[0]["field"]]
    opposites = {"eq": "neq", "in": "not_in", "contains": "not_contains", "gt": "lte", "lt": "gte"}
    for rule in by_field[:3]:
        others = [*by_field, *({**rule, "operator": operator} for operator in _near(rule, opposites))]
        segments: list[dict[str, Any]] = [
            {"id": f"s{number}", "name": "S", "rules": [rule, other]} for number, other in enumerate(others)
        ]
        segments += [{**entry, "id": f"n{entry['id']}", "match": "none"} for entry in segments]
        by_id = {entry["id"]: entry for entry in segments}
        for over_contacts in (False, True):
            for finding in lint(case, segments, over_contacts=over_contacts):
                if finding.name == "contradiction":
                    segment = by_id[finding.problem.segment_id or ""]
                    event("contradiction")
                    assert True not in (holds(case, *segment["rules"], match=segment.get("match", "all")) or []), (
                        segment
                    )


def _near(rule: dict[str, Any], opposites: dict[str, str]) -> list[str]:
    if rule["operator"] not in opposites:
        return []
    orders = ["gt", "lt", "gte", "lte"] if rule["operator"] in {"gt", "lt"} else []
    return [opposites[rule["operator"]], *orders]


@given(data=st.data())
def test_rules_that_match_no_or_all_contacts_agree_with_a_plain_count(data: st.DataObject) -> None:
    case = data.draw(cases(ALONE).filter(lambda case: case.table.num_rows > 0))
    segments = list(case.segments.values())
    for finding in lint(case, segments, over_contacts=True):
        if finding.name in {"never-holds", "always-holds"}:
            segment = case.segments[finding.problem.segment_id or ""]
            path = "$" + (finding.problem.path or "").split("]", 1)[1]
            answers = holds(case, rules_in(segment["rules"], "$")[path])
            event(finding.name)
            assert answers is not None
            assert set(answers) == {finding.name == "always-holds"}


def reworded(node: dict[str, Any], draw: Any) -> dict[str, Any]:
    """Say the same in other words."""
    if "rules" in node:
        rules = draw(st.permutations([reworded(child, draw) for child in node["rules"]]))
        return {**node, "rules": [*rules, rules[0]] if draw(st.booleans()) else rules}
    match draw(st.integers(0, 3)), node["operator"], node.get("value"):
        case 0, _, _:
            return {"match": draw(st.sampled_from(["all", "any"])), "rules": [node]}
        case 1, "eq" | "neq" as operator, str() | int() | float() as value:
            return {**node, "operator": {"eq": "in", "neq": "not_in"}[operator], "value": [value]}
        case 2, "exists" | "empty" | "blank" | "not_blank" as operator, _:
            opposites = {"exists": "empty", "empty": "exists", "blank": "not_blank", "not_blank": "blank"}
            opposite = {**node, "operator": opposites[operator]}
            return {"match": "none", "rules": [opposite]}
        case 3, "in" | "not_in" as operator, [*values]:
            parts = [{**node, "operator": {"in": "eq", "not_in": "neq"}[operator], "value": value} for value in values]
            return {"match": "any" if operator == "in" else "all", "rules": parts}
        case _:
            return node


@given(data=st.data())
def test_segments_of_the_same_meaning_have_the_same_members(data: st.DataObject) -> None:
    case = data.draw(cases(ALONE))
    segments = []
    for entry in case.segments.values():
        if holds(case, *entry["rules"], match=entry.get("match", "all")) is not None:
            other = reworded({"match": entry.get("match", "all"), "rules": entry["rules"]}, data.draw)
            segments += [entry, {**entry, **other, "id": f"{entry['id']}-again"}]
    if not segments:
        return
    by_id = {entry["id"]: entry for entry in segments}
    told = set()
    for finding in lint(case, segments, over_contacts=False):
        if finding.name == "same-meaning":
            one = by_id[finding.problem.segment_id or ""]
            other = by_id[finding.problem.message.split("'")[1]]
            told.add(one["id"])
            rules = [holds(case, *entry["rules"], match=entry.get("match", "all")) for entry in (one, other)]
            event("same-meaning")
            assert rules[0] == rules[1]
    assert {entry for entry in by_id if entry.endswith("-again")} <= told
