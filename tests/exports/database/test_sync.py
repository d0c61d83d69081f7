"""Tables in a database that follow the published runs, with SQLite as the database."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import adbc_driver_sqlite.dbapi
import pyarrow.parquet as pq
import pytest

import segbatch
from database_tables import published_tables, sqlite_tables
from segbatch.exports.database.rows import Rows
from segbatch.exports.database.session import Session
from segbatch.exports.database.tables import SYNC, Table
from workspace import Workspace

from .conftest import Sync


def change(file: Path, *statements: str) -> None:
    """Change a database as another program does."""
    with closing(sqlite3.connect(file)) as connection, connection:
        for sql in statements:
            connection.execute(sql)


def ask(file: Path, sql: str) -> list[Any]:
    with closing(sqlite3.connect(file)) as connection:
        return connection.execute(sql).fetchall()


def test_the_first_synchronisation_writes_all_rows(two: Workspace, sync: Sync, file: Path) -> None:
    report = sync()
    assert (report.database, report.schema, report.extent) == (f"sqlite:///{file}", None, "full")
    assert (report.run_id, report.run_number, report.previous_run_id) == ("night-1", 2, None)
    assert (report.reason, report.undone, report.warnings) == ("the tables are new", (), ())
    assert (report.rows.membership.added, report.rows.membership_changes.added) == (3, 2)
    assert (report.rows.segments, report.rows.runs) == (2, 2)
    assert sqlite_tables(file) == published_tables(two.output)


def test_later_ones_write_only_changes(two: Workspace, sync: Sync, file: Path) -> None:
    sync()
    two.run(2)
    report = sync()
    assert (report.extent, report.previous_run_id, report.reason) == ("changes", "night-1", "")
    assert (report.rows.membership.added, report.rows.membership.removed) == (2, 2)
    assert (report.rows.membership_changes.added, report.rows.membership_changes.removed) == (4, 0)
    assert sqlite_tables(file) == published_tables(two.output)


def test_changes_are_written_in_the_order_of_the_index_on_contacts(two: Workspace, sync: Sync, file: Path) -> None:
    sync()
    two.run(2)
    sync()
    written = ask(file, "SELECT contact_id FROM membership_changes WHERE run_id = 'night-2' ORDER BY rowid")
    by_segment = ask(
        file, "SELECT contact_id FROM membership_changes WHERE run_id = 'night-2' ORDER BY segment_id, rowid"
    )
    assert written == sorted(written) != by_segment


def test_the_changes_of_one_run_go_straight_to_the_tables(
    two: Workspace, sync: Sync, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync()
    two.run(2)
    send, sent = Session.send, dict[str, int]()

    def recorded(session: Session, table: Table, rows: Rows, *, temporary: bool = False) -> int:
        sent[table.name] = send(session, table, rows, temporary=temporary)
        return sent[table.name]

    monkeypatch.setattr(Session, "send", recorded)
    sync()
    assert sent == {
        "segbatch_leaving": 2,
        "membership": 2,
        "membership_changes": 4,
        "segments": 2,
        "runs": 3,
        SYNC: 1,
    }


def test_the_changes_of_one_run_are_read_once(two: Workspace, sync: Sync, monkeypatch: pytest.MonkeyPatch) -> None:
    sync()
    two.run(2)
    parquet_file, opened = pq.ParquetFile, list[str]()

    def counted(file: Path, **options: Any) -> Any:
        opened.append(file.name)
        return parquet_file(file, **options)

    monkeypatch.setattr(pq, "ParquetFile", counted)
    sync()
    assert opened.count("changes.parquet") == 1


@pytest.mark.usefixtures("two")
def test_a_run_that_is_there_is_not_written_again(sync: Sync, file: Path) -> None:
    sync()
    before = file.read_bytes()
    report = sync()
    assert (report.extent, report.run_id, report.rows.segments) == ("none", "night-1", 0)
    assert file.read_bytes() == before


def test_the_record_names_the_output_and_its_run(two: Workspace, sync: Sync, file: Path) -> None:
    sync()
    [(output, run_id, number)] = ask(file, f"SELECT output, run_id, run_number FROM {SYNC}")
    assert (output, run_id, number) == (str(two.output), "night-1", 2)


@pytest.mark.usefixtures("two")
def test_analysts_get_indexes(sync: Sync, file: Path) -> None:
    sync()
    indexes = {name for (name,) in ask(file, "SELECT name FROM sqlite_master WHERE type = 'index'")}
    assert {"membership_contact_id_segment_id", "membership_segment_id"} <= indexes
    assert {"membership_changes_segment_id_run_id", "membership_changes_contact_id"} <= indexes
    with pytest.raises(sqlite3.IntegrityError):
        change(file, "INSERT INTO membership SELECT * FROM membership")


def test_a_moved_output_is_the_same_one(two: Workspace, sync: Sync) -> None:
    sync()
    moved = two.move("elsewhere")
    moved.run(2)
    report = sync(output=moved.output)
    assert (report.extent, report.warnings) == ("changes", ())


def test_another_output_replaces_all_rows_with_a_warning(
    two: Workspace, sync: Sync, file: Path, tmp_path: Path
) -> None:
    sync()
    other = Workspace(tmp_path / "other")
    other.contacts(zoe="pro")
    other.segment("pro")
    other.run(0, run_id="first")
    report = sync(output=other.output)
    assert (report.extent, report.previous_run_id) == ("full", "night-1")
    [warning] = report.warnings
    assert warning.message == f"the tables had run night-1 of {two.output}, and have the runs of {other.output} now"
    assert sqlite_tables(file) == published_tables(other.output)


def test_an_output_that_was_started_over_is_no_other_one(two: Workspace, sync: Sync, file: Path) -> None:
    sync()
    two.run(0, rewind="all", guard=segbatch.Guard(accepted=["all"]))
    report = sync()
    assert (report.extent, report.undone, report.warnings) == ("full", ("night-0", "night-1"), ())
    assert sqlite_tables(file) == published_tables(two.output)


@pytest.mark.parametrize(
    "harm",
    [
        "DELETE FROM membership WHERE contact_id = 'ann'",
        "INSERT INTO membership VALUES ('pro', 'ann')",
        "DELETE FROM membership",
    ],
)
def test_rows_that_another_program_changed_are_repaired(two: Workspace, sync: Sync, file: Path, harm: str) -> None:
    sync()
    change(file, harm)
    two.run(2)
    report = sync()
    assert (report.extent, report.reason) == ("full", "another program changed the tables")
    assert "let no other program write them" in report.warnings[0].message
    assert sqlite_tables(file) == published_tables(two.output)


def test_all_rows_are_compared_on_request(two: Workspace, sync: Sync, file: Path) -> None:
    sync()
    change(file, "DELETE FROM membership_changes", "INSERT INTO membership VALUES ('x', 'y')", "DELETE FROM runs")
    report = sync(full=True)
    assert (report.extent, report.rows.membership.added, report.rows.membership.removed) == ("full", 0, 1)
    assert report.rows.membership_changes.added == 2
    assert sqlite_tables(file) == published_tables(two.output)


def test_a_table_that_was_dropped_is_created_again(two: Workspace, sync: Sync, file: Path) -> None:
    sync()
    change(file, "DROP TABLE membership_changes")
    assert sync().reason == "the tables were of an earlier version or had other contact ids"
    assert sqlite_tables(file) == published_tables(two.output)


@pytest.mark.usefixtures("two")
def test_tables_of_another_program_are_never_touched(sync: Sync, file: Path) -> None:
    change(file, "CREATE TABLE runs (a)", "CREATE VIEW segments AS SELECT 1 AS a")
    with pytest.raises(segbatch.UsageError) as caught:
        sync()
    expected = f"sqlite:///{file}: has tables that segbatch sync did not create: runs, segments; name another file"
    assert str(caught.value) == expected
    assert ask(file, "SELECT name FROM sqlite_master ORDER BY 1") == [("runs",), ("segments",)]


@pytest.mark.usefixtures("two")
def test_a_record_that_was_changed_is_an_error(sync: Sync, file: Path) -> None:
    sync()
    change(file, f"UPDATE {SYNC} SET history = '?'")
    with pytest.raises(segbatch.DatabaseError, match=f"the table {SYNC} was changed by another program; drop it"):
        sync()


def test_renamed_segments_are_renamed_in_the_tables(two: Workspace, sync: Sync, file: Path) -> None:
    sync()
    two.drop("pro")
    two.segment("best", "pro", previous_ids=["pro"])
    two.run(2)
    assert sync().extent == "changes"
    assert {name for (name,) in ask(file, "SELECT segment_id FROM membership_changes")} == {"best", "free"}
    assert sqlite_tables(file) == published_tables(two.output)


def test_changes_from_before_a_rename_have_the_new_id(two: Workspace, sync: Sync, file: Path) -> None:
    two.run(2)
    two.drop("pro")
    two.segment("best", "pro", previous_ids=["pro"])
    two.contacts(ann="free")
    two.run(3)
    sync()
    assert sqlite_tables(file) == published_tables(two.output)
    two.drop("free")
    two.segment("idle", "free", previous_ids=["free"])
    two.contacts(ann="pro", bob="free")
    two.run(4)
    two.drop("best")
    two.segment("top", "pro", previous_ids=["best"])
    two.contacts(ann="free", cem="pro")
    two.run(5)
    assert sync().extent == "changes"
    assert sqlite_tables(file) == published_tables(two.output)


def test_lost_changes_are_reported(two: Workspace, sync: Sync, file: Path) -> None:
    sync()
    two.run(2)
    (two.place("night-2") / "changes.parquet").unlink()
    report = sync()
    assert (report.extent, report.reason) == ("full", "the changes of run night-2 are lost")
    assert "membership_changes and membership_history lack the changes of run night-2" in report.warnings[0].message
    assert ask(file, "SELECT DISTINCT run_id FROM membership_changes") == [("night-1",)]


def test_a_damaged_file_leaves_the_tables_as_they_are(two: Workspace, sync: Sync, file: Path) -> None:
    sync()
    before = sqlite_tables(file)
    two.run(2)
    [part] = (two.place("night-2") / "membership").iterdir()
    content = bytearray(part.read_bytes())
    content[4:40] = bytes(36)
    part.write_bytes(content)
    with pytest.raises(segbatch.PublishError, match="is damaged, or was deleted in the meantime"):
        sync(full=True)
    assert sqlite_tables(file) == before


def test_progress_counts_the_rows_that_are_sent(two: Workspace, sync: Sync) -> None:
    seen = list[tuple[int, int]]()
    sync(progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (5, 5)
    two.run(2)
    seen.clear()
    sync(progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (8, 8)  # for the members, and for the table of changes


@pytest.mark.usefixtures("two")
def test_a_second_synchronisation_is_refused_or_waits(sync: Sync, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = adbc_driver_sqlite.dbapi.connect(str(file))  # locks of another library in this process would not count
    with first.cursor() as cursor:
        cursor.execute("CREATE TABLE mine (a)")
    with pytest.raises(segbatch.LockedError) as caught:
        sync()
    advice = "another synchronisation is writing the tables; run it again later, or wait for it (--wait)"
    assert str(caught.value) == f"sqlite:///{file}: {advice}"
    told = list[str]()

    def release(_seconds: float) -> None:
        first.rollback()

    monkeypatch.setattr("time.sleep", release)
    assert sync(lock_policy=segbatch.LockPolicy(wait=True, on_wait=told.append)).extent == "full"
    assert told == [f"sqlite:///{file}: another synchronisation is writing the tables; waiting for it"]
    first.close()


def test_rows_that_change_all_the_time_are_an_error(
    two: Workspace, sync: Sync, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync()
    two.run(2)
    run = Session._run  # noqa: SLF001 - the driver's calls

    def harm(session: Session, sql: str) -> int:
        if "UNIQUE INDEX" in sql or "segbatch_leaving (" in sql:
            run(session, "INSERT INTO membership SELECT segment_id, contact_id || '+' FROM membership LIMIT 1")
            run(session, "INSERT INTO membership SELECT segment_id, contact_id FROM membership")
        return run(session, sql)

    monkeypatch.setattr(Session, "_run", harm)
    with pytest.raises(segbatch.DatabaseError, match="another program changes the tables at the same time"):
        sync()


ADDRESSES: dict[str, str] = {
    "": "the address of the database is not valid; write it like postgresql://HOST/DATABASE",
    "mysql://ann:canary-secret@host/db": "the address of the database is not valid; write it like",
    "snowflake://ann:canary-secret@host/db": "snowflake://host/db: sync writes to PostgreSQL or SQLite only",
    "sqlite:///x.db#runs": "sqlite:///x.db#runs: sync has the names of its tables; leave out '#'",
}


@pytest.mark.parametrize("address", ADDRESSES)
def test_addresses_that_cannot_be_written(two: Workspace, address: str) -> None:
    with pytest.raises(segbatch.UsageError) as caught:
        segbatch.sync(address, two.output)
    assert ADDRESSES[address] in str(caught.value)
    assert "canary" not in str(caught.value)


@pytest.mark.usefixtures("two")
def test_schemas_of_a_file(sync: Sync, file: Path) -> None:
    with pytest.raises(segbatch.UsageError, match="SQLite has no schemas; leave out --schema"):
        sync(schema="audiences")
    assert not file.exists()


def test_nothing_is_created_for_an_output_without_runs(sync: Sync, file: Path, tmp_path: Path) -> None:
    with pytest.raises(segbatch.UsageError, match="nothing is published there"):
        sync(output=tmp_path / "none")
    assert not file.exists()


def test_the_public_function_is_found() -> None:
    assert segbatch.sync.__module__ == "segbatch.exports.database.sync"
    assert segbatch.SyncReport.__module__ == "segbatch.exports.database.sync"
