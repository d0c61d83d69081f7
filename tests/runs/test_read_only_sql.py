"""Statements that `segbatch query` refuses because they could write, and those that it runs."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from segbatch.errors import QueryError, UsageError
from segbatch.runs.query import query
from segbatch.runs.read_only_sql import connected
from workspace import Workspace

COPY = "COPY (SELECT 1 AS a) TO 'written.csv'"
PIVOT = "PIVOT (FROM segments) ON status USING count(*)"

WRITING = [
    COPY,
    f"  /* a comment */ -- and one more\n {COPY}",
    "COPY (SELECT 1 AS a) TO 'written.parquet' (FORMAT parquet)",
    "COPY (SELECT 1 AS a) TO 'taken.csv'",
    "COPY runs FROM 'taken.csv'",
    f"WITH a AS ({COPY}) FROM a",
    f"WITH a AS ({COPY}) SELECT 1 LIMIT 0",
    f"WITH a AS MATERIALIZED ({COPY[:-1]}' (RETURN_FILES)) FROM a",
    f"WITH b AS (SELECT 1), a AS ({COPY}) FROM b",
    f"WITH a AS ({COPY}) PIVOT a ON a",
    f"WITH a AS ({COPY}) FROM (PIVOT a ON a)",
    f"WITH a AS ({PIVOT}), b AS (cOpY /* /* x */ */ (SELECT 1) TO $$written.csv$$) FROM a",
    f"WITH a AS ({COPY}) FROM (UNPIVOT (SELECT 1 AS a, 2 AS b) ON a, b)",
    f"(WITH a AS ({COPY}) FROM a) UNION ALL SELECT 1",
    f"SUMMARIZE WITH a AS ({COPY}) FROM a",
    f"EXPLAIN {COPY}",
    f"EXPLAIN ANALYZE {COPY}",
    f"EXPLAIN (ANALYZE, FORMAT json) {COPY}",
    f"EXPLAIN ANALYZE WITH a AS ({COPY}) FROM a",
    f"EXPLAIN WITH a AS ({COPY}) PIVOT a ON a",
    "EXPLAIN ANALYZE CREATE TABLE t AS SELECT 1",
    "EXPORT DATABASE 'exported'",
    "IMPORT DATABASE 'imported'",
    "ATTACH 'new.duckdb'",
    "ATTACH 'other.duckdb' AS other",
    "ATTACH 'other.duckdb' AS other (READ_ONLY)",
    "DETACH segbatch",
    "CREATE TABLE t AS SELECT 1",
    "CREATE TEMP TABLE t AS SELECT 1",
    "CREATE OR REPLACE VIEW membership AS SELECT 1",
    "CREATE PERSISTENT SECRET s (TYPE http)",
    "INSERT INTO runs SELECT * FROM runs",
    "WITH a AS (DELETE FROM runs RETURNING *) FROM a",
    "UPDATE segments SET name = 'x'",
    "DELETE FROM segments",
    "TRUNCATE segments",
    "DROP VIEW membership",
    "ALTER TABLE runs ADD COLUMN x INTEGER",
    "COMMENT ON TABLE runs IS 'x'",
    "VACUUM",
    "CHECKPOINT",
    "FROM checkpoint()",
    "SELECT 1 WHERE EXISTS (FROM force_checkpoint())",
    "INSTALL httpfs",
    "LOAD httpfs",
    "UPDATE EXTENSIONS",
    "SET temp_directory = 'spilled'",
    "SET lock_configuration = false",
    "RESET ALL",
    "PRAGMA enable_profiling = 'json'",
    "CALL enable_logging(storage = 'file', storage_path = 'logged')",
    "FROM enable_logging(storage = 'file', storage_path = 'logged')",
    "FROM query('FROM enable_logging(storage = ''file'', storage_path = ''logged'')')",
    "FROM enable_profiling(format = 'json', save_location = 'profile.json')",
    "SELECT 1 WHERE 1 IN (SELECT 1 FROM enable_profiling(format = 'json', save_location = 'profile.json'))",
    f"FROM query('WITH a AS ({COPY.replace(chr(39), chr(39) * 2)}) FROM a')",
    f"PREPARE p AS {COPY}",
    "EXECUTE p",
    "BEGIN TRANSACTION",
    "USE temp",
    "FROM read_duckdb('new.duckdb')",
    "FROM 'new.duckdb'",
]

READING = [
    "FROM segments",
    "SELECT 'COPY' AS copy FROM runs",
    "WITH a AS (FROM membership) SELECT count(*) FROM a;",
    "VALUES (1), (2)",
    "TABLE runs",
    "DESCRIBE membership",
    "SUMMARIZE runs",
    "SHOW TABLES",
    PIVOT,
    "WITH a AS (FROM segments) PIVOT a ON status USING count(*)",
    """SELECT * FROM (PIVOT (SELECT 'copy' AS "copy", 1 AS n) ON "copy" USING sum(n))""",
    "EXPLAIN FROM segments",
    "EXPLAIN (FROM segments)",
    "EXPLAIN ANALYZE SELECT 1",
    "EXPLAIN (FORMAT json) SELECT (1)",
    "FROM 'taken.csv'",
    "FROM read_csv('taken.csv', store_rejects = true)",
    "FROM read_text('taken.csv')",
    "FROM glob('*.csv')",
    "FROM 'output/runs/*/membership/*.parquet'",
    "FROM 'other.duckdb'",
    "FROM query('FROM segments')",
]


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    workspace = Workspace(tmp_path_factory.mktemp("published"))
    workspace.contacts(ann="pro", bob="free")
    workspace.segment("pro")
    workspace.run(0)
    (workspace.folder / "taken.csv").write_text("a\n7\n")
    with duckdb.connect(str(workspace.folder / "other.duckdb")) as other:
        other.execute("CREATE TABLE t AS SELECT 1 AS a")
    return workspace.folder


@pytest.fixture
def here(published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Work beside the output, with a home and a temporary folder that are looked at too; nothing may change there."""
    monkeypatch.chdir(published)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    before = seen(published), seen(tmp_path)
    yield published
    assert (seen(published), seen(tmp_path)) == before


