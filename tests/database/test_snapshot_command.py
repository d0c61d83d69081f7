"""`segbatch snapshot`: the rows of a query, once, in a file that is replaced in one step."""

import errno
import hashlib
import json
import sqlite3
import struct
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from threading import active_count
from time import monotonic, sleep
from typing import Any, Self

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import segbatch
from calling import Commands
from segbatch.errors import DatabaseError, SnapshotError, UsageError
from segbatch.platform.checksum_file import DigestingFile
from segbatch.snapshot.database import rows
from segbatch.snapshot.database.metadata import source_in
from segbatch.snapshot.locations import LocalFile
from segbatch.snapshot.parquet.files import open_file

from .conftest import Execute


def test_a_table_becomes_a_file_with_the_query_in_its_metadata(crm: str, commands: Commands, tmp_path: Path) -> None:
    assert commands("snapshot", crm, "--from", "contacts", "--to", "contacts.parquet", "--json") == 0
    written, file = json.loads(commands.out), tmp_path / "contacts.parquet"
    assert commands.err == ""
    assert pq.read_table(file).to_pylist()[0] == {"id": 1, "status": "active", "custom_fields": '{"plan": "pro"}'}
    assert written["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert (written["file"], written["rows"], written["size"]) == ("contacts.parquet", 3, file.stat().st_size)
    assert (written["address"], written["table"]) == (crm, "contacts")
    assert written["query"] == 'SELECT * FROM "contacts"'
    assert written["driver"].startswith("adbc-driver-sqlite 1.")
    source = open_file(LocalFile(file)).database
    assert source is not None
    assert source.model_dump(mode="json").items() <= written.items()


def test_the_digest_is_of_the_data_alone(crm: str, tmp_path: Path) -> None:
    written = [segbatch.write_snapshot(crm, tmp_path / f"{name}.parquet", table="contacts") for name in "ab"]
    assert written[0].source.data_sha256 == written[1].source.data_sha256
    assert written[0].source.read_at < written[1].source.read_at
    content = (tmp_path / "a.parquet").read_bytes()
    footer = struct.unpack("<I", content[-8:-4])[0] + 8
    assert hashlib.sha256(content[:-footer]).hexdigest() == written[0].source.data_sha256


def test_a_query_may_end_with_a_semicolon_or_a_comment(crm: str, commands: Commands) -> None:
    for query in ("SELECT id FROM contacts;", "SELECT id FROM contacts -- all"):
        assert commands("snapshot", crm, "--query", query, "--to", "ids.parquet") == 0
        assert commands.out == f"3 rows of {crm} in ids.parquet\n"


def test_an_earlier_snapshot_is_replaced_and_keeps_its_mode(crm: str, execute: Execute, tmp_path: Path) -> None:
    to = tmp_path / "contacts.parquet"
    segbatch.write_snapshot(crm, to, table="contacts")
    to.chmod(0o600)
    execute("DELETE FROM contacts WHERE id = 3")
    assert segbatch.write_snapshot(crm, to, table="contacts").source.rows == 2
    assert pq.read_metadata(to).num_rows == 2
    assert to.stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["contacts.parquet", "crm.db", "segments"]


@pytest.mark.parametrize("kind", ["text", "parquet", "filtered"])
def test_a_file_that_is_not_a_snapshot_of_a_database_is_kept(crm: str, tmp_path: Path, kind: str) -> None:
    to = tmp_path / "contacts.parquet"
    if kind == "text":
        to.write_text("precious")
    elif kind == "parquet":
        pq.write_table(pa.table({"id": [1]}), to)
    else:
        segbatch.write_snapshot(crm, to, table="contacts")
        metadata = pq.read_metadata(to).metadata
        pq.write_table(pq.read_table(to).slice(0, 1).replace_schema_metadata(metadata), to)
        assert source_in(pq.read_metadata(to).metadata, 3) is not None
    before = to.read_bytes()
    with pytest.raises(
        UsageError, match=r"contacts.parquet: exists, and was not written by segbatch snapshot; .*\(--to\)"
    ):
        segbatch.write_snapshot(crm, to, table="contacts")
    assert to.read_bytes() == before


def test_metadata_that_is_not_valid_is_ignored() -> None:
    assert source_in({b"segbatch:source": b"{}"}, 1) is None
    assert source_in(None, 1) is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["crm.db", "--from", "contacts"], "crm.db: is not the address of a database, such as postgresql://HOST"),
        (["mysql://me:canary@db/crm", "--from", "x"], "mysql://db/crm: is not the address of a database"),
        (["CRM"], "pass --query, or --from"),
        (["CRM", "--from", "x", "--query", "SELECT 1"], "pass a query or a table, not both (--query)"),
        (["CRM", "--from", "nope"], "the table 'nope' cannot be read: no such table: nope"),
        (["CRM", "--query", "SELECT nope FROM contacts"], "the query is not valid: no such column: nope"),
        (
            ["CRM", "--query", "DELETE FROM contacts RETURNING id"],
            'the query is not valid: near "DELETE": syntax error',
        ),
        (["CRM", "--query", "SELECT 1; SELECT 2"], 'the query is not valid: near ";": syntax error'),
        (["CRM", "--query", "ATTACH 'new.db' AS n"], "the query is not valid: near"),
        (["CRM", "--query", "SELECT 1 AS a, 2 AS a"], "1 column of the query have the same name as another: a"),
        (
            ["CRM", "--from", "contacts", "--to", "s3://bucket/x.parquet"],
            "a snapshot is written to a disk; name a file",
        ),
        (["CRM", "--from", "contacts", "--to", "no/x.parquet"], "no: no such folder; create it first (--to)"),
        (["CRM", "--from", "contacts", "--to", ""], "the path of the snapshot is empty"),
    ],
)
def test_a_mistake_is_one_line_and_nothing_is_written(
    crm: str, commands: Commands, tmp_path: Path, arguments: list[str], message: str
) -> None:
    to = [] if "--to" in arguments else ["--to", "new.parquet"]
    assert commands("snapshot", *(crm if word == "CRM" else word for word in arguments), *to) in {1, 2}
    assert message in commands.err
    assert commands.err.count("\n") == 1
    assert "canary" not in commands.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["crm.db", "segments"]


