"""Other engines read what a run publishes as Delta, as Iceberg and as plain Parquet, and see one whole run."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
from deltalake import write_deltalake
from pyiceberg.catalog.sql import SqlCatalog

import segbatch
from lake.readers import Bucket, Rows, read_local, read_views, run_python
from lake_tables import ORDER, rows_of_run
from segbatch.sql.views.generate import write_views
from segbatch.sql.views.output import OutputAddress
from segbatch.sql.views.over_files import statements_over_files
from workspace import FIRST_RUN, Workspace

SCANS = """
import json, sys
import pandas, polars
from deltalake import DeltaTable
request = json.load(sys.stdin)
options = request["options"] or None
def delta(name):
    return polars.scan_delta(f"{request['location']}/{name}", storage_options=options)
current = delta("current")
members = delta("membership").join(current, on="publication").select("segment_id", "contact_id").sort(polars.all())
table = DeltaTable(f"{request['location']}/membership", storage_options=options)
frame = table.to_pandas()
[publication] = DeltaTable(f"{request['location']}/current", storage_options=options).to_pandas()["publication"]
frame = frame[frame["publication"] == publication].sort_values(["segment_id", "contact_id"])
print(json.dumps([members.collect().rows(), frame[["segment_id", "contact_id"]].values.tolist()]))
"""
ICEBERG_SCANS = """
import json, sys
import polars
from pyiceberg.catalog.sql import SqlCatalog
request = json.load(sys.stdin)
catalog = SqlCatalog("c", **request)
current = polars.scan_iceberg(catalog.load_table("audiences.current"))
membership = catalog.load_table("audiences.membership")
members = polars.scan_iceberg(membership).join(current, on="publication")
members = members.select("segment_id", "contact_id").sort(polars.all())
[publication] = catalog.load_table("audiences.current").scan().to_arrow()["publication"].to_pylist()
frame = membership.scan(f"publication = '{publication}'").to_pandas().sort_values(["segment_id", "contact_id"])
print(json.dumps([members.collect().rows(), frame[["segment_id", "contact_id"]].values.tolist()]))
"""
PARQUET_SCANS = """
import json, sys
import pandas, polars
folder = json.load(sys.stdin)
frame = pandas.read_parquet(folder)
rows = [frame[["segment_id", "contact_id"]].sort_values(["segment_id", "contact_id"]).values.tolist()]
members = polars.scan_parquet(f"{folder}/*.parquet").select("segment_id", "contact_id").sort(polars.all())
rows.append(members.collect().rows())
print(json.dumps(rows))
"""


class DeltaTables:
    """Tables of Delta below a path or an address."""

    def __init__(self, location: str, options: Mapping[str, str]) -> None:
        self.location, self.options = location, dict(options)

    def write(self, name: str, rows: pa.Table) -> None:
        mode: Any = "overwrite" if name == "current" else "append"
        write_deltalake(f"{self.location}/{name}", rows, mode=mode, storage_options=self.options or None)

    def statements(self) -> list[str]:
        return [write_views(f"delta+{self.location}", dialect="duckdb")]


class IcebergTables:
    """Tables of Iceberg in a catalog of SQLite. DuckDB cannot ask such a catalog, so it gets their metadata files."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.properties = {"uri": f"sqlite:///{folder}/catalog.db", "warehouse": f"file://{folder}"}
        self.catalog = SqlCatalog("c", **self.properties)
        self.catalog.create_namespace("audiences")

    def write(self, name: str, rows: pa.Table) -> None:
        table = self.catalog.create_table_if_not_exists(f"audiences.{name}", rows.schema)
        if name == "current" and table.current_snapshot():
            table.overwrite(rows)
        else:
            table.append(rows)

    def statements(self) -> list[str]:
        found = {name: self.catalog.load_table(f"audiences.{name}").metadata_location for name in reversed(ORDER)}
        tables = [
            f"CREATE VIEW lake.\"{name}\" AS FROM iceberg_scan('{file.removeprefix('file://')}')"
            for name, file in found.items()
        ]
        views = write_views("iceberg://c/audiences", dialect="duckdb", tables="lake")
        return ["CREATE SCHEMA lake", *tables, views]


def publish(tables: DeltaTables | IcebergTables, workspace: Workspace, number: int) -> None:
    for _ in steps(tables, workspace, number):
        pass


def steps(tables: DeltaTables | IcebergTables, workspace: Workspace, number: int) -> Any:
    """Publish a run, table by table."""
    previous = f"night-{number - 1}" if number else None
    for name, rows in rows_of_run(workspace.place(f"night-{number}"), number + 1, previous).items():
        tables.write(name, rows)
        yield name


