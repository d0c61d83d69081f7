"""Snapshots of a real PostgreSQL server: types, read-only queries, broken connections, kills, and secrets."""

import datetime as dt
import json
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterable, Iterator
from decimal import Decimal
from pathlib import Path
from threading import Thread

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import segbatch
from asking import wait_until
from builders import rule, write_segment
from calling import Commands
from postgres_server import PASSWORD, PostgresServer
from segbatch.errors import DatabaseError, SnapshotError
from segbatch.snapshot.database import rows
from segbatch.snapshot.database.column_types import QueryColumns
from segbatch.snapshot.database.postgres_query import CheckedQuery

PEOPLE = """
CREATE SCHEMA crm;
CREATE TABLE crm.contacts AS SELECT
    i AS id,
    'user' || i || '@example.com' AS email,
    (ARRAY['active', 'left', NULL])[1 + i % 3] AS status,
    timestamptz '2025-01-01 00:00+02' + i * interval '1 hour' AS created_at,
    (i % 100 * 1.25)::numeric(10, 2) AS mrr,
    jsonb_build_object('plan', (ARRAY['pro', 'free'])[1 + i % 2], 'seats', i % 7) AS custom_fields
FROM generate_series(1, 2000) i;
CREATE TABLE crm."Order" AS SELECT i % 500 AS contact_id, i * 0.5::numeric(8, 1) AS amount
    FROM generate_series(1, 1000) i;
"""


