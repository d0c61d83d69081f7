"""The users of docs/permissions.md can do their task with these permissions, and nothing else."""

import re
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import segbatch
from postgres_server import PostgresServer
from segbatch.errors import DatabaseError, SegbatchError
from workspace import Workspace

PAGE = Path(__file__).parents[2] / "docs/permissions.md"
USERS = {"segbatch_reader": "choose-one", "segbatch_writer": "choose-another", "segbatch_analyst": "choose-a-third"}


@pytest.fixture
def granted(database: PostgresServer) -> PostgresServer:
    """A database with a table of contacts and one of invoices, after the statements of the page."""
    database.execute("CREATE SCHEMA crm; CREATE TABLE crm.contacts AS SELECT 'ann' AS id, 'pro' AS plan;")
    database.execute("CREATE TABLE crm.invoices AS SELECT 1 AS amount;")
    database.execute("".join(f"DROP ROLE IF EXISTS {user};" for user in USERS))
    section = PAGE.read_text().split("## PostgreSQL")[1].split("\n## ")[0]
    for statements in re.findall(r"```sql\n(.*?)```", section, re.DOTALL):
        database.execute(statements)
    return database


def as_user(server: PostgresServer, user: str) -> PostgresServer:
    return replace(server, user=user, password=USERS[user])


def published(folder: Path) -> Workspace:
    workspace = Workspace(folder)
    workspace.contacts(ann="pro", bob="pro")
    workspace.segment("pro")
    workspace.run(0)
    return workspace


def test_the_reader_reads_the_contacts_and_nothing_else(granted: PostgresServer, tmp_path: Path) -> None:
    reader = as_user(granted, "segbatch_reader")
    segbatch.write_snapshot(reader.address, tmp_path / "contacts.parquet", table="crm.contacts")
    assert pq.read_table(tmp_path / "contacts.parquet").to_pylist() == [{"id": "ann", "plan": "pro"}]
    with pytest.raises(SegbatchError, match="permission denied"):
        segbatch.write_snapshot(reader.address, tmp_path / "invoices.parquet", table="crm.invoices")


def test_the_writer_syncs_and_the_analyst_only_reads(granted: PostgresServer, tmp_path: Path) -> None:
    workspace = published(tmp_path)
    writer, analyst = as_user(granted, "segbatch_writer"), as_user(granted, "segbatch_analyst")
    segbatch.sync(writer.address, workspace.output, schema="audiences")
    workspace.contacts(ann="pro", bob="free", cem="pro")
    workspace.run(1)
    segbatch.sync(writer.address, workspace.output, schema="audiences")
    assert analyst.execute("SELECT contact_id FROM audiences.membership ORDER BY 1") == "ann\ncem"
    with pytest.raises(AssertionError, match="permission denied"):
        analyst.execute("DELETE FROM audiences.membership")
    workspace.run(2)
    with pytest.raises(DatabaseError, match="permission denied"):
        segbatch.sync(analyst.address, workspace.output, schema="audiences")
