"""Columns whose values must be known first are examined by the tasks of a cluster, with the result of a local run."""

import json
import pickle
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from builders import rule, write_segment
from segbatch.cluster.base import Produce, Reduce
from segbatch.cluster.cluster_scanner import ClusterScanner
from segbatch.cluster.loop import LoopCluster
from segbatch.compiler.prepare import EvaluationOptions, PreparedEvaluation, prepare
from segbatch.definitions.loader import load_definitions
from segbatch.errors import SnapshotError
from segbatch.snapshot.fields.resolution import ReadingCounts
from segbatch.snapshot.scan import LOCAL, Scanner

TEXTS = [{"plan": "pro", "seats": 1}, {"plan": 7}, None, "{", {"seats": 2.5}, "[]", {"items": [{"sku": "a"}, {"n": 1}]}]


@dataclass
class CountingCluster:
    """A cluster in this process that counts the tasks that it calls."""

    loop: LoopCluster = field(default_factory=LoopCluster)
    calls: list[int] = field(default_factory=list)
    name = "counting"

    def count_slots(self) -> int:
        return 1

    def call(self, function: Callable[[bytes], bytes], items: Sequence[bytes]) -> list[bytes]:
        self.calls.append(len(items))
        return self.loop.call(function, items)

    def exchange(self, produce: Produce, items: Sequence[bytes], reduce: Reduce, buckets: int) -> list[bytes]:
        return self.loop.exchange(produce, items, reduce, buckets)


def write_contacts(folder: Path) -> Path:
    """Write contacts with JSON texts, some broken, a map, bytes that are text or not, and dates as texts."""
    cells = [text if isinstance(text, str) or text is None else json.dumps(text) for text in TEXTS]
    size = len(cells)
    columns: dict[str, Any] = {
        "id": pa.array([f"c{row}".encode() for row in range(size)], pa.binary()),
        "custom_fields": pa.array(cells, pa.string()),
        "attributes": pa.array([[("k", "1")], None, [("a.b", "x")], [], [], [], []], pa.map_(pa.string(), pa.string())),
        "note": pa.array([b"x", None, b"y", b"", b"z", b"w", b"v"], pa.binary()),
        "raw": pa.array([b"x", None, b"\xff", b"", b"z", b"w", b"v"], pa.binary()),
        "since": pa.array(["2025-01-02", "x", None, "2025-01-02T03:04:05Z", "", "y", "2024-12-31"]),
    }
    half = size // 2
    for number, part in enumerate([pa.table(columns)[:half], pa.table(columns)[half:]]):
        (folder / "contacts").mkdir(exist_ok=True)
        pq.write_table(part, folder / "contacts" / f"{number}.parquet", row_group_size=2)
    return folder / "contacts"


def prepared(folder: Path, scanner: Scanner, **options: Any) -> PreparedEvaluation:
    """Prepare segments that read all of these columns."""
    contacts = write_contacts(folder)
    segments = folder / "segments"
    fields = ["plan", "seats", "nope"]
    rules = [rule(f"custom_fields.{name}", "eq", "pro" if name != "seats" else 1) for name in fields]
    rules += [rule("attributes.k", "eq", "1"), rule("attributes.a.b", "eq", "x"), rule("attributes.zz", "eq", "x")]
    rules += [rule("note", "eq", "x"), rule("raw", "exists"), rule("since", "within_last", "90d")]
    for number, one in enumerate(rules):
        write_segment(segments, f"s{number}", one)
    table = {"table": "custom_fields.items", "aggregate": "sum", "field": "n", "operator": "gt", "value": 1}
    (segments / "list.json").write_text(json.dumps({"name": "list", "rules": [table]}))
    return prepare(EvaluationOptions(contacts, scanner=scanner, **options), load_definitions(segments))


def facts(ready: PreparedEvaluation) -> dict[str, Any]:
    """Return what was found in the data."""
    schema = ready.snapshot.schema
    return {
        "types": {name: one.dtype for name, one in schema.derived.items()},
        "ways": {name: [way.steps for way, _ in one.ways] for name, one in schema.derived.items()},
        "warnings": [*map(str, ready.warnings)],
        "notes": [*map(str, ready.notes)],
        "texts": (ready.snapshot.byte_texts, ready.snapshot.id_type, ready.snapshot.arrow),
        "readings": schema.readings,
        "failed": {name: [*map(str, problems)] for name, problems in ready.plan.failed.items()},
        "tables": [(query.name, query.columns, [*query.table.schema]) for query in ready.plan.queries],
    }