@pytest.mark.parametrize(
    ("values", "types"),
    [
        ((*range(70_000), "ada@example.com"), "integer and text"),
        ((1234567.89, "n/a", 0.1), "real and text"),
        ((b"1", "a"), "text and blob"),
        ((2**53 + 1, 1.5), "integer and real, and the whole numbers are too long for floating point"),
    ],
)
def test_a_column_of_several_types_is_named(
    crm: str, execute: Execute, tmp_path: Path, values: Sequence[object], types: str
) -> None:
    execute("CREATE TABLE mixed (id INTEGER, score)")
    execute("INSERT INTO mixed VALUES (?, ?)", *enumerate(values))
    with pytest.raises(SnapshotError) as caught:
        segbatch.write_snapshot(crm, tmp_path / "x.parquet", table="mixed")
    assert str(caught.value) == (
        f"{crm}#mixed: the column 'score' has values of several types: {types}; cast it in the query, for example "
        'CAST("score" AS TEXT)'
    )
    query = 'SELECT id, CAST(score AS TEXT) AS score FROM "mixed"'
    assert segbatch.write_snapshot(crm, tmp_path / "x.parquet", query=query).source.rows == len(values)


def test_a_text_that_is_not_utf_8_is_named(crm: str, tmp_path: Path) -> None:
    query = "SELECT 1 AS id, CAST(x'ff41' AS TEXT) AS name"
    with pytest.raises(SnapshotError, match=r"the column 'name' has a text that is not UTF-8; cast it .* AS BLOB"):
        segbatch.write_snapshot(crm, tmp_path / "x.parquet", query=query)


def test_a_column_without_values_fits_any_rule(crm: str, tmp_path: Path) -> None:
    query = "SELECT id, NULL AS name FROM contacts"
    segbatch.write_snapshot(crm, tmp_path / "x.parquet", query=query)
    [found] = segbatch.preview(tmp_path / "x.parquet", rules=["name neq abc"]).segments
    assert found.members == 3


def test_a_column_of_sqlite_has_the_type_of_its_values(crm: str, execute: Execute, tmp_path: Path) -> None:
    execute('CREATE TABLE late (id INTEGER, "a ""name""", number, bytes, empty TEXT)')
    nulls = [(number, None, number, None, None) for number in range(70_000)]
    execute("INSERT INTO late VALUES (?, ?, ?, ?, ?)", *nulls, (70_000, "x", 0.5, b"y", None))
    segbatch.write_snapshot(crm, tmp_path / "x.parquet", table="late")
    found = pq.read_table(tmp_path / "x.parquet")
    assert found.schema.types == [pa.int64(), pa.string(), pa.float64(), pa.binary(), pa.null()]
    assert found.slice(70_000).to_pylist() == [
        {"id": 70_000, 'a "name"': "x", "number": 0.5, "bytes": b"y", "empty": None}
    ]
    assert found.column("number").to_pylist()[:3] == [0.0, 1.0, 2.0]


