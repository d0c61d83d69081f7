"""Runs and previews over databases: the rows are read once, and nothing shows a secret."""

import json
import pickle
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

import segbatch
from builders import rule, write_segment
from calling import Commands
from segbatch.config.resolve import read_settings
from segbatch.errors import DatabaseError, SnapshotError, UsageError
from segbatch.model.manifest import Manifest
from segbatch.snapshot.database import rows
from segbatch.snapshot.database.database_copy import DatabaseReader, read_database
from segbatch.storage.manifest_io import read_manifest

from .conftest import Execute

PAID = {"table": "orders", "where": [rule("state", "eq", "paid")], "operator": "gte", "value": 2}


def members(output: Path) -> list[tuple[object, ...]]:
    import duckdb  # noqa: PLC0415 - only two tests ask

    with duckdb.connect(output / "segbatch.duckdb", read_only=True) as connection:
        rows: list[tuple[object, ...]] = connection.execute("FROM membership ORDER BY ALL").fetchall()
        return [row[:2] for row in rows]


def manifest_of(output: Path) -> Manifest:
    return read_manifest(output / "runs" / (output / "current").read_text().strip())


def test_a_run_over_a_table_is_that_over_its_snapshot(crm: str, tmp_path: Path) -> None:
    segbatch.run(f"{crm}#contacts", tmp_path / "segments", tmp_path / "a")
    segbatch.write_snapshot(crm, tmp_path / "contacts.parquet", table="contacts")
    segbatch.run(tmp_path / "contacts.parquet", tmp_path / "segments", tmp_path / "b")
    assert members(tmp_path / "a") == members(tmp_path / "b") == [("active", 1), ("active", 2), ("pro", 1)]
    direct, file = (manifest_of(tmp_path / name).snapshot[0] for name in "ab")
    assert direct.path == f"{crm}#contacts"
    assert direct.database is not None
    assert file.database is not None
    assert direct.database.data_sha256 == file.database.data_sha256
    assert (direct.database.query, direct.database.rows) == ('SELECT * FROM "contacts"', 3)


def test_a_query_selects_the_contacts(crm: str, commands: Commands, tmp_path: Path) -> None:
    query = "SELECT * FROM contacts WHERE id < 2"
    assert commands("run", "--contacts", crm, "--query", query) == 0
    assert members(tmp_path / "output") == [("active", 1), ("pro", 1)]
    source = manifest_of(tmp_path / "output").snapshot[0].database
    assert source is not None
    assert (source.query, source.table) == (query, None)
    assert commands("preview", "pro", "--contacts", crm, "--query", query) == 0
    assert commands.out == "pro: 1 of 1 contact, 100.0%: 1\n"


def test_a_dry_run_reads_the_database_and_writes_nothing(crm: str, commands: Commands, tmp_path: Path) -> None:
    assert commands("run", "--contacts", f"{crm}#contacts", "--dry-run") == 0
    assert "3 contacts, 2 segments, 3 memberships" in commands.out
    assert sorted(path.name for path in tmp_path.iterdir()) == ["crm.db", "segments"]


def test_a_related_table_is_a_table_of_the_database(crm: str, commands: Commands, tmp_path: Path) -> None:
    write_segment(tmp_path / "segments", "buyers", PAID)
    assert commands("run", "--contacts", f"{crm}#contacts", "--table", f"orders={crm}#order") == 0
    assert ("buyers", 1) in members(tmp_path / "output")
    table = manifest_of(tmp_path / "output").tables[0]
    assert table.files[0].database is not None
    assert table.files[0].path == f"{crm}#order"


def test_a_related_table_that_cannot_be_read_fails_its_segments_alone(
    crm: str, commands: Commands, tmp_path: Path
) -> None:
    write_segment(tmp_path / "segments", "buyers", PAID)
    assert commands("run", "--contacts", f"{crm}#contacts", "--table", f"orders={crm}#nope") == 3
    assert "no such table: nope (--table orders=PATH)" in commands.err
    assert commands("run", "--contacts", f"{crm}#contacts", "--table", f"orders={crm}") == 2
    assert f"write the table after the address: {crm}#TABLE (--table orders=PATH)" in commands.err


@pytest.mark.usefixtures("crm")
def test_settings_and_the_environment_have_the_query(
    commands: Commands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "segbatch.toml").write_text('contacts = "sqlite:///crm.db"\nquery = "SELECT * FROM contacts"\n')
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")
    assert read_settings().get("contacts") == "sqlite:///../crm.db"
    assert commands("run", "--segments", "../segments", "--output", "out") == 0
    assert len(members(tmp_path / "below" / "out")) == 3
    monkeypatch.setenv("SEGBATCH_QUERY", "SELECT * FROM contacts WHERE id = 3")
    assert commands("run", "--segments", "../segments", "--output", "one", "--allow-empty") == 0
    assert not members(tmp_path / "below" / "one")


def test_a_query_needs_a_database(crm: str, commands: Commands, tmp_path: Path) -> None:
    segbatch.write_snapshot(crm, tmp_path / "c.parquet", table="contacts")
    assert commands("run", "--contacts", "c.parquet", "--query", "SELECT 1") == 2
    message = "c.parquet: is not the address of a database, which --query needs; leave out one of them (--query)"
    assert commands.err == f"error: {message}\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["check", "--contacts", "CRM"],
        ["lint", "--contacts", "CRM"],
        ["explain", "pro", "--contacts", "CRM"],
        ["columns", "--contacts", "CRM"],
        ["sql", "pro", "--contacts", "CRM"],
        ["columns", "--contacts", "c.parquet", "--table", "orders=CRM"],
        ["export", "pro", "--columns", "status", "--contacts", "CRM"],
        ["export", "pro", "--columns", "status"],
        ["serve", "--contacts", "CRM", "--port", "0"],
    ],
)
def test_other_commands_name_the_command_that_writes_a_file(
    crm: str, commands: Commands, tmp_path: Path, arguments: list[str]
) -> None:
    segbatch.write_snapshot(crm, tmp_path / "c.parquet", table="contacts")
    segbatch.run(f"{crm}#contacts", tmp_path / "segments", tmp_path / "output")
    assert commands(*(word.replace("CRM", f"{crm}#contacts") for word in arguments)) in {1, 2}
    assert "segbatch snapshot" in commands.err, commands.err
    assert commands.err.count("\n") == 1