def seen(folder: Path) -> dict[Path, tuple[int, bytes | None]]:
    files = sorted(folder.rglob("*"))
    return {file: (file.stat().st_mtime_ns, file.read_bytes() if file.is_file() else None) for file in files}


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("sql", WRITING)
def test_statements_that_could_write_are_refused_and_change_no_file(sql: str) -> None:
    with pytest.raises(UsageError):
        query(Path("output"), sql, 10)


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("sql", READING)
def test_statements_that_only_read_are_run_and_change_no_file(sql: str) -> None:
    assert query(Path("output"), sql, 10).rows


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    "sql",
    [
        "FROM 's3://bucket/file.parquet'",
        "FROM read_csv('https://127.0.0.1:1/x.csv')",
        "FROM sqlite_scan('x', 'y')",
        "FROM 'x.xlsx'",
    ],
)
def test_no_extension_is_downloaded(sql: str) -> None:
    with pytest.raises(QueryError, match="not found"):
        query(Path("output"), sql, 10)


@pytest.mark.usefixtures("here")
def test_a_name_is_never_a_variable_of_the_program() -> None:
    with pytest.raises(QueryError, match="Table with name output does not exist"):
        query(Path("output"), "FROM output", 10)


def test_the_mark_in_an_error_is_at_the_right_position(here: Path) -> None:
    with pytest.raises(QueryError) as told:
        query(here / "output", "SELECT 1,\nnothing FROM segments", 10)
    assert "LINE 2: nothing FROM segments\n        ^^^^^^^" in str(told.value)


def test_data_that_does_not_fit_in_memory_goes_to_a_private_folder(here: Path) -> None:
    with connected(here / "output" / "segbatch.duckdb") as connection:
        [(folder,)] = connection.execute("SELECT current_setting('temp_directory')").fetchall()
        assert stat.S_IMODE(Path(folder).stat().st_mode) == 0o700
        assert Path(folder).stat().st_uid == os.geteuid()
        (Path(folder) / "spilled").touch()
    assert not Path(folder).exists()


def test_without_tmpdir_it_is_a_folder_for_large_files(
    published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TMPDIR", raising=False)
    monkeypatch.setattr("segbatch.runs.read_only_sql._LARGE", str(tmp_path))
    with connected(published / "output" / "segbatch.duckdb") as connection:
        [(folder,)] = connection.execute("SELECT current_setting('temp_directory')").fetchall()
    assert Path(folder).parent == tmp_path


def test_without_a_temporary_folder_all_is_done_in_memory(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(here / "nowhere"))
    assert query(here / "output", "SELECT current_setting('temp_directory')", 10).rows == (("",),)