@pytest.fixture
def crm(database: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PostgresServer:
    """A database with contacts and orders; segments over them are in the working directory."""
    monkeypatch.chdir(tmp_path)
    database.execute(PEOPLE)
    write_segment(Path("segments"), "pro", rule("custom_fields.plan", "eq", "pro"), rule("mrr", "gt", 100))
    write_segment(Path("segments"), "new", rule("created_at", "gte", "2025-03-01"), rule("status", "neq", "left"))
    return database


def read(server: PostgresServer, query: str) -> pa.Table:
    segbatch.write_snapshot(server.address, "x.parquet", query=query)
    return pq.read_table("x.parquet")


ARRAYS = """SELECT n AS id, ARRAY['a', NULL] AS "it's", CASE WHEN n = 3 THEN ARRAY[[1, 2], [3, 4]] END AS "my ""x"
    FROM generate_series(1, {}) n ORDER BY n DESC -- the last first"""


def test_an_array_of_several_dimensions_is_refused(crm: PostgresServer) -> None:
    message = """the column 'my "x' has an array of several dimensions, which a snapshot cannot store; write to_json"""
    with pytest.raises(SnapshotError, match=message):
        read(crm, ARRAYS.format(5))
    assert not Path("x.parquet").exists()


def test_the_driver_goes_on_while_a_row_group_is_written(crm: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "_POSTGRES_OPTIONS", {"adbc.postgresql.batch_size_hint_bytes": "1000"})
    convert, converted, fetched = CheckedQuery.result, list[int](), list[int]()

    def counted(query: CheckedQuery, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in convert(query, batches):
            fetched.append(len(batch))
            yield batch

    def slow(columns: QueryColumns, batch: pa.RecordBatch) -> pa.RecordBatch:
        if not converted:
            wait_until(lambda: len(fetched) > 16)
        converted.append(len(batch))
        return convert_batch(columns, batch)

    convert_batch = QueryColumns.convert
    monkeypatch.setattr(CheckedQuery, "result", counted)
    monkeypatch.setattr(QueryColumns, "convert", slow)
    assert len(read(crm, "SELECT * FROM crm.contacts")) == sum(fetched) == sum(converted) == 2000


def test_lists_are_read_in_the_order_of_the_query(crm: PostgresServer) -> None:
    table = read(crm, ARRAYS.format(2))
    assert table.column_names == ["id", "it's", 'my "x']
    assert table["id"].to_pylist() == [2, 1]
    assert table["it's"].to_pylist() == [["a", None]] * 2
    assert read(crm, "VALUES (ARRAY[1], 2)").num_columns == 2


def test_the_types_of_columns(crm: PostgresServer) -> None:
    table = read(
        crm,
        """SELECT 1::int8 AS big, 1::int2 AS small, 1.5::float8 AS float, 12.50::numeric(6, 2) AS price,
        7::numeric AS free, true AS yes, date '2025-02-28' AS day, timestamptz '2025-01-01 00:00+02' AS moment,
        timestamp '2025-01-01 00:00' AS clock, '123e4567-e89b-12d3-a456-426614174000'::uuid AS uid,
        '{"b": 1, "a": [1.50]}'::jsonb AS fields, '{"b":1}'::json AS raw, ARRAY['a', NULL] AS tags,
        ARRAY[1.5, 2]::numeric(4, 1)[] AS prices, 'é'::text AS name, NULL::int4 AS nothing, 'NaN'::numeric AS nan""",
    )
    assert table.schema.field("price").type == pa.decimal128(6, 2)
    assert table.schema.field("free").type == pa.decimal128(38, 9)
    assert table.schema.field("moment").type == pa.timestamp("us", "UTC")
    assert table.schema.field("uid").type == pa.uuid()
    assert table.to_pylist() == [
        {
            "big": 1,
            "small": 1,
            "float": 1.5,
            "price": Decimal("12.50"),
            "free": Decimal("7.000000000"),
            "yes": True,
            "day": dt.date(2025, 2, 28),
            "moment": dt.datetime(2024, 12, 31, 22, tzinfo=dt.UTC),
            "clock": dt.datetime(2025, 1, 1),  # noqa: DTZ001 - a time without a zone
            "uid": uuid.UUID("123e4567-e89b-12d3-a456-426614174000"),
            "fields": '{"a": [1.50], "b": 1}',
            "raw": '{"b":1}',
            "tags": ["a", None],
            "prices": [Decimal("1.500000000"), Decimal("2.000000000")],
            "name": "é",
            "nothing": None,
            "nan": None,
        }
    ]


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("interval '1 day'", "the column 'x' has the type interval"),
        ("'1.50'::money", "the column 'x' has the type money"),
        ("'10.0.0.1'::inet", "the column 'x' has the type inet, which a snapshot cannot store; cast it to text"),
        ("'infinity'::date", "the column 'x' has an infinite date"),
        ("'-infinity'::timestamptz", "the column 'x' has an infinite date"),
        ("'294276-12-31'::timestamp", "the column 'x' has a date after the year 294246"),
        ("1 / 3.0", "cannot store exactly; cast it in the query"),
        ("1e30::numeric + 1e-9", r'example CAST\("x" AS double precision\)$'),
        ("('Bonn', 53111)", "the driver cannot read a value of the column x; cast it in the query"),
        ("'[2:3]={a,b}'::text[]", "the driver cannot read a value of the column x; cast it in the query"),
        ("'Infinity'::numeric", "cannot store exactly"),
        ("1::numeric(39, 1)", "the column 'x' has the type numeric"),
    ],
)
def test_values_that_would_not_be_exact_are_refused(crm: PostgresServer, expression: str, message: str) -> None:
    with pytest.raises(SnapshotError, match=message):
        read(crm, f"SELECT {expression} AS x")
    assert read(crm, f"SELECT ({expression})::text AS x").num_rows == 1


def test_a_table_that_does_not_exist_is_not_called_a_query(crm: PostgresServer) -> None:
    with pytest.raises(
        DatabaseError, match=r"the table 'crm\.nope' cannot be read: relation \"crm\.nope\" does not exist"
    ):
        segbatch.write_snapshot(crm.address, "c.parquet", table="crm.nope")


