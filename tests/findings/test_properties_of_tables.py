"""Findings for random rules on random related tables, compared with an evaluator that shares no code with lint."""

import json
import re
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow.parquet as pq
from hypothesis import event, given
from hypothesis import strategies as st

import segbatch
from oracle.evaluator import members
from oracle.related_worlds import related_cases
from oracle.strategies import ALL, Case
from ways import write_tables

ALONE = tuple(operator for operator in ALL if "segment" not in operator)


def lint(case: Case) -> tuple[segbatch.Finding, ...]:
    with TemporaryDirectory() as folder:
        contacts, path = Path(folder) / "contacts.parquet", Path(folder) / "segments.json"
        pq.write_table(case.table, contacts)
        path.write_text(json.dumps([*case.segments.values()]))
        tables, zone = write_tables(Path(folder), case), case.options["timezone"]
        return segbatch.lint(path, contacts, tables=tables, as_of=case.options["as_of"], timezone=zone).findings


def node_at(segment: dict[str, Any], path: str) -> dict[str, Any]:
    node: Any = segment
    for key, index in re.findall(r"\.(rules|where)\[([0-9]+)\]", path):
        node = node[key][int(index)]
    assert isinstance(node, dict)
    return node


def holds(case: Case, rule: dict[str, Any]) -> set[bool]:
    rows, segment = case.table.to_pylist(), {"id": "it", "rules": [rule]}
    return set(members(segment, rows, case.table.schema, **case.options))


@given(data=st.data())
def test_findings_about_tables_agree_with_a_plain_count(data: st.DataObject) -> None:
    case = data.draw(related_cases(ALONE).filter(lambda case: case.table.num_rows > 0))
    for finding in lint(case):
        segment = case.segments[finding.problem.segment_id or ""]
        path = "$" + (finding.problem.path or "").split("]", 1)[1]
        outer, where, inner = path.partition(".where")
        rule = node_at(segment, outer)
        if where:
            where_rules = [node_at(segment, path)] if finding.name != "contradiction" else rule["where"]
            table = {"table": rule["table"], "where": where_rules, "operator": "gte", "value": 1}
            is_certain = finding.name == "never-holds" or (finding.name == "contradiction" and inner.count("[") == 1)
            event(f"{finding.name} in where" if is_certain else "uncertain")
            assert not is_certain or holds(case, table) == {False}, finding
        elif finding.name in {"never-holds", "always-holds"}:
            event(finding.name)
            assert holds(case, rule) == {finding.name == "always-holds"}, finding