def test_a_cluster_finds_what_a_local_run_finds(tmp_path: Path) -> None:
    cluster = CountingCluster()
    local = facts(prepared(tmp_path, LOCAL))
    assert facts(prepared(tmp_path, ClusterScanner(cluster, rows=2))) == local
    assert len(cluster.calls) >= 5, "ids, bytes, fields, readings and elements of lists"
    assert set(cluster.calls) == {4}
    assert [name for name, *_ in local["tables"]] == ["custom_fields.items"]
    assert any("row 4" in warning for warning in local["warnings"])
    assert local["readings"]
    assert local["texts"][0]


@pytest.mark.parametrize("is_list", [False, True])
def test_texts_of_rows_that_are_read_as_dates_are_counted_as_in_a_local_run(tmp_path: Path, is_list: bool) -> None:  # noqa: FBT001
    cluster = ClusterScanner(LoopCluster(), rows=2)
    assert (local := row_readings(tmp_path, LOCAL, is_list=is_list)) == row_readings(tmp_path, cluster, is_list=is_list)
    assert local == {("at", "datetime"): ReadingCounts(present=4 if is_list else 3, readable=2, days=1)}


def row_readings(folder: Path, scanner: Scanner, *, is_list: bool) -> Any:
    """Return the counts of the rows of a table or of a list whose texts are read as dates."""
    visits = [
        [{"at": "2025-01-02"}, {"at": "x"}],
        None,
        [],
        [{"at": "2025-01-02T00:00:00Z"}, {"at": None}],
        [{"at": "y"}],
    ]
    ids = pa.array([1, 2, 3, 4, 5], pa.int32())
    item = pa.list_(pa.struct({"at": pa.string()}))
    pq.write_table(pa.table({"id": ids, "visits": pa.array(visits, item)}), folder / "c.parquet", row_group_size=2)
    rows = {"contact_id": [1, 9, 3, 3, None], "at": ["2025-01-02", "2025-01-02", "x", "2025-01-02T00:00:00Z", "y"]}
    pq.write_table(pa.table(rows), folder / "orders.parquet", row_group_size=2)
    table = "visits" if is_list else "orders"
    where = [rule("at", "within_last", "90d", **{"as": "datetime"})]
    written = {"table": table, "aggregate": "count", "where": where, "operator": "gt", "value": 1}
    (folder / "rows").mkdir(exist_ok=True)
    (folder / "rows" / "one.json").write_text(json.dumps({"name": "one", "rules": [written]}))
    tables = None if is_list else {"orders": folder / "orders.parquet"}
    options = EvaluationOptions(folder / "c.parquet", scanner=scanner, tables=tables)
    return prepare(options, load_definitions(folder / "rows")).tables[table].snapshot.schema.readings


def test_a_small_snapshot_is_read_without_the_cluster(tmp_path: Path) -> None:
    cluster = CountingCluster()
    contacts = write_contacts(tmp_path)
    (contacts / "1.parquet").unlink()
    found = ClusterScanner(cluster).scan(prepare_one(contacts).snapshot, lambda snapshot: snapshot.rows)
    assert (found, cluster.calls) == ([3], [])


def prepare_one(contacts: Path) -> PreparedEvaluation:
    segments = contacts.parent / "one"
    write_segment(segments, "one", rule("id", "exists"))
    return prepare(EvaluationOptions(contacts), load_definitions(segments))


def test_an_error_of_a_task_is_that_of_a_local_run(tmp_path: Path) -> None:
    contacts = write_contacts(tmp_path)
    snapshot = prepare_one(contacts).snapshot
    (contacts / "1.parquet").write_bytes(b"PAR1")
    with pytest.raises(SnapshotError, match=r"1\.parquet"):
        ClusterScanner(LoopCluster(), rows=100).scan(snapshot, read_all)


def read_all(snapshot: Any) -> int:
    return sum(len(ids) for ids in snapshot.ids())


def test_a_scanner_is_pickled_without_its_cluster() -> None:
    scanner = pickle.loads(pickle.dumps(ClusterScanner(LoopCluster())))  # noqa: S301 - of this test
    assert type(scanner) is type(LOCAL)
