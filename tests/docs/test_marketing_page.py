"""Every segment of docs/marketing-segments.md has, over the sample data, the number of members that the page shows."""

import json
import re
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

import segbatch
from oracle.evaluator import members
from oracle.related import RelatedTable

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "sample_data"
PAGE = (ROOT / "docs" / "marketing-segments.md").read_text()
AS_OF = datetime(2026, 1, 1, tzinfo=UTC)
TIMES = {"orders": "placed_at", "events": "happened_at", "loyalty": None}
FEWEST = 25

FOUND = re.compile(r"^```json\n(.*?)^```\n\n([0-9,]+) members\.$", re.MULTILINE | re.DOTALL)
SEGMENTS: dict[str, tuple[dict[str, Any], int]] = {}
for _written, _number in FOUND.findall(PAGE):
    _definition = json.loads(_written)
    SEGMENTS[_definition["id"]] = (_definition, int(_number.replace(",", "")))


@cache
def previewed(folder: Path) -> dict[str, int]:
    """Count the members of all segments of the page, as a run does."""
    path = folder / "segments.json"
    path.write_text(json.dumps([definition for definition, _ in SEGMENTS.values()]))
    tables = {name: segbatch.TableSource(SAMPLE / f"{name}.parquet", time=time) for name, time in TIMES.items()}
    report = segbatch.preview(SAMPLE / "contacts.parquet", path, tables=tables, lists=SAMPLE / "lists", as_of=AS_OF)
    assert (report.errors, report.warnings) == ((), ())
    return {entry.segment_id: entry.members for entry in report.segments}


@cache
def contacts() -> tuple[list[dict[str, Any]], Any, dict[str, RelatedTable]]:
    found = pq.read_table(SAMPLE / "contacts.parquet")
    read = {name: pq.read_table(SAMPLE / f"{name}.parquet") for name in TIMES}
    tables = {name: RelatedTable(table.schema, table.to_pylist(), time=TIMES[name]) for name, table in read.items()}
    return found.to_pylist(), found.schema, tables


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("page")


def test_the_page_has_many_segments_and_each_has_its_number() -> None:
    assert len(SEGMENTS) >= FEWEST
    assert len(FOUND.findall(PAGE)) == PAGE.count("```json") == len(SEGMENTS)


@pytest.mark.parametrize("name", SEGMENTS)
def test_a_run_finds_the_members_that_the_page_shows(name: str, folder: Path) -> None:
    shown = SEGMENTS[name][1]
    assert previewed(folder)[name] == shown
    assert 0 < shown < len(contacts()[0]) / 2


@pytest.mark.slow
@pytest.mark.parametrize("name", SEGMENTS)
def test_the_plain_evaluator_finds_the_members_that_the_page_shows(name: str) -> None:
    rows, schema, tables = contacts()
    others = {other: definition for other, (definition, _) in SEGMENTS.items()}
    lists = {path.stem: path.read_text().split() for path in (SAMPLE / "lists").glob("*.txt")}
    held = members(SEGMENTS[name][0], rows, schema, as_of=AS_OF, tables=tables, segments=others, lists=lists)
    assert sum(held) == SEGMENTS[name][1]
