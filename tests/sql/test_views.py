"""The views over tables of Delta or Iceberg and over plain files, run by DuckDB and compared with the local tables."""

import json
from pathlib import Path
from typing import Any

import duckdb
import pytest
import sqlglot
from sqlglot import exp

from lake_tables import ORDER, VIEWS, LakeTables
from segbatch.cluster.loop import LoopCluster
from segbatch.errors import UsageError
from segbatch.sql.views.engines import ENGINES
from segbatch.sql.views.generate import write_views
from segbatch.sql.views.output import OutputAddress
from segbatch.sql.views.over_files import statements_over_files
from segbatch.sql.views.over_tables import QUERIES
from workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """Two runs: bob left and cem entered with the second."""
    workspace = Workspace(tmp_path)
    workspace.contacts(ann="pro", bob="pro", cem="free")
    workspace.segment("pro", tags=["vip"])
    workspace.segment("free")
    workspace.run(0)
    workspace.contacts(ann="pro", bob="free", cem="pro")
    workspace.run(1)
    return workspace


def comparable(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Return rows in one order, and JSON as data."""
    parsed = (tuple(json.loads(cell) if str(cell).startswith("{") else cell for cell in row) for row in rows)
    return sorted(parsed, key=str)


def local_rows(workspace: Workspace, view: str) -> tuple[list[str], list[tuple[Any, ...]]]:
    with duckdb.connect(str(workspace.output / "segbatch.duckdb"), read_only=True) as connection:
        cursor = connection.execute(f"SELECT * FROM {view}")
        columns = [name for name, *_ in cursor.description or ()]
        return columns, comparable(cursor.fetchall())


def lake_rows(lake: LakeTables, view: str, columns: list[str]) -> list[tuple[Any, ...]]:
    """Read columns of a view over the tables, created by the printed statements."""
    with duckdb.connect() as connection:
        connection.execute("CREATE SCHEMA lake")
        for name, table in lake.tables.items():
            connection.register("rows", table)
            connection.execute(f'CREATE TABLE lake."{name}" AS FROM rows')
        connection.execute(write_views("delta+/elsewhere", dialect="duckdb", tables="lake"))
        return comparable(connection.execute(f"SELECT {', '.join(columns)} FROM {view}").fetchall())


def file_rows(workspace: Workspace, view: str, columns: list[str]) -> list[tuple[Any, ...]]:
    """Read columns of a view over the files of a local output, as those in object storage are read."""
    with duckdb.connect() as connection:
        for _, statement in statements_over_files(OutputAddress("parquet", str(workspace.output)), ()):
            connection.execute(statement)
        return comparable(connection.execute(f"SELECT {', '.join(columns)} FROM {view}").fetchall())


def ensure_same(workspace: Workspace, lake: LakeTables) -> None:
    """Compare all views with the local tables."""
    for view in VIEWS:
        columns, expected = local_rows(workspace, view)
        assert lake_rows(lake, view, columns) == expected, view
        assert file_rows(workspace, view, columns) == expected, view


def published(workspace: Workspace, *folders: str) -> LakeTables:
    lake = LakeTables()
    for folder in folders:
        lake.publish(workspace.place(folder))
    return lake


@pytest.mark.slow
def test_views_show_what_the_local_tables_show(workspace: Workspace) -> None:
    ensure_same(workspace, published(workspace, "night-0", "night-1"))


@pytest.mark.slow
def test_views_over_the_first_run_have_no_changes(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    workspace.contacts(ann="pro", bob="free")
    workspace.segment("pro")
    workspace.run(0)
    ensure_same(workspace, published(workspace, "night-0"))


@pytest.mark.slow
def test_views_over_files_show_runs_on_a_cluster_and_on_one_machine(workspace: Workspace) -> None:
    for number, more in ((2, {"engine": LoopCluster(), "buckets": 3}), (3, {})):
        workspace.contacts(ann="free" if number == 2 else "pro", bob="pro", dan="pro")
        workspace.run(number, **more)
        for view in VIEWS:
            columns, rows = local_rows(workspace, view)
            assert file_rows(workspace, view, columns) == rows
    assert [past.buckets for past in workspace.history().runs] == [None, None, 3, None]


def test_a_repeated_run_counts_once(workspace: Workspace) -> None:
    workspace.contacts(ann="free", bob="free", cem="pro")
    workspace.run(1)
    ensure_same(workspace, published(workspace, "night-0", "night-1", "night-1~2"))


@pytest.mark.slow
def test_runs_that_were_rolled_back_are_left_out(workspace: Workspace) -> None:
    workspace.run(2)
    workspace.run(3)
    lake = published(workspace, "night-0", "night-1", "night-2", "night-3")
    workspace.contacts(ann="pro", bob="pro", cem="pro")
    workspace.run(1, rewind=True)
    lake.publish(workspace.place("night-1~2"))
    ensure_same(workspace, lake)
    workspace.contacts(ann="free", bob="pro", cem="pro")
    workspace.run(4)
    lake.publish(workspace.place("night-4"))
    ensure_same(workspace, lake)


@pytest.mark.slow
def test_renamed_segments_have_their_present_id_in_all_runs(workspace: Workspace) -> None:
    lake = published(workspace, "night-0", "night-1")
    for number, (old, new) in enumerate([("pro", "paying"), ("paying", "pro"), ("free", "rest"), ("pro", "free")], 2):
        workspace.drop(old)
        workspace.segment(new, "free" if old == "free" else "pro", previous_ids=[old])
        workspace.contacts(ann="pro", bob="pro" if number % 2 else "free", cem="pro")
        workspace.run(number)
        lake.publish(workspace.place(f"night-{number}"))
        ensure_same(workspace, lake)


@pytest.mark.slow
def test_a_deleted_segment_is_kept_apart_from_one_that_got_its_id(workspace: Workspace) -> None:
    lake = published(workspace, "night-0", "night-1")
    workspace.drop("free")
    workspace.run(2)
    workspace.drop("pro")
    workspace.segment("free", "pro", previous_ids=["pro"])
    workspace.contacts(ann="free", bob="pro", cem="pro")
    workspace.run(3)
    for number in (2, 3):
        lake.publish(workspace.place(f"night-{number}"))
    assert ("free~1",) in workspace.ask("SELECT DISTINCT segment_id FROM membership_changes")
    ensure_same(workspace, lake)


@pytest.mark.slow
def test_a_run_that_is_half_published_is_not_seen(workspace: Workspace) -> None:
    lake = published(workspace, "night-0", "night-1")
    expected = {view: local_rows(workspace, view) for view in VIEWS}
    workspace.contacts(ann="free", bob="free", cem="pro")
    workspace.run(2)
    steps = lake.steps(workspace.place("night-2"))
    for written in ORDER[:-1]:
        assert next(steps) == written
        for view, (columns, rows) in expected.items():
            assert lake_rows(lake, view, columns) == rows, f"{view} after {written}"
    assert next(steps) == "current"
    ensure_same(workspace, lake)


@pytest.mark.slow
def test_a_run_that_lost_against_another_is_never_seen(workspace: Workspace) -> None:
    lake = published(workspace, "night-0", "night-1")
    workspace.contacts(ann="free", bob="free", cem="free")
    workspace.run(2, run_id="loser")
    loser = lake.steps(workspace.place("loser"))
    assert [next(loser) for _ in ORDER[:-1]][-1] == "runs"
    workspace.contacts(ann="pro", bob="pro", cem="pro")
    workspace.run(1, rewind=True)
    workspace.run(2)
    for folder in ("night-1~2", "night-2"):
        lake.publish(workspace.place(folder))
        columns, expected = local_rows(workspace, "runs")
    assert lake_rows(lake, "runs", columns) == expected
    ensure_same(workspace, lake)


def test_a_session_over_plain_files_sees_one_run_until_it_asks_again(workspace: Workspace) -> None:
    statements = [sql for _, sql in statements_over_files(OutputAddress("parquet", str(workspace.output)), ())]
    with duckdb.connect() as connection:
        for statement in statements:
            connection.execute(statement)
        before = [comparable(connection.execute(f"FROM {view}").fetchall()) for view in VIEWS]
        workspace.contacts(ann="free", bob="free", cem="free")
        workspace.run(2)
        assert [comparable(connection.execute(f"FROM {view}").fetchall()) for view in VIEWS] == before
        for statement in statements[:2]:
            connection.execute(statement)
        columns, expected = local_rows(workspace, "membership")
        assert (
            sorted(connection.execute(f"SELECT {', '.join(columns)} FROM membership").fetchall(), key=str) == expected
        )


@pytest.mark.parametrize("engine", ENGINES)
def test_statements_are_sql_of_the_engine(engine: str) -> None:
    printed = write_views("delta+gs://bucket/crm", dialect=engine, schema="main.audiences", tables="lake.crm")
    created = [one for one in sqlglot.parse(printed, read=engine) if one is not None]
    assert [one.this.sql(engine) for one in created] == [f"main.audiences.{view}" for view in QUERIES]
    assert all(one.find(exp.Table) and one.args["replace"] for one in created)


@pytest.mark.parametrize(
    ("engine", "output", "named"),
    [
        ("duckdb", "delta+s3://bucket/crm", "DELTA_SCAN('s3://bucket/crm/current')"),
        ("duckdb", "iceberg://prod/crm.audiences", 'prod.crm.audiences."current"'),
        ("spark", "delta+s3://bucket/crm", "delta.`s3a://bucket/crm/current`"),
        ("spark", "iceberg://prod/audiences", "prod.audiences.`current`"),
        ("databricks", "delta+s3://bucket/crm/", "delta.`s3://bucket/crm/current`"),
        ("trino", "iceberg://prod/audiences", 'prod.audiences."current"'),
        ("athena", "iceberg://glue/audiences", 'audiences."current"'),
        ("duckdb", "delta+/data/crm", "DELTA_SCAN('/data/crm/current')"),
    ],
)
def test_tables_are_named_as_the_engine_finds_them(engine: str, output: str, named: str) -> None:
    assert f"FROM {named} AS p" in write_views(output, dialect=engine)


@pytest.mark.parametrize(
    ("engine", "named"),
    [("snowflake", 'lake."CURRENT"'), ("bigquery", "lake.`current`"), ("trino", 'lake."current"')],
)
def test_the_name_current_is_quoted_because_some_engines_reserve_it(engine: str, named: str) -> None:
    assert f"FROM {named} AS p" in write_views("delta+s3://bucket/crm", dialect=engine, tables="lake")


def test_views_of_plain_files_begin_with_the_published_run() -> None:
    printed = write_views("s3://bucket/crm", dialect="duckdb", schema="audiences")
    assert "READ_TEXT('s3://bucket/crm/current')" in printed
    assert "CREATE OR REPLACE VIEW audiences.membership_changes AS" in printed
    assert "JOIN audiences.segment_renames AS n" in printed


@pytest.mark.parametrize(
    ("output", "options", "message"),
    [
        ("output", {}, "output: is a folder on this machine, which has its views in segbatch.duckdb"),
        ("delta+", {}, "delta+: has no path; write delta+PATH"),
        ("s3://", {}, "s3://: is not the address of an output"),
        ("https://host/x", {}, "https://host/x: is not the address of an output; write s3://BUCKET/PREFIX"),
        ("delta+s3://key:secret@bucket/x", {}, "delta+s3://bucket/x: the address has credentials; leave them out"),
        ("iceberg://a", {}, "iceberg://a: is not the address of an output"),
        ("s3://b/x", {"dialect": "mysql"}, "'mysql' is not a dialect of views; use duckdb, spark"),
        ("s3://b/x", {"dialect": "duckdbb"}, "'duckdbb' is not a dialect of views; did you mean 'duckdb'?"),
        ("s3://b/x", {"dialect": "trino"}, "s3://b/x: trino cannot follow the file 'current' of plain Parquet files"),
        ("s3://b/x", {"tables": "lake"}, "s3://b/x: plain Parquet files are no tables with a schema"),
        ("s3://b/x[1]", {}, "s3://b/x[1]: DuckDB would read the [ in the address as a pattern"),
        ("delta+s3://b/x", {"dialect": "athena"}, "delta+s3://b/x: athena reads these tables by name"),
        ("iceberg://a/b", {"dialect": "bigquery"}, "iceberg://a/b: bigquery reads these tables by name"),
        ("delta+az://b/x", {"dialect": "spark"}, "az://b/x: spark needs the account in the address; write abfss://"),
        ("delta+s3://b/x", {"schema": "a", "tables": "a"}, "a: has the tables, whose names the views need"),
        ("delta+s3://b/x", {"schema": "a..b"}, "'a..b' is not the name of a schema; write SCHEMA or CATALOG.SCHEMA"),
        ("delta+s3://b/x", {"tables": "a;b"}, "'a;b' is not the name of a schema"),
    ],
)
def test_what_cannot_be_written_is_an_error(output: str, options: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError) as error:
        write_views(output, **{"dialect": "duckdb"} | options)
    assert str(error.value).startswith(message)
    assert "secret" not in str(error.value)


def test_sqlglot_is_optional(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("segbatch.sql.views.generate.find_spec", lambda _: None)
    with pytest.raises(UsageError, match="pip install 'segbatch\\[sql\\]'"):
        write_views("s3://b/x", dialect="duckdb")