def test_a_query_cannot_change_the_database(crm: PostgresServer) -> None:
    crm.execute("CREATE FUNCTION clear() RETURNS int LANGUAGE sql AS 'DELETE FROM crm.contacts; SELECT 1'")
    changes = "DELETE FROM crm.contacts RETURNING id"
    for query in ("SELECT clear()", changes, f"WITH x AS ({changes}) SELECT * FROM x", "DELETE FROM crm.contacts"):
        with pytest.raises((DatabaseError, SnapshotError)):
            read(crm, query)
    assert crm.execute("SELECT count(*) FROM crm.contacts") == "2000"


def members(output: str) -> list[tuple[object, ...]]:
    import duckdb  # noqa: PLC0415 - only one test asks

    with duckdb.connect(f"{output}/segbatch.duckdb", read_only=True) as connection:
        found: list[tuple[object, ...]] = connection.execute(
            "SELECT segment_id, contact_id FROM membership ORDER BY ALL"
        ).fetchall()
        return found


def test_a_run_has_the_members_that_sql_finds(crm: PostgresServer) -> None:
    buyers = {"table": "orders", "aggregate": "sum", "field": "amount", "operator": "gte", "value": 700}
    write_segment(Path("segments"), "buyers", buyers)
    order = f'{crm.address}#crm."Order"'
    segbatch.run(f"{crm.address}#crm.contacts", output="a", tables={"orders": order})
    query = "SELECT id, status, created_at, mrr, custom_fields FROM crm.contacts"
    segbatch.run(crm.address, output="b", query=query, tables={"orders": order})
    expected = crm.execute(
        """SELECT 'buyers' AS s, contact_id FROM crm."Order" JOIN crm.contacts ON id = contact_id
               GROUP BY 2 HAVING sum(amount) >= 700
           UNION ALL SELECT 'new', id FROM crm.contacts
               WHERE created_at >= '2025-03-01 00:00Z' AND status IS DISTINCT FROM 'left'
           UNION ALL SELECT 'pro', id FROM crm.contacts WHERE custom_fields ->> 'plan' = 'pro' AND mrr > 100
           ORDER BY 1, 2"""
    )
    lines = [f"{segment}|{contact}" for segment, contact in members("a")]
    assert lines == expected.splitlines()
    assert {line.partition("|")[0] for line in lines} == {"buyers", "new", "pro"}
    assert members("a") == members("b")


