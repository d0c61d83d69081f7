"""Runs whose output is at delta+PATH, from the snapshot to the tables."""

import sys
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable

import segbatch
from builders import rule, write_contacts, write_segment
from segbatch.errors import UsageError
from segbatch.runs.prune import prune_runs
from segbatch.storage.keep import Keep
from segbatch.storage.targets.output import open_target
from workspace import FIRST_RUN, Workspace

from .table_readers import Rows, open_views

pytestmark = pytest.mark.slow  # each makes several runs

TABLES = ("membership", "membership_changes", "segments", "runs")


@dataclass(frozen=True, slots=True)
class Both:
    """Runs that are published in a folder, and as Delta tables."""

    workspace: Workspace
    lake: Path

    @property
    def address(self) -> str:
        return f"delta+{self.lake}"

    def run(self, number: int, **options: Any) -> segbatch.RunReport:
        self.workspace.run(number, **options)
        return self.publish(number, **options)

    def publish(self, number: int, **options: Any) -> segbatch.RunReport:
        more: dict[str, Any] = {"as_of": FIRST_RUN + timedelta(days=number), "run_id": f"night-{number}"} | options
        folder = self.workspace.folder
        return segbatch.run(folder / "contacts.parquet", folder / "segments", self.address, **more)

    def ask(self, sql: str) -> Rows:
        return open_views(lambda name: DeltaTable(self.lake / name).to_pyarrow_table())(sql)

    def assert_equal(self) -> None:
        """All tables have the same rows, apart from the times when a run worked."""
        for table in TABLES:
            names = [name for name, *_ in self.workspace.ask(f"DESCRIBE {table}")]
            columns = ", ".join(f"{name}::VARCHAR" for name in names if name not in {"started_at", "finished_at"})
            query = f"SELECT {columns} FROM {table} ORDER BY ALL"
            assert self.ask(query) == self.workspace.ask(query)


@pytest.fixture
def both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Both:
    monkeypatch.setenv("SEGBATCH_CACHE_DIR", str(tmp_path / "cache"))
    workspace = Workspace(tmp_path)
    workspace.segment("pro", tags=["vip", "it's"], owner="crm", expires_at="2031-01-01T00:00:00Z")
    workspace.segment("free")
    workspace.contacts(ann="pro", bob="pro", cem="free")
    return Both(workspace, tmp_path / "lake")


def test_runs_are_the_same_as_in_a_folder(both: Both) -> None:
    both.run(0)
    both.assert_equal()
    both.workspace.contacts(ann="pro", bob="free", dan="pro")
    both.run(1)
    both.assert_equal()
    both.workspace.contacts(eve="other")
    both.run(1)
    both.assert_equal()
    assert both.ask("SELECT publication FROM current_rows") == [("night-1~2",)]
    both.run(2)
    both.run(1, rewind=True)
    both.assert_equal()


def test_a_rolled_back_run_is_pruned_once(both: Both) -> None:
    for number in range(3):
        both.publish(number)
    both.publish(1, rewind=True)
    later = FIRST_RUN.replace(year=2031)
    keep = Keep(2, 1)
    expected = prune_runs(both.address, keep, later, dry_run=True).taken_back
    assert "night-2" in expected
    assert prune_runs(both.address, keep, later).taken_back == expected
    assert [path for path in both.lake.rglob("*") if "night-2" in path.parts]  # until queries have ended, a day later
    assert prune_runs(both.address, keep, later, dry_run=True).taken_back == ()
    assert prune_runs(both.address, keep, later).taken_back == ()


def test_whole_numbers_are_written_in_64_bits(both: Both) -> None:
    for number, width in enumerate([pa.int32(), pa.int64()]):
        columns = {"id": pa.array([1, 2], width), "plan": pa.array(["pro", "free"][:: number * 2 - 1 or 1])}
        write_contacts(both.workspace.folder / "contacts.parquet", columns)
        both.publish(number)
    assert both.ask("SELECT typeof(contact_id), contact_id FROM membership WHERE segment_id = 'pro'") == [("BIGINT", 1)]


def test_ids_that_a_table_cannot_store_are_refused_before_anything_is_written(both: Both) -> None:
    columns = {"id": pa.array([1, 2], pa.uint64()), "plan": pa.array(["pro", "free"])}
    write_contacts(both.workspace.folder / "contacts.parquet", columns)
    with pytest.raises(UsageError, match=r"each contact id is a number \(UInt64\), which a Delta table cannot store"):
        both.publish(0)
    assert not (both.lake / "membership").exists()


def test_the_report_names_the_files_of_the_run_in_the_table(both: Both) -> None:
    report = both.publish(0)
    assert str(report.membership) == f"{both.lake}/membership/night-0"


def test_an_address_with_a_version_is_refused() -> None:
    with pytest.raises(UsageError) as caught:
        open_target("delta+lake@3")
    message = "delta+lake@3: runs cannot be published to a version of a table; write delta+lake (--output)"
    assert str(caught.value) == message


def test_a_path_with_a_percent_sign_is_refused() -> None:
    with pytest.raises(UsageError, match="delta\\+a%b: deltalake cannot open a table whose path has a '%'"):
        open_target("delta+a%b")


def test_the_extra_is_named_if_deltalake_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("segbatch.storage.remote.delta.")]:
        if not name.endswith("keys"):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "deltalake", None)
    with pytest.raises(UsageError) as caught:
        open_target("delta+lake")
    message = "delta+lake: Delta tables are written with deltalake, which is not installed"
    assert str(caught.value) == f"{message}; run: pip install 'segbatch[delta]'"


def test_segments_with_rules_of_all_shapes_are_json_texts(both: Both) -> None:
    write_segment(both.workspace.folder / "segments", "both", rule("plan", "in", ["pro", "größer"]))
    both.run(0)
    both.assert_equal()
    [(definition,)] = both.ask("SELECT definition FROM segments WHERE segment_id = 'both'")
    assert '"größer"' in definition
