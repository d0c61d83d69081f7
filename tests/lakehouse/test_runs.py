"""Runs and other commands over versions of tables."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

import segbatch
from asking import Asking
from builders import rule, write_segment
from calling import Commands
from segbatch.errors import SnapshotError
from segbatch.storage.manifest_io import read_manifest

from .delta_log import Data, column, write_delta


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Commands:
    return Commands(monkeypatch, capsys)


def contacts(**plans: str) -> pa.Table:
    return pa.table({"id": list(plans), "plan": list(plans.values())})


@pytest.fixture(autouse=True)
def world() -> None:
    """A table of contacts with two versions, one of their orders, and two segments."""
    write_deltalake("crm", contacts(ann="pro", bob="free"))
    write_deltalake("crm", contacts(ann="free", cid="pro"), mode="overwrite")
    orders = pa.table({"contact_id": ["ann", "ann", "cid"], "total": [5, 6, 7], "shop": ["a", "b", "a"]})
    write_deltalake("orders", orders, partition_by=["shop"])
    write_segment(Path("segments"), "pro", rule("plan", "eq", "pro"))
    count = {"table": "orders", "aggregate": "count", "operator": "gte", "value": 1}
    write_segment(Path("segments"), "buyers", count | {"where": [rule("shop", "eq", "b")]})


TABLES = ("--table", "orders=delta+orders")


def manifest() -> dict[str, Any]:
    folder = Path("output/current").read_text().strip()
    return read_manifest(Path("output/runs") / folder).model_dump(mode="json")


def members(command: Commands) -> dict[str, list[str]]:
    assert command("query", "--json", "SELECT segment_id, contact_id FROM membership ORDER BY ALL") == 0
    found: dict[str, list[str]] = {}
    for row in json.loads(command.out):
        found.setdefault(row["segment_id"], []).append(row["contact_id"])
    return found


def test_a_run_records_the_versions_that_it_read(command: Commands) -> None:
    assert command("run", "--contacts", "delta+crm", *TABLES) == 0
    assert members(command) == {"buyers": ["ann"], "pro": ["cid"]}
    found = manifest()
    assert found["source"] == {"format": "delta", "table": "crm", "version": 1}
    assert [(file["rows"], file["sha256"]) for file in found["snapshot"]] == [(2, None)]
    [orders] = found["tables"]
    assert orders["source"] == {"format": "delta", "table": "orders", "version": 0}
    assert command("runs", "show") == 0
    assert "delta+crm@1" in command.out


def test_a_run_over_a_version_can_be_repeated(command: Commands) -> None:
    again = ("--as-of", "2025-11-04T02:00Z", "--run-id", "night")
    assert command("run", "--contacts", "delta+crm@0", *TABLES, *again) == 0
    before = manifest()
    write_deltalake("crm", contacts(zoe="pro"), mode="append")
    assert command("run", "--contacts", "delta+crm@0", *TABLES, *again) == 0
    after = manifest()
    assert members(command) == {"buyers": ["ann"], "pro": ["ann"]}
    assert after["run"]["snapshot_fingerprint"] == before["run"]["snapshot_fingerprint"]
    assert command("run", "--contacts", "delta+crm", *TABLES, *again) == 0
    assert manifest()["run"]["snapshot_fingerprint"] != before["run"]["snapshot_fingerprint"]


def test_a_version_that_vacuum_removed_ends_a_run_with_one_message(command: Commands) -> None:
    DeltaTable("crm").vacuum(0, dry_run=False, enforce_retention_duration=False)
    assert command("run", "--contacts", "delta+crm@0", *TABLES) == 1
    assert command.err.startswith("error: delta+crm@0: crm/part-")
    assert command.err.count("\n") == 1
    assert "VACUUM removes files of old versions; read a newer version" in command.err
    assert not Path("output/current").exists()


def test_all_commands_read_a_table(command: Commands) -> None:
    contacts = ("--contacts", "delta+crm@0")
    assert command("check", *contacts, *TABLES) == 0
    assert command("lint", *contacts, *TABLES) == 0
    assert command("preview", *contacts, "--rule", "plan eq pro", "--json") == 0
    assert json.loads(command.out)["segments"][0]["first"] == ["ann"]
    assert command("explain", "buyers", "ann", *contacts, *TABLES) == 0
    assert command.out.endswith("ann is in buyers\n")
    assert command("columns", *contacts, *TABLES, "--json") == 0
    assert {field["path"] for field in json.loads(command.out)["fields"]} >= {"id", "plan", "total", "shop"}


def test_export_reads_the_version_of_the_run(command: Commands) -> None:
    assert command("run", "--contacts", "delta+crm@0", *TABLES) == 0
    assert command("export", "pro", "--to", "-", "--columns", "plan") == 0
    assert command.out.split() == ['"contact_id","plan"', '"ann","pro"']
    assert command("export", "pro", "--to", "-", "--columns", "plan", "--contacts", "delta+./crm@0") == 0
    assert "is not the snapshot" not in command.err
    assert command("export", "pro", "--to", "-", "--columns", "plan", "--contacts", "delta+crm") == 0
    assert "delta+crm: is not the snapshot that run" in command.err
    DeltaTable("crm").vacuum(0, dry_run=False, enforce_retention_duration=False)
    assert command("export", "pro", "--to", "-", "--columns", "plan") == 1
    assert "no longer exists, although it belongs to version 0 of the Delta table" in command.err


@pytest.mark.slow
def test_previews_of_the_api_read_the_version_of_the_last_run(command: Commands) -> None:
    assert command("run", "--contacts", "delta+crm@0", *TABLES) == 0
    buyers = {"rules": [{"table": "orders", "aggregate": "count", "operator": "gte", "value": 1}]}
    ask = Asking(Path())
    for definition, first in ((buyers, ["ann"]), ({"rules": [rule("plan", "eq", "free")]}, ["bob"])):
        assert ask("POST", "/preview", json=definition).json()["first"] == first


def test_sql_reads_the_files_of_a_plain_version_in_duckdb(command: Commands) -> None:
    assert command("sql", "pro", "--contacts", "delta+crm@0") == 0
    assert "READ_PARQUET" in command.out
    assert command("sql", "buyers", "--contacts", "delta+crm", *TABLES) == 2
    reason = "delta+orders@0: DuckDB cannot read this version of the table from its Parquet files"
    assert f"{reason}; load it into a table of a database and name that (--table)" in command.err
    write_delta(Path("dv"), [column("id", "string")], [Data("a.parquet", contacts(ann="x"), deleted=[0])])
    assert command("sql", "--rule", "id eq ann", "--contacts", "delta+dv") == 2


def test_settings_name_a_table_relative_to_their_folder(command: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    places = 'contacts = "delta+crm@0"\nsegments = "segments"\noutput = "output"\n'
    Path("segbatch.toml").write_text(f'{places}[tables.orders]\npath = "delta+orders"\n')
    Path("below").mkdir()
    settings = str(Path("segbatch.toml").absolute())
    monkeypatch.chdir("below")
    assert command("run", "--config", settings) == 0
    monkeypatch.chdir("..")
    assert manifest()["source"]["version"] == 0
    assert members(command) == {"buyers": ["ann"], "pro": ["ann"]}


def test_a_table_without_contacts_is_a_snapshot_without_contacts(command: Commands) -> None:
    DeltaTable("crm").delete()
    assert command("run", "--contacts", "delta+crm", *TABLES) == 1
    assert command.err.startswith("error: delta+crm: has no contacts, which would empty every segment")
    assert command("run", "--contacts", "delta+crm", *TABLES, "--allow-empty") == 0
    assert manifest()["snapshot"] == []


def test_python_takes_the_same_addresses() -> None:
    report = segbatch.run("delta+crm@0", "segments", "output", tables={"orders": "delta+orders"})
    assert report.run.contacts == 2
    with pytest.raises(SnapshotError, match="the newest version of the table is 1"):
        segbatch.preview("delta+crm@9", rules=["plan eq pro"])