def test_a_connection_that_is_ended_keeps_the_old_file(crm: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> None:
    segbatch.write_snapshot(crm.address, "c.parquet", table="crm.contacts")
    before = Path("c.parquet").read_bytes()
    monkeypatch.setattr(rows, "_GROUP_ROWS", 1_000)
    ended: list[int] = []

    def end(done: int) -> None:
        if not ended:
            ended.append(done)
            crm.end_connections()

    endless = "SELECT generate_series(1, 100000000) AS id, repeat('x', 1000) AS text"
    with pytest.raises(DatabaseError) as caught:
        segbatch.write_snapshot(crm.address, "c.parquet", query=endless, progress=end)
    assert str(caught.value).removeprefix(f"postgresql://127.0.0.1:{crm.port}/{crm.database}: ").split(";")[0] in {
        "the connection was lost",
        "the server ended the connection",
    }
    assert Path("c.parquet").read_bytes() == before
    assert segbatch.write_snapshot(crm.address, "c.parquet", table="crm.contacts").source.rows == 2_000


def test_a_limit_of_time_of_the_server_is_reported(crm: PostgresServer) -> None:
    crm.execute(f"ALTER DATABASE {crm.database} SET statement_timeout = '100ms'")
    with pytest.raises(DatabaseError, match="the query was cancelled, for example by a time limit"):
        read(crm, "SELECT 1 AS id FROM pg_sleep(10)")


def test_a_value_that_is_not_valid_is_not_shown(crm: PostgresServer) -> None:
    with pytest.raises(DatabaseError) as caught:
        read(crm, "SELECT id, email::int AS x FROM crm.contacts")
    assert "the query computes a value that is not valid" in str(caught.value)
    assert "example.com" not in str(caught.value)


WORDS = {signal.SIGTERM: "terminated", signal.SIGINT: "interrupted"}


@pytest.mark.parametrize(("sent", "status"), [(signal.SIGKILL, -9), (signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_killed_snapshot_leaves_the_old_file_and_a_retry_works(
    crm: PostgresServer, sent: signal.Signals, status: int
) -> None:
    segbatch.write_snapshot(crm.address, "c.parquet", table="crm.contacts")
    before = Path("c.parquet").read_bytes()
    query = "SELECT id, md5(id::text) AS text FROM (SELECT generate_series(1, 100000000) AS id) AS all_ids"
    command = [sys.executable, "-m", "segbatch", "snapshot", crm.address, "--query", query, "--to", "c.parquet"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as program:
        until = time.monotonic() + 60
        while not [path for path in Path().glob(".segbatch-*") if path.stat().st_size] and time.monotonic() < until:
            time.sleep(0.02)
        program.send_signal(sent)
        asked = time.monotonic()
        _, err = program.communicate(timeout=30)
    assert time.monotonic() - asked < 3
    assert program.returncode == status
    assert err == ("" if sent == signal.SIGKILL else f"error: {WORDS[sent]}; nothing was written\n")
    assert Path("c.parquet").read_bytes() == before
    segbatch.write_snapshot(crm.address, "c.parquet", table="crm.contacts")
    assert pq.read_metadata("c.parquet").num_rows == 2_000
    assert not [*Path().glob(".segbatch-*")]


def test_the_rows_are_those_of_one_moment(crm: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "_GROUP_ROWS", 500)
    crm.execute("CREATE TABLE wide AS SELECT i AS id, repeat('x', 2000) AS text FROM generate_series(1, 40000) i")
    writer = Thread(target=lambda: crm.execute("DELETE FROM wide WHERE id > 20000"))
    started: list[int] = []

    def start(done: int) -> None:
        if not started:
            started.append(done)
            writer.start()

    written = segbatch.write_snapshot(crm.address, "c.parquet", table="wide", progress=start)
    writer.join()
    assert written.source.rows == 40_000
    assert crm.execute("SELECT count(*) FROM wide") == "20000"


def texts(folder: Path) -> Iterator[tuple[Path, bytes]]:
    for path in folder.rglob("*"):
        if path.is_file():
            yield path, path.read_bytes()


def test_the_password_is_in_no_file_and_no_output(
    crm: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    commands, address, shown = Commands(monkeypatch, capsys), crm.address, ""
    contacts = f"{address}#crm.contacts"
    for arguments in (
        ["run", "--contacts", contacts, "--table", f'orders={address}#crm."Order"', "--metrics-file", "m.prom"],
        ["run", "--contacts", address, "--query", "SELECT * FROM crm.contacts", "--log-format", "json"],
        ["run", "--contacts", contacts, "--dry-run", "--json"],
        ["run", "--contacts", f"{address}#crm.nope"],
        ["preview", "pro", "--contacts", contacts],
        ["snapshot", address, "--from", "crm.contacts", "--to", "c.parquet", "--json"],
        ["run", "--contacts", "c.parquet", "--json"],
        ["runs", "show", "--json"],
        ["query", "FROM runs"],
        ["verify"],
    ):
        assert commands(*arguments) == (1 if "nope" in str(arguments) else 0), commands.err
        shown += commands.out + commands.err
    assert PASSWORD not in shown
    assert "postgresql://127.0.0.1" in shown
    assert [path for path, content in texts(tmp_path) if PASSWORD.encode() in content] == []
    run = tmp_path / "output" / "runs" / Path("output/current").read_text().strip()
    manifest = json.loads((run / "manifest.json").read_text())
    assert manifest["snapshot"][0]["database"]["address"] == f"postgresql://127.0.0.1:{crm.port}/{crm.database}"