def test_row_groups_have_one_length_however_the_rows_arrive(monkeypatch: pytest.MonkeyPatch) -> None:
    table = pa.table({"id": range(10)})
    monkeypatch.setattr(rows, "_GROUP_ROWS", 4)
    for size in (1, 3, 10):
        groups = [group.column("id").to_pylist() for group in rows._groups(table.to_batches(size))]  # noqa: SLF001
        assert groups == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    monkeypatch.setattr(rows, "_GROUP_BYTES", 24)
    assert [len(group) for group in rows._groups(table.to_batches(2))] == [4, 4, 2]  # noqa: SLF001


def test_a_table_without_rows_is_a_file_without_rows(crm: str, execute: Execute, tmp_path: Path) -> None:
    execute("DELETE FROM contacts")
    assert segbatch.write_snapshot(crm, tmp_path / "x.parquet", table="contacts").source.rows == 0
    assert pq.read_schema(tmp_path / "x.parquet").names == ["id", "status", "custom_fields"]


class Broken:
    """A reader that loses its connection after one batch."""

    schema = pa.schema([("id", pa.int64())])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def __iter__(self) -> Any:
        yield pa.record_batch({"id": [1]})
        raise OSError("server closed the connection unexpectedly: 'ada@example.com'")


def test_a_connection_that_breaks_is_one_message_and_the_old_file_stays(
    crm: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    to = tmp_path / "contacts.parquet"
    segbatch.write_snapshot(crm, to, table="contacts")
    before = to.read_bytes()
    import adbc_driver_manager.dbapi  # noqa: PLC0415 - the class that is changed

    monkeypatch.setattr(adbc_driver_manager.dbapi.Cursor, "fetch_record_batch", lambda _cursor: Broken())
    with pytest.raises(DatabaseError) as caught:
        segbatch.write_snapshot(crm, to, table="contacts")
    assert str(caught.value) == f"{crm}: the connection was lost; try again"
    assert to.read_bytes() == before
    monkeypatch.undo()
    assert segbatch.write_snapshot(crm, to, table="contacts").source.rows == 3


def test_a_full_disk_keeps_the_old_file_and_ends_the_other_thread(
    crm: str, execute: Execute, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    execute("INSERT INTO contacts VALUES (?, ?, ?)", *((number, "x", None) for number in range(10, 2_000)))
    to = tmp_path / "contacts.parquet"
    segbatch.write_snapshot(crm, to, table="contacts")
    before, threads = to.read_bytes(), active_count()
    monkeypatch.setattr(rows, "_SQLITE_ROWS", 100)
    monkeypatch.setattr(rows, "_GROUP_ROWS", 100)

    def full(file: DigestingFile, _data: bytes) -> int:
        file.error = OSError(errno.ENOSPC, "No space left on device")
        raise file.error

    monkeypatch.setattr(DigestingFile, "write", full)
    with pytest.raises(SnapshotError, match="cannot be written: No space left on device; nothing was changed"):
        segbatch.write_snapshot(crm, to, table="contacts")
    assert to.read_bytes() == before
    until = monotonic() + 5
    while active_count() > threads and monotonic() < until:
        sleep(0.01)
    assert active_count() == threads


@pytest.mark.parametrize("error", ["UnflushedError", "UncertainError"])
def test_doubts_about_a_replaced_file_are_reported(
    crm: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: str
) -> None:
    from segbatch.platform import files  # noqa: PLC0415 - its exceptions
    from segbatch.snapshot.database import write  # noqa: PLC0415 - the module that is changed

    def fail(*_: Path) -> None:
        raise getattr(files, error)(errno.EIO, "Input/output error")

    monkeypatch.setattr(write, "replace_file", fail)
    expected = "may not survive a power failure" if error == "UnflushedError" else "may be complete or unchanged"
    with pytest.raises(SnapshotError, match=expected):
        segbatch.write_snapshot(crm, tmp_path / "x.parquet", table="contacts")


def test_progress_counts_rows(crm: str, tmp_path: Path) -> None:
    counts: list[int] = []
    segbatch.write_snapshot(crm, tmp_path / "x.parquet", table="contacts", progress=counts.append)
    assert counts == [3]


def test_the_database_may_be_written_meanwhile(crm: str, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "crm.db")) as connection, connection:
        connection.execute("SELECT * FROM contacts").fetchone()
        assert segbatch.write_snapshot(crm, tmp_path / "x.parquet", table="contacts").source.rows == 3