def ensure_one_whole_run(tables: DeltaTables | IcebergTables, workspace: Workspace, *before: str) -> None:
    """Publish a third run, and compare the views with the local tables before and after each commit."""
    for number in (0, 1):
        publish(tables, workspace, number)
    columns, expected = read_local(workspace)
    assert read_views([*before, *tables.statements()], columns) == expected
    workspace.contacts(ann="free", bob="pro", cem="pro")
    workspace.run(2)
    for name in steps(tables, workspace, 2):
        if name == "current":
            columns, expected = read_local(workspace)
        assert read_views([*before, *tables.statements()], columns) == expected, f"killed after {name}"


def members(workspace: Workspace) -> Rows:
    return read_local(workspace)[1]["membership"]


def test_duckdb_sees_one_whole_run_in_delta_after_each_commit(workspace: Workspace, tmp_path: Path) -> None:
    tables = DeltaTables(str(tmp_path / "lake"), {})
    ensure_one_whole_run(tables, workspace)


def test_duckdb_sees_one_whole_run_in_iceberg_after_each_commit(workspace: Workspace, tmp_path: Path) -> None:
    tables = IcebergTables(tmp_path / "lake")
    ensure_one_whole_run(tables, workspace)


def test_duckdb_polars_and_pandas_read_delta_in_a_bucket(workspace: Workspace, bucket: Bucket) -> None:
    tables = DeltaTables(f"s3://{bucket.name}/crm", bucket.options)
    for number in (0, 1):
        publish(tables, workspace, number)
    columns, expected = read_local(workspace)
    assert read_views([bucket.secret, *tables.statements()], columns) == expected
    found = run_python(SCANS, {"location": tables.location, "options": bucket.options})
    assert found == [members(workspace)] * 2


def test_polars_and_pandas_read_iceberg(workspace: Workspace, tmp_path: Path) -> None:
    tables = IcebergTables(tmp_path / "lake")
    for number in (0, 1):
        publish(tables, workspace, number)
    assert run_python(ICEBERG_SCANS, tables.properties) == [members(workspace)] * 2


def test_duckdb_reads_plain_files_in_a_bucket(workspace: Workspace, bucket: Bucket) -> None:
    address = bucket.upload(workspace.output, "crm")
    columns, expected = read_local(workspace)
    assert read_views([bucket.secret, write_views(address, dialect="duckdb")], columns) == expected


def test_duckdb_reads_plain_files_on_a_disk(workspace: Workspace) -> None:
    columns, expected = read_local(workspace)
    statements = [sql for _, sql in statements_over_files(OutputAddress("parquet", str(workspace.output)), ())]
    assert read_views(statements, columns) == expected


def test_pandas_and_polars_read_the_files_of_a_run(workspace: Workspace) -> None:
    found = run_python(PARQUET_SCANS, str(workspace.place("night-1") / "membership"))
    assert found == [members(workspace)] * 2


def test_rows_of_a_replaced_run_are_not_seen(workspace: Workspace, tmp_path: Path) -> None:
    tables = DeltaTables(str(tmp_path / "lake"), {})
    for number in (0, 1):
        publish(tables, workspace, number)
    workspace.contacts(ann="free", bob="free", cem="pro")
    workspace.run(1)
    for name, rows in rows_of_run(workspace.place("night-1~2"), 3, "night-1").items():
        tables.write(name, rows)
    columns, expected = read_local(workspace)
    assert read_views(tables.statements(), columns) == expected


def test_duckdb_reads_what_runs_published_to_delta(workspace: Workspace, tmp_path: Path) -> None:
    lake = f"delta+{tmp_path}/lake"
    inputs = tmp_path / "contacts.parquet", tmp_path / "segments"
    for number, plans in enumerate([("pro", "pro", "free"), ("pro", "free", "pro"), ("free", "free", "pro")]):
        workspace.contacts(**dict(zip(("ann", "bob", "cem"), plans, strict=True)))
        segbatch.run(*inputs, lake, as_of=FIRST_RUN + timedelta(days=number), run_id=f"night-{number}")
        if number == 2:
            workspace.run(number)
    columns, expected = read_local(workspace)
    found = read_views([write_views(lake, dialect="duckdb")], columns)
    assert found.keys() == expected.keys()
    for view in ("membership", "membership_changes", "membership_history", "segment_runs"):
        assert found[view] == expected[view], view
    assert [row[0] for row in found["runs"]] == ["night-0", "night-1", "night-2"]