def test_the_rows_of_a_database_stay_in_their_process(crm: str) -> None:
    copy = read_database(f"{crm}#contacts", DatabaseReader())
    assert copy is not None
    with pytest.raises(SnapshotError, match="write a file first: segbatch snapshot"):
        pickle.dumps(copy)


def test_a_full_disk_is_reported_with_its_folder(crm: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(rows, "write_rows", full)
    with pytest.raises(SnapshotError, match="cannot be written: No space left on device; set TMPDIR to"):
        read_database(f"{crm}#contacts", DatabaseReader())


def test_a_database_that_cannot_be_read_publishes_nothing(crm: str, tmp_path: Path) -> None:
    with pytest.raises(DatabaseError, match="no such table: nope"):
        segbatch.run(f"{crm}#nope", tmp_path / "segments", tmp_path / "output")
    assert not (tmp_path / "output" / "current").exists()
    with pytest.raises(UsageError, match="pass --query"):
        segbatch.preview(crm, "pro", segments=tmp_path / "segments")


def test_a_log_shows_the_progress_of_reading(
    crm: str, commands: Commands, monkeypatch: pytest.MonkeyPatch, execute: Execute
) -> None:
    monkeypatch.setattr("segbatch.observability.log._SELDOM", 0.0)
    execute("DELETE FROM contacts WHERE id = 3")
    assert commands("run", "--contacts", f"{crm}#contacts", "--log-format", "json") == 0
    lines = [json.loads(line) for line in commands.err.splitlines()]
    progress = [line for line in lines if line["event"] == "database_progress"]
    assert [(line["address"], line["rows"]) for line in progress] == [(f"{crm}#contacts", 2)]


CANARY = "canary-Pa55word"
ADDRESS = f"postgresql://ada:{CANARY}@127.0.0.1:1/crm?sslmode=disable&application_name={CANARY}"


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "--contacts", f"{ADDRESS}#contacts"],
        ["run", "--contacts", ADDRESS, "--query", "SELECT 1", "--log-format", "json", "--metrics-file", "m.prom"],
        ["run", "--contacts", ADDRESS],
        ["run", "--contacts", "c.parquet", "--table", f"orders={ADDRESS}#orders"],
        ["run", "--contacts", "c.parquet", "--query", "SELECT 1", "--output", ADDRESS],
        ["preview", "pro", "--contacts", f"{ADDRESS}#contacts"],
        ["check", "--contacts", ADDRESS],
        ["columns", "--contacts", ADDRESS],
        ["sql", "pro", "--contacts", ADDRESS],
        ["export", "pro", "--contacts", ADDRESS, "--columns", "status"],
        ["export", "pro", "--to", ADDRESS],
        ["snapshot", ADDRESS, "--from", "contacts", "--to", "x.parquet"],
        ["snapshot", ADDRESS, "--query", "SELECT 1", "--to", ADDRESS],
        ["snapshot", f"postgresql://ada:{CANARY}/@db/crm", "--query", "SELECT 1", "--to", "x.parquet"],
        ["config", "show"],
        ["config", "show", "--json"],
        ["config", "check"],
    ],
)
@pytest.mark.parametrize("where", ["command line", "settings"])
def test_no_output_of_any_command_has_a_secret(
    crm: str, commands: Commands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], where: str
) -> None:
    segbatch.write_snapshot(crm, "c.parquet", table="contacts")
    if arguments[0] == "export":
        segbatch.run("c.parquet", "segments", "output")
    write_segment(tmp_path / "segments", "buyers", PAID)
    before = {path for path in tmp_path.rglob("*") if path.is_file()}
    if where == "settings":
        (tmp_path / "segbatch.toml").write_text(f'contacts = "{ADDRESS}"\n[tables.orders]\npath = "{ADDRESS}#orders"\n')
        monkeypatch.setenv("SEGBATCH_TABLES", f"orders={ADDRESS}#orders")
    commands(*arguments, "--on-failure", "env > hook.txt; cat >> hook.txt") if arguments[0] == "run" else commands(
        *arguments
    )
    assert CANARY not in commands.out + commands.err
    written = {path for path in tmp_path.rglob("*") if path.is_file()} - before - {tmp_path / "segbatch.toml"}
    for path in written:
        content = path.read_bytes()
        if path.name == "hook.txt":  # the hook has the environment of the program, with the variables of the user
            content = b"\n".join(line for line in content.splitlines() if not line.startswith(b"SEGBATCH_TABLES="))
        assert CANARY.encode() not in content, path


def test_an_unreadable_file_is_one_line(commands: Commands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "junk.db").write_text("junk" * 1_000)
    write_segment(tmp_path / "segments", "all", rule("id", "exists"))
    assert commands("run", "--contacts", "sqlite:///junk.db#contacts") == 1
    assert (
        commands.err
        == "error: sqlite:///junk.db#contacts: the table 'contacts' cannot be read: file is not a database\n"
    )
    with closing(sqlite3.connect(tmp_path / "junk.db")) as connection, pytest.raises(sqlite3.DatabaseError):
        connection.execute("SELECT * FROM contacts")
