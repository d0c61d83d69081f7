"""`segbatch sync` with a real PostgreSQL server."""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from threading import Event, Thread

import pyarrow as pa
import pytest

import segbatch
from database_tables import Tables, published_tables, tables_of, without_run
from exports.database.test_earlier_version import EARLIER, earlier_layout
from exports.database.test_types import two_runs
from id_columns import ID_COLUMNS, LARGE_NUMBERS
from postgres_server import PASSWORD, PostgresServer
from run_sequences import RunSequence
from segbatch.platform.adbc import Connection, open_connection
from segbatch.platform.database_url import read_database_url
from workspace import Workspace

TESTS = Path(__file__).parents[1]
COUNTS = "SELECT count(*), count(DISTINCT (segment_id, contact_id)) FROM audiences.membership"


def connect(server: PostgresServer) -> AbstractContextManager[Connection]:
    return open_connection(read_database_url(server.address, "DATABASE"))


def stored(server: PostgresServer) -> Tables:
    """Return the tables as a reader sees them, in one transaction."""
    with connect(server) as connection:
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        return tables_of(connection, "audiences")


def start(*arguments: str) -> "subprocess.Popen[str]":
    """Start Python in another process."""
    environment = {**os.environ, "PYTHONPATH": str(TESTS)}
    return subprocess.Popen(
        [sys.executable, *arguments], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def call(server: PostgresServer, place: Workspace, *options: str) -> tuple[int, str]:
    """Run the command, and return its status and all that it printed."""
    ended = start("-m", "segbatch", "sync", server.address, "--output", str(place.output), *options)
    out, err = ended.communicate()
    return ended.returncode, out + err


@pytest.mark.parametrize("seed", range(200, 206))
def test_the_tables_follow_any_sequence(database: PostgresServer, tmp_path: Path, seed: int) -> None:
    sequence = RunSequence(tmp_path, seed)
    output = sequence.place.output
    for number in range(12):
        sequence.act()
        if sequence.random.random() < 0.6 or number == 11:
            report = segbatch.sync(database.address, output)
            sequence.log.append(f"sync: {report.extent} {report.reason} {report.undone}")
            found = stored(database)
            if sequence.lost_run is not None:  # its changes stay in a database that has them
                found["membership_changes"][1][:] = without_run(found, sequence.lost_run)
            assert found == published_tables(output), (seed, sequence.log)
            assert segbatch.sync(database.address, output).extent == "none"


TYPES = {"text": "text", "dictionary": "text", "uuid": "uuid", "16 bytes": "uuid", "bytes": "bytea", "5 bytes": "bytea"}


@pytest.mark.parametrize("name", [*ID_COLUMNS, *LARGE_NUMBERS])
def test_ids_keep_their_types_and_values(database: PostgresServer, workspace: Workspace, name: str) -> None:
    two_runs(workspace, {**ID_COLUMNS, **LARGE_NUMBERS}[name])
    segbatch.sync(database.address, workspace.output)
    kind = database.execute("SELECT DISTINCT pg_typeof(contact_id) FROM audiences.membership")
    assert kind == TYPES.get(name, "numeric" if name in LARGE_NUMBERS else "bigint")
    if name != "16 bytes":  # DuckDB shows them as bytes, as the file does not say that they are UUIDs
        assert stored(database) == published_tables(workspace.output)


def test_a_text_that_postgres_cannot_store(database: PostgresServer, workspace: Workspace) -> None:
    two_runs(workspace, pa.array(["a", "canary\0id", "c"]))
    with pytest.raises(segbatch.DatabaseError) as caught:
        segbatch.sync(database.address, workspace.output)
    assert str(caught.value).endswith(": PostgreSQL cannot store a text with a NUL character; the tables are unchanged")
    assert "canary" not in str(caught.value)


def test_times_lists_and_json_have_types_of_their_own(database: PostgresServer, two: Workspace) -> None:
    two.segment("pro", owner="ann", tags=["a", "b"])
    two.run(2)
    segbatch.sync(database.address, two.output)
    sql = (
        "SELECT definition ->> 'owner', tags[2], pg_typeof(expires_at) FROM audiences.segments WHERE segment_id = 'pro'"
    )
    assert database.execute(sql) == "ann|b|timestamp with time zone"
    assert database.execute("SELECT as_of AT TIME ZONE 'UTC' FROM audiences.runs WHERE run_number = 1") == (
        "2025-11-01 02:00:00"
    )


def test_views_and_grants_of_analysts_survive(database: PostgresServer, two: Workspace) -> None:
    segbatch.sync(database.address, two.output)
    database.execute("CREATE VIEW pros AS SELECT contact_id FROM audiences.membership WHERE segment_id = 'pro'")
    oids = "SELECT string_agg(oid::text, ',' ORDER BY relname) FROM pg_class WHERE relname ~ '^memb'"
    before = database.execute(oids)
    two.run(2)
    segbatch.sync(database.address, two.output)
    two.run(3)
    segbatch.sync(database.address, two.output, full=True)
    assert database.execute("SELECT * FROM pros ORDER BY 1") == "ann\nbob\ncem"
    assert database.execute(oids) == before


def test_tables_of_an_earlier_version_keep_views_and_grants(database: PostgresServer, two: Workspace) -> None:
    segbatch.sync(database.address, two.output)
    indexes = "SELECT indexdef FROM pg_indexes WHERE schemaname = 'audiences' ORDER BY indexname"
    present = database.execute(indexes)
    database.execute(f"SET search_path = audiences; {'; '.join(EARLIER)}")
    database.execute(f"UPDATE audiences.segbatch_sync SET layout = '{earlier_layout(two.output)}'")
    database.execute("CREATE VIEW pros AS SELECT contact_id FROM audiences.membership WHERE segment_id = 'pro'")
    database.execute("GRANT SELECT ON audiences.membership, audiences.runs TO PUBLIC")
    tables = "SELECT oid, relacl FROM pg_class WHERE relnamespace = 'audiences'::regnamespace AND relkind = 'r'"
    before = database.execute(f"{tables} ORDER BY 1")
    two.run(2)
    assert segbatch.sync(database.address, two.output).extent == "changes"
    assert stored(database) == published_tables(two.output)
    assert database.execute("SELECT * FROM pros ORDER BY 1") == "ann\nbob\ncem"
    assert database.execute(f"{tables} ORDER BY 1") == before
    assert database.execute(indexes) == present


@pytest.mark.parametrize(
    "harm", ["DELETE FROM audiences.membership", "INSERT INTO audiences.membership VALUES ('pro', 'ann')"]
)
def test_rows_that_another_program_changed_are_repaired(database: PostgresServer, two: Workspace, harm: str) -> None:
    segbatch.sync(database.address, two.output)
    two.run(2)
    database.execute(harm)
    assert segbatch.sync(database.address, two.output).reason == "another program changed the tables"
    assert stored(database) == published_tables(two.output)


def test_other_columns_are_refused_while_a_view_needs_the_tables(database: PostgresServer, two: Workspace) -> None:
    segbatch.sync(database.address, two.output)
    database.execute("UPDATE audiences.segbatch_sync SET layout = 'of other columns'")
    database.execute("CREATE VIEW pros AS SELECT contact_id FROM audiences.membership WHERE segment_id = 'pro'")
    before = stored(database)
    with pytest.raises(segbatch.DatabaseError) as caught:
        segbatch.sync(database.address, two.output)
    reason = "cannot drop table audiences.membership because other objects depend on it; the tables are unchanged"
    assert str(caught.value).endswith(f": PostgreSQL reports: {reason}")
    assert stored(database) == before
    database.execute("DROP VIEW pros")
    assert segbatch.sync(database.address, two.output).extent == "full"


def test_a_user_needs_no_more_than_a_schema(database: PostgresServer, two: Workspace) -> None:
    role = f"writer_{database.database}"
    database.execute(f"CREATE ROLE {role} LOGIN PASSWORD '{PASSWORD}'")
    address = database.address.replace(database.user, role)
    try:
        with pytest.raises(segbatch.DatabaseError) as caught:
            segbatch.sync(address, two.output)
        reason = f"PostgreSQL reports: permission denied for database {database.database}; the tables are unchanged"
        assert str(caught.value).endswith(reason)
        assert PASSWORD not in str(caught.value)
        database.execute(f"CREATE SCHEMA own; GRANT USAGE, CREATE ON SCHEMA own TO {role}")
        assert segbatch.sync(address, two.output, schema="own").extent == "full"
        two.run(2)
        assert segbatch.sync(address, two.output, schema="own").extent == "changes"
    finally:
        database.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")


def test_tables_of_another_program_are_never_touched(database: PostgresServer, two: Workspace) -> None:
    database.execute("CREATE SCHEMA audiences; CREATE TABLE audiences.runs (a int)")
    with pytest.raises(
        segbatch.UsageError, match=r"segbatch sync did not create: runs; name another schema \(--schema"
    ):
        segbatch.sync(database.address, two.output)
    assert segbatch.sync(database.address, two.output, schema='odd "schema"').extent == "full"
    assert segbatch.sync(database.address, two.output, schema='odd "schema"').extent == "none"


def test_a_second_synchronisation_is_refused_or_waits(database: PostgresServer, two: Workspace) -> None:
    lock = "SELECT pg_advisory_xact_lock(hashtextextended('segbatch sync audiences', 0))"
    told, is_told = list[str](), Event()

    def tell(message: str) -> None:
        told.append(message)
        is_told.set()

    with connect(database) as owner:
        with owner.cursor() as cursor:
            cursor.execute(lock)
        status, printed = call(database, two)
        assert (status, PASSWORD in printed) == (75, False)
        assert "another synchronisation is writing the tables; run it again later, or wait for it (--wait)" in printed
        policy = segbatch.LockPolicy(wait=True, on_wait=tell)
        waiting = Thread(target=segbatch.sync, args=(database.address, two.output), kwargs={"lock_policy": policy})
        waiting.start()
        assert is_told.wait(20)
        owner.rollback()
    waiting.join(20)
    assert len(told) == 1
    assert stored(database) == published_tables(two.output)


def test_eight_at_once_write_no_row_twice(database: PostgresServer, two: Workspace) -> None:
    for night in (2, 3):
        arguments = ("-m", "segbatch", "sync", database.address, "--output", str(two.output), "--wait")
        racing = [start(*arguments) for _ in range(8)]
        printed = [process.communicate()[0] for process in racing]
        assert [process.returncode for process in racing] == [0] * 8
        assert sum("nothing was written" in out for out in printed) == 7
        assert stored(database) == published_tables(two.output)
        two.run(night)


def kill_at(points: Sequence[str], server: PostgresServer, place: Workspace, before: Tables | None) -> None:
    """Kill a synchronisation at each of the points: a reader sees the tables from before, or the published ones."""
    for point in points:
        killed = start(str(TESTS / "killed_sync.py"), server.address, str(place.output), point)
        assert (killed.wait(), killed.communicate()[1]) == (-9, "")
        is_there = server.execute("SELECT to_regclass('audiences.membership')") != ""
        expected = published_tables(place.output) if point == "committed" else before
        assert (stored(server) if is_there else None) == expected, point


def test_killed_at_any_point_it_leaves_one_whole_run(database: PostgresServer, workspace: Workspace) -> None:
    workspace.crowd(3000, 1500)
    workspace.run(0)
    kill_at(["row:1", "row:3000", "commit", "committed"], database, workspace, None)
    before = published_tables(workspace.output)
    assert segbatch.sync(database.address, workspace.output).extent == "none"
    workspace.crowd(3000, 1400)
    workspace.run(1)
    kill_at(["row:1", "row:101", "row:201", "commit"], database, workspace, before)
    report = segbatch.sync(database.address, workspace.output)
    assert (report.extent, report.rows.membership.added, report.rows.membership.removed) == ("changes", 100, 100)
    assert stored(database) == published_tables(workspace.output)


def test_the_server_notices_a_killed_process(database: PostgresServer, two: Workspace) -> None:
    """A statement that takes long ends, and gives the lock back, within seconds."""
    code = """
import sys, segbatch
from segbatch.exports.database.session import Session
Session.commit = lambda session: (print("ready", flush=True), session.query("SELECT pg_sleep(600)"))
segbatch.sync(*sys.argv[1:])
"""
    sleeping = start("-c", code, database.address, str(two.output))
    assert sleeping.stdout is not None
    assert sleeping.stdout.readline() == "ready\n"
    sleeping.kill()
    sleeping.communicate()
    policy = segbatch.LockPolicy(wait=True)
    begun = time.monotonic()
    assert segbatch.sync(database.address, two.output, lock_policy=policy).extent == "full"
    assert time.monotonic() - begun < 60


def test_readers_see_one_run_at_a_time(database: PostgresServer, tmp_path: Path) -> None:
    sequence = RunSequence(tmp_path, 7)
    place, seen, stop = sequence.place, list[Tables](), Event()
    runs = [published_tables(place.output)]
    segbatch.sync(database.address, place.output)

    def read() -> None:
        while not stop.is_set():
            seen.append(stored(database))

    reader = Thread(target=read)
    reader.start()
    for act in (sequence.run_next, sequence.run_again, sequence.rename, sequence.rewind, sequence.start_over):
        act()
        runs.append(published_tables(place.output))
        segbatch.sync(database.address, place.output)
    stop.set()
    reader.join(20)
    assert all(tables in runs for tables in seen)
    assert any(tables != seen[0] for tables in seen)


def test_a_connection_that_is_lost_leaves_the_tables_as_they_are(database: PostgresServer, two: Workspace) -> None:
    segbatch.sync(database.address, two.output)
    before = stored(database)
    two.run(2)

    def lose(_done: int, _total: int) -> None:
        database.end_connections()

    with pytest.raises(segbatch.DatabaseError, match="the tables are unchanged"):
        segbatch.sync(database.address, two.output, progress=lose)
    assert stored(database) == before
    assert segbatch.sync(database.address, two.output).extent == "changes"


def test_no_credentials_are_shown_or_stored(database: PostgresServer, two: Workspace) -> None:
    for options in ((), ("--json",), ("--schema", "other", "--full")):
        status, printed = call(database, two, *options)
        assert (status, PASSWORD in printed, database.user in printed) == (0, False, False)
    wrong = database.address.replace(PASSWORD, "canary-wrong")
    ended = start("-m", "segbatch", "sync", wrong, "--output", str(two.output))
    out, err = ended.communicate()
    assert (ended.returncode, "canary" in out + err) == (1, False)
    assert "access is denied; set PGUSER and PGPASSWORD" in err
    assert PASSWORD not in database.execute("SELECT * FROM audiences.segbatch_sync")
