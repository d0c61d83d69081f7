"""The evaluation of a part of a snapshot on a cluster."""

from collections.abc import Iterable
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import segbatch
from builders import rule, write_segment
from segbatch.cluster import contacts_split
from segbatch.cluster.loop import LoopCluster
from segbatch.compiler.plan import Plan
from segbatch.engine import local

CONTACTS = 4_000


def test_predicates_on_few_texts_are_evaluated_once_for_all_batches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = ["free", "pro", "É", None]
    table = pa.table({"id": range(CONTACTS), "plan": [texts[number % 4] for number in range(CONTACTS)]})
    pq.write_table(table, tmp_path / "contacts.parquet")
    for number, text in enumerate(("free", "pro", "É")):
        write_segment(tmp_path / "segments", f"plan-{number}", rule("plan", "eq", text))
    heights, evaluate = list[int](), local.evaluate_numbers

    def counted(plan: Plan, numbers: Iterable[int], frame: pl.DataFrame) -> pl.DataFrame:
        numbers = [*numbers]
        heights.extend([frame.height] * bool(numbers))
        return evaluate(plan, numbers, frame)

    monkeypatch.setattr(local, "evaluate_numbers", counted)
    monkeypatch.setattr(contacts_split, "batch_rows", lambda _segments: CONTACTS // 4)
    report = segbatch.run(
        tmp_path / "contacts.parquet", tmp_path / "segments", tmp_path / "output", engine=LoopCluster()
    )
    assert [segment.member_count for segment in report.segments] == [CONTACTS // 4] * 3
    assert heights == [len(texts)]
