"""Tables that an earlier version of segbatch wrote, whose unique index of members begins with the segment."""

import hashlib
import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import duckdb
import pytest

import segbatch
from database_tables import NAMES, published_tables, sqlite_tables
from workspace import Workspace

from .conftest import Sync

pytestmark = pytest.mark.slow  # each makes several runs

EARLIER = (
    "DROP INDEX membership_contact_id_segment_id",
    "DROP INDEX membership_segment_id",
    "CREATE UNIQUE INDEX membership_segment_id_contact_id ON membership (segment_id, contact_id)",
    "CREATE INDEX membership_contact_id ON membership (contact_id)",
)
OF_MEMBERSHIP = "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = 'membership' ORDER BY name"


def earlier_layout(output: Path) -> str:
    """Return the checksum in the record of tables of the first version, for the columns that DuckDB shows."""
    with duckdb.connect(str(output / "segbatch.duckdb"), read_only=True) as connection:
        tables = [[name, [row[:2] for row in connection.execute(f"DESCRIBE {name}").fetchall()]] for name in NAMES]
    return hashlib.sha256(json.dumps([1, *tables]).encode()).hexdigest()


def execute(file: Path, statements: Sequence[str]) -> None:
    with closing(sqlite3.connect(file)) as connection, connection:
        for sql in statements:
            connection.execute(sql)


def rows(file: Path, sql: str) -> list[tuple[str, ...]]:
    with closing(sqlite3.connect(file)) as connection:
        return connection.execute(sql).fetchall()


@pytest.fixture
def indexes(two: Workspace, sync: Sync, file: Path) -> list[tuple[str, ...]]:
    """Tables of the first version, with a view. These are the indexes of members that the present version has."""
    sync()
    present = rows(file, OF_MEMBERSHIP)
    record = f"UPDATE segbatch_sync SET layout = '{earlier_layout(two.output)}'"
    mark = "UPDATE membership SET rowid = rowid + 1000"
    execute(file, (*EARLIER, record, mark, "CREATE VIEW pros AS SELECT * FROM membership WHERE segment_id = 'pro'"))
    assert len(present) == len(rows(file, OF_MEMBERSHIP)) == 2
    return present


def test_only_the_indexes_are_replaced(two: Workspace, sync: Sync, file: Path, indexes: list[tuple[str, ...]]) -> None:
    kept = "SELECT rowid FROM membership WHERE segment_id = 'pro' AND contact_id = 'bob'"
    before = rows(file, kept)
    two.run(2)
    report = sync()
    assert (report.extent, report.reason, report.previous_run_id) == ("changes", "", "night-1")
    assert (report.rows.membership.added, report.rows.membership_changes.added) == (2, 4)
    assert sqlite_tables(file) == published_tables(two.output)
    assert rows(file, OF_MEMBERSHIP) == indexes
    assert rows(file, kept) == before
    assert rows(file, "SELECT contact_id FROM pros ORDER BY 1") == [("ann",), ("bob",), ("cem",)]
    two.run(3)
    assert sync().extent == "changes"
    assert rows(file, OF_MEMBERSHIP) == indexes


def test_all_rows_can_be_compared_meanwhile(
    two: Workspace, sync: Sync, file: Path, indexes: list[tuple[str, ...]]
) -> None:
    execute(file, ["DELETE FROM membership WHERE contact_id = 'ann'", "DROP INDEX membership_contact_id"])
    two.run(2)
    assert sync().reason == "another program changed the tables"
    assert sqlite_tables(file) == published_tables(two.output)
    assert rows(file, OF_MEMBERSHIP) == indexes


def test_a_run_that_is_there_needs_no_other_indexes(sync: Sync, file: Path, indexes: list[tuple[str, ...]]) -> None:
    before = file.read_bytes()
    assert sync().extent == "none"
    assert file.read_bytes() == before
    report = sync(full=True)
    assert (report.extent, report.rows.membership.added, report.rows.membership.removed) == ("full", 0, 0)
    assert rows(file, OF_MEMBERSHIP) == indexes


@pytest.mark.usefixtures("indexes")
def test_a_failure_leaves_the_earlier_indexes(
    two: Workspace, sync: Sync, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = rows(file, OF_MEMBERSHIP)
    two.run(2)

    def fail(_session: object) -> None:
        raise segbatch.DatabaseError("lost")

    monkeypatch.setattr("segbatch.exports.database.session.Session.commit", fail)
    with pytest.raises(segbatch.DatabaseError, match="lost"):
        sync()
    assert rows(file, OF_MEMBERSHIP) == before


@pytest.mark.usefixtures("indexes")
def test_other_columns_are_written_again(two: Workspace, sync: Sync, file: Path) -> None:
    execute(file, ["UPDATE segbatch_sync SET layout = 'of other columns'"])
    assert sync().reason == "the tables were of an earlier version or had other contact ids"
    assert sqlite_tables(file) == published_tables(two.output)
    assert rows(file, "SELECT contact_id FROM pros") == [("bob",)]
